"""Landmark files that people have for their models, read into `KnownPoints`.

- text: 68 vertex numbers, one a line or separated by blanks; or rows of `vertex weight vertex weight vertex weight`
  as GNM's `head_sparse_68.txt`; or `name = vertex` lines counted from 1 as eos' `ibug_to_bfm...txt`
- npz with `lmk_face_idx` and `lmk_b_coords`, the FLAME embeddings: 51 or 68 points of iBUG, or with
  `landmark_indices` points of MediaPipe; or `full_lmk_faces_idx` and `full_lmk_bary_coords`
- npz with `numbering` ("ibug68" or "mediapipe478"), `number` (L), `index` (L, N) and `weight` (L, N): ours
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from hiface.convert.reading import Arrays, read_arrays
from hiface.convert.source import KnownPoints
from hiface.errors import AssetError

COUNTS = {"ibug68": 68, "mediapipe478": 478}
_INNER = 51
_PAIR = re.compile(r"^\s*(\d+)\s*=\s*(\d+)", re.MULTILINE)


def read_known_points(path: str | Path, triangles: Int[np.ndarray, "T 3"], vertex_count: int) -> KnownPoints:
    """Points of a file, on a model with these triangles in the source's own order. Raises `AssetError`."""
    path = Path(path)
    plain = path.suffix.lower() in (".txt", ".csv")
    points = _text(path) if plain else _arrays(read_arrays(path), triangles, path)
    top = COUNTS[points.numbering]
    if points.index.max() >= vertex_count or points.index.min() < 0:
        raise AssetError(f"{path}: names vertex {points.index.max()} of {vertex_count}; it belongs to another model")
    if points.number.max() >= top or points.number.min() < 0 or points.index.shape != points.weight.shape:
        raise AssetError(f"{path}: expected points 0 to {top - 1} of {points.numbering}, each with as many weights")
    if np.abs(points.weight.sum(1) - 1).max() > 0.01:
        raise AssetError(f"{path}: the weights of point {int(points.number[0])} and others do not sum to 1")
    return points


def _text(path: Path) -> KnownPoints:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise AssetError(f"{path}: not a readable text file ({error})") from error
    if pairs := _PAIR.findall(text):
        table = np.array(pairs, np.int64)
        return _single(table[:, 0] - 1, table[:, 1])
    try:
        rows = [[float(w) for w in re.split(r"[\s,]+", line.strip())] for line in text.splitlines() if line.strip()]
    except ValueError as error:
        raise AssetError(f"{path}: expected vertex numbers, or rows of vertex and weight, {error}") from error
    sizes = {len(row) for row in rows}
    if len(rows) == 68 and len(sizes) == 1 and sizes <= {4, 6, 8}:
        table = np.array(rows)
        weight = table[:, 1::2]
        return KnownPoints("ibug68", np.arange(68), table[:, ::2].astype(np.int64), weight / weight.sum(1)[:, None])
    numbers = [value for row in rows for value in row]
    return _single(_numbers_of(len(numbers), path), np.array(numbers, np.int64))


def _single(number: Int[np.ndarray, "L"], vertex: Int[np.ndarray, "L"]) -> KnownPoints:
    return KnownPoints("ibug68", number, vertex[:, None], np.ones((len(vertex), 1)))


def _numbers_of(count: int, path: Path) -> Int[np.ndarray, "L"]:
    """Which of the 68 a list of 68, or of the 51 without the jaw line, means."""
    if count not in (_INNER, 68):
        raise AssetError(f"{path}: {count} points, expected 68 of iBUG, or the 51 without the jaw line")
    return np.arange(68 - count, 68)


def _arrays(arrays: Arrays, triangles: Int[np.ndarray, "T 3"], path: Path) -> KnownPoints:
    if {"numbering", "number", "index", "weight"} <= set(arrays):
        numbering = str(arrays["numbering"])
        if numbering not in COUNTS:
            raise AssetError(f"{path}: numbering {numbering!r}, expected one of {', '.join(COUNTS)}")
        return KnownPoints(numbering, arrays["number"].astype(int), arrays["index"].astype(int), arrays["weight"])
    for faces, weights in (("lmk_face_idx", "lmk_b_coords"), ("full_lmk_faces_idx", "full_lmk_bary_coords")):
        if {faces, weights} <= set(arrays):
            return _embedding(arrays, arrays[faces], arrays[weights], triangles, path)
    raise AssetError(
        f"{path}: expected lmk_face_idx and lmk_b_coords, or numbering, number, index and weight; found"
        f" {sorted(arrays)}"
    )


def _embedding(
    arrays: Arrays,
    faces: Int[np.ndarray, "*L"],
    weight: Float[np.ndarray, "*L 3"],
    triangles: Int[np.ndarray, "T 3"],
    path: Path,
) -> KnownPoints:
    """Points on triangles of the source, counted as the source counts them."""
    faces, weight = faces.astype(np.int64).ravel(), weight.astype(np.float64).reshape(-1, 3)
    if len(faces) != len(weight) or faces.max() >= len(triangles):
        raise AssetError(f"{path}: triangles up to {faces.max()} of {len(triangles)}; it belongs to another model")
    if "landmark_indices" in arrays:
        number = arrays["landmark_indices"].astype(np.int64).ravel()
        return KnownPoints("mediapipe478", number, triangles[faces], weight)
    kept = faces[:68], weight[:68]  # some files add two eye centres
    return KnownPoints("ibug68", _numbers_of(len(kept[0]), path), triangles[kept[0]], kept[1])
