"""Reads what the benchmarks and other people's programs write: meshes, keypoints, landmarks, scales.

Every error is a `MeshError` that names the file, says what was expected and what came, and the cure.
Nothing is unpickled.
"""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from hiface.errors import MeshError
from hiface.evaluate.ply import parse_ply
from hiface.evaluate.realy_regions import KEYPOINT_COUNT, Anchors
from hiface.geometry.surface import Mesh
from hiface.geometry.topology import triangulate

_Array = np.ndarray[Any, np.dtype[Any]]
MESH_SUFFIXES = (".obj", ".ply")
_VERTEX_LINE = re.compile(rb"^[ \t]*v[ \t]+(.*)", re.MULTILINE)
_FACE_LINE = re.compile(rb"^[ \t]*f[ \t]+(.*)", re.MULTILINE)
_AFTER_SLASH = re.compile(rb"/\S*")
_POINT_TAG = re.compile(r"<point\b[^>]*>")
_SLACK = 1e-3  # keypoint weights in the benchmark's own files go about 1e-6 below zero


def read_mesh(path: str | Path, single: bool = False) -> Mesh:
    """A mesh from an .obj or .ply file; `single` rounds positions to single precision, as REALY does.

    Vertices keep the file's order. A quad (a, b, c, d) becomes (a, b, c), (a, c, d) in its place, so that
    quad k gives triangles 2k and 2k + 1 of a mesh of quads. Colours, normals and texture coordinates are
    passed over.
    """
    suffix, data = Path(path).suffix.lower(), _bytes(path)
    if suffix not in MESH_SUFFIXES:
        raise MeshError(f"{path}: expected a mesh with the ending .obj or .ply; convert the file")
    try:
        positions, polygons = parse_ply(data) if suffix == ".ply" else _parse_obj(data)
        if not len(positions):
            raise MeshError("expected a mesh, found no vertices; export it again")
        positions = positions.astype(np.float32) if single else positions
        return Mesh(positions, triangulate(polygons))
    except MeshError as error:
        raise MeshError(f"{path}: {error}") from error


def read_keypoints(path: str | Path) -> Float[np.ndarray, "85 3"]:
    """REALY's ground-truth keypoints of one scan: the vertices of an .obj file."""
    points = read_mesh(path, single=True).vertices
    if len(points) != KEYPOINT_COUNT:
        raise MeshError(f"{path}: expected {KEYPOINT_COUNT} keypoints, found {len(points)}; check the keypoint folder")
    return points


def read_anchors(template: str | Path, path: str | Path) -> Anchors:
    """The 85 keypoints of a topology: a JSON array of [triangle, weight, weight] on a template.

    The weights are those of the first two corners. Only the template's connectivity is used; triangles are
    counted from 0 after quads are split.
    """
    mesh = read_mesh(template, single=True)
    try:
        table = np.array(json.loads(_bytes(path)), dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise MeshError(f"{path}: expected a JSON array of [triangle, weight, weight], found {error}") from error
    try:
        return anchors_of(mesh, table)
    except MeshError as error:
        raise MeshError(f"{path} on {template}: {error}") from error


def anchors_of(template: Mesh, table: Float[np.ndarray, "85 3"]) -> Anchors:
    """Keypoints from their table of [triangle, weight of the first corner, weight of the second]."""
    if not len(template.triangles):
        raise MeshError("expected a template with faces, found none; give the mesh, not its points")
    if table.shape != (KEYPOINT_COUNT, 3) or not np.isfinite(table).all():
        raise MeshError(f"expected {KEYPOINT_COUNT} finite triples, found shape {table.shape}")
    triangle, weights = table[:, 0].astype(np.int64), table[:, 1:]
    if (triangle != table[:, 0]).any() or triangle.min() < 0 or triangle.max() >= len(template.triangles):
        raise MeshError(
            f"expected triangles 0 to {len(template.triangles) - 1}, found "
            f"{table[:, 0].min():g} to {table[:, 0].max():g}; the keypoints belong to another template"
        )
    full = np.column_stack([weights, 1 - weights.sum(axis=1)])
    if full.min() < -_SLACK or full.max() > 1 + _SLACK:
        worst = int(np.argmin(full.min(axis=1)))
        raise MeshError(f"keypoint {worst} lies outside its triangle (weights {full[worst].tolist()})")
    return Anchors(template.triangles[triangle], full, len(template.vertices))


def read_scale(path: str | Path) -> Float[np.ndarray, "N"]:
    """REALY's metrical_scale.txt: millimetres per unit, one line a subject; line k belongs to subject k."""
    try:
        scale = np.array([float(line) for line in _bytes(path).split()])
    except ValueError as error:
        raise MeshError(f"{path}: expected one number a line, {error}") from error
    if not len(scale) or not np.isfinite(scale).all() or scale.min() <= 0:
        raise MeshError(f"{path}: expected positive numbers, one a line, found {len(scale)} with others among them")
    return scale


def read_mask(path: str | Path, vertex_count: int) -> Bool[np.ndarray, "V"]:
    """A template mask: 0 or 1 for each vertex, separated by commas."""
    words = _bytes(path).replace(b",", b" ").split()
    try:
        values = np.array([float(word) for word in words])
    except ValueError as error:
        raise MeshError(f"{path}: expected 0 and 1 separated by commas, {error}") from error
    if len(values) != vertex_count or not np.isin(values, (0, 1)).all():
        raise MeshError(f"{path}: expected {vertex_count} values of 0 or 1, found {len(values)} values")
    keep: _Array = values == 1
    return keep


def read_landmarks(path: str | Path) -> Float[np.ndarray, "7 3"]:
    """NoW's seven landmarks from .npy (a leading dimension of 1 is dropped), .txt (x y z a line) or .pp."""
    reader = {".npy": _npy, ".txt": _rows, ".pp": _picked_points}.get(Path(path).suffix.lower())
    if reader is None:
        raise MeshError(f"{path}: expected landmarks with the ending .npy, .txt or .pp; convert the file")
    points = reader(path)
    if points.ndim == 3 and len(points) == 1:
        points = points[0]
    if points.shape != (7, 3) or not np.isfinite(points).all():
        raise MeshError(
            f"{path}: expected 7 finite landmarks (outer and inner right eye corner, inner and outer left "
            f"eye corner, nose base, right and left mouth corner), found {points.shape}"
        )
    return points


def _npy(path: str | Path) -> _Array:
    try:
        points: _Array = np.asarray(np.load(path, allow_pickle=False), np.float64)
        return points
    except (ValueError, OSError, EOFError) as error:
        raise MeshError(f"{path}: expected a .npy array of numbers, {error}; save it without objects") from error


def _rows(path: str | Path) -> _Array:
    try:
        rows = [[float(word) for word in line.split()] for line in _bytes(path).splitlines() if line.strip()]
        return np.array(rows)
    except ValueError as error:
        raise MeshError(f"{path}: expected lines of three numbers, {error}") from error


def _picked_points(path: str | Path) -> _Array:
    """The first seven points of a MeshLab file, in the file's order."""
    tags = _POINT_TAG.findall(_bytes(path).decode("utf-8", "replace"))
    found = [[re.search(rf"\b{axis}=\"([^\"]*)\"", tag) for axis in "xyz"] for tag in tags[:7]]
    try:
        return np.array([[float(match[1]) for match in row if match] for row in found])
    except ValueError as error:
        raise MeshError(f"{path}: expected MeshLab picked points with x, y and z, {error}") from error


def _bytes(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise MeshError(f"{path}: no such file; check the folder and the name") from error
    except OSError as error:
        raise MeshError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def _parse_obj(data: bytes) -> tuple[_Array, _Array]:
    """Positions (V, 3) and polygons (F, 4), -1 in a triangle's fourth place."""
    try:
        positions = _numbers(_VERTEX_LINE.findall(data), np.float64, usecols=(0, 1, 2)).reshape(-1, 3)
    except ValueError as error:
        raise MeshError(f"expected vertex lines `v x y z` with numbers, {error}; export the mesh again") from error
    corners = _obj_corners(_FACE_LINE.findall(data)) - 1
    if len(corners) and (corners[:, :3].min() < 0 or corners[:, 3].min() < -1):
        raise MeshError("a face names vertex 0 or a negative one; OBJ counts from 1, export absolute numbers")
    return positions, corners


def _obj_corners(lines: list[bytes]) -> _Array:
    """Vertex numbers (F, 4) of face lines, as in the file; 0 in a triangle's fourth place."""
    sizes = {len(line.split()) for line in lines}
    if not sizes <= {3, 4}:
        raise MeshError(f"expected faces of 3 or 4 corners, found some of {max(sizes)}; triangulate on export")
    try:
        if len(sizes) == 1:
            table = _numbers([line.replace(b"/", b" ") for line in lines], np.int64)
            (size,) = sizes
            if table.shape[1] % size == 0:
                return np.pad(table[:, :: table.shape[1] // size], ((0, 0), (0, 4 - size)))
        rows = [[*map(int, _AFTER_SLASH.sub(b"", line).split()), 0][:4] for line in lines]
        return np.array(rows, np.int64).reshape(-1, 4)
    except ValueError as error:
        raise MeshError(f"expected face lines of vertex numbers, {error}; export the mesh again") from error


def _numbers(lines: list[bytes], dtype: type, usecols: tuple[int, ...] | None = None) -> _Array:
    if not lines:
        return np.zeros((0, 3), dtype)
    return np.loadtxt(io.BytesIO(b"\n".join(lines)), dtype, comments=None, usecols=usecols, ndmin=2)
