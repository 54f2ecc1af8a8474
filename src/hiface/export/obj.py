"""Wavefront OBJ, written and read: millimetres, quads kept, one or several materials in a .mtl beside it.

Both ways work on whole arrays: 200,000 vertices are written in 0.7 s and read in 2.2 s on one core.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from hiface.assets.format import write_atomically
from hiface.errors import MeshError

Array = np.ndarray[Any, np.dtype[Any]]

_DECIMALS, _UV_DECIMALS = 4, 6
"""0.1 µm, and a thousandth of a texel at 1,024."""


@dataclass(frozen=True)
class ObjMesh:
    """A mesh as an OBJ file holds it; -1 pads a triangle, and stands for a corner without UV or normal."""

    vertices: Float[np.ndarray, "V 3"]
    polygons: Int[np.ndarray, "F 4"]
    uv: Float[np.ndarray, "Vt 2"]
    """v up; empty where the file has none."""
    uv_polygons: Int[np.ndarray, "F 4"]
    normals: Float[np.ndarray, "N 3"]
    normal_polygons: Int[np.ndarray, "F 4"]


@dataclass(frozen=True)
class ObjMaterial:
    """A run of polygons with one look."""

    name: str
    first: int
    """Number of its first polygon; it ends where the next material begins."""
    texture: str | None = None
    """Picture file, relative to the OBJ."""
    colour: tuple[float, float, float] = (0.8, 0.8, 0.8)
    """Diffuse colour, 0 to 1, where there is no texture."""


def write_obj(
    path: str | Path,
    vertices: Float[np.ndarray, "V 3"],
    polygons: Int[np.ndarray, "F 4"],
    uv: Float[np.ndarray, "Vt 2"] | None = None,
    uv_polygons: Int[np.ndarray, "F 4"] | None = None,
    normals: Float[np.ndarray, "V 3"] | None = None,
    texture: str | None = None,
    materials: Sequence[ObjMaterial] = (),
) -> Path:
    """Write a mesh as `path` and its materials as the same name ending in .mtl; returns `path`.

    Millimetres; v up. `texture` names the picture of a single material, `materials` are several ones in the
    order of their polygons. Raises `MeshError` for arrays that do not fit together, `OutputError` where the
    files cannot be written.
    """
    path = Path(path)
    polygons = _checked(path, "polygons", polygons, vertices)
    corners = [polygons]
    lines = [_rows("v", vertices, _DECIMALS)]
    if uv is not None and uv_polygons is not None:
        corners.append(np.where(polygons < 0, -1, _checked(path, "uv_polygons", uv_polygons, uv, polygons)))
        lines.append(_rows("vt", uv, _UV_DECIMALS))
    if normals is not None:
        _checked(path, "normals", polygons, normals)
        corners.append(polygons)
        lines.append(_rows("vn", normals, _DECIMALS))
    looks = list(materials) or [ObjMaterial("face", 0, texture)]
    lines.append(_faces(corners, "//" if normals is not None and uv is None else "/", looks))
    head = f"# hiface, millimetres\nmtllib {path.with_suffix('.mtl').name}\n"
    data = head + "".join(lines)
    write_atomically(path.with_suffix(".mtl"), lambda file: file.write_text(_mtl(looks)))
    return write_atomically(path, lambda file: file.write_text(data))


def _checked(path: Path, name: str, indices: Array, values: Array, like: Array | None = None) -> Array:
    indices, values = np.asarray(indices), np.asarray(values)
    if indices.ndim != 2 or indices.shape[1] != 4 or (like is not None and indices.shape != like.shape):
        wanted = "(F, 4)" if like is None else f"{like.shape} like polygons"
        raise MeshError(f"{path}: expected {name} of shape {wanted}, got {indices.shape}")
    used = indices[(indices if like is None else like) >= 0]
    if used.max(initial=0) >= len(values) or used.min(initial=0) < 0 or indices[:, :3].min(initial=0) < 0:
        raise MeshError(f"{path}: {name} must name values 0 to {len(values) - 1}, -1 pads the fourth corner")
    if not np.isfinite(values).all():
        raise MeshError(f"{path}: the values that {name} name are not all finite; nothing was written")
    return indices


def _rows(keyword: str, values: Array, decimals: int) -> str:
    values = np.asarray(values)
    layout = keyword + f" %.{decimals}f" * values.shape[1] + "\n"
    return layout * len(values) % tuple(values.ravel().tolist())


def _faces(corners: list[Array], separator: str, materials: Sequence[ObjMaterial]) -> str:
    count = len(corners[0])
    numbers = np.stack(corners, axis=-1) + 1
    lines: Array = np.full(count, "", object)
    sides = (corners[0] >= 0).sum(1)
    for side in (3, 4):
        chosen = sides == side
        corner = separator.join(["%d"] * len(corners))
        layout = "f" + f" {corner}" * side + "\n"
        text = layout * int(chosen.sum()) % tuple(numbers[chosen, :side].ravel().tolist())
        lines[chosen] = text.splitlines(keepends=True)
    ends = [m.first for m in materials[1:]] + [count]
    runs = zip(materials, ends, strict=True)
    return "".join(f"usemtl {m.name}\n" + "".join(lines[m.first : end]) for m, end in runs)


def _mtl(materials: Sequence[ObjMaterial]) -> str:
    return "\n".join(_look(material) for material in materials)


def _look(material: ObjMaterial) -> str:
    colour = (1.0, 1.0, 1.0) if material.texture else material.colour
    picture = f"map_Kd {material.texture}\n" if material.texture else ""
    return f"newmtl {material.name}\nKd {colour[0]:g} {colour[1]:g} {colour[2]:g}\nKs 0 0 0\nillum 1\n{picture}"


def read_obj(path: str | Path) -> ObjMesh:
    """Read a mesh: `a`, `a/b`, `a//c` and `a/b/c` corners, negative numbers, polygons of any length.

    Polygons of more than four corners become fans of triangles; values beyond x, y, z (colours, weights), lines,
    groups and materials are passed over. Raises `MeshError` that names the file and what is wrong.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MeshError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    joined = data.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
    lines = [line.split() for line in joined.splitlines()]
    kinds = np.array([line[0] if line else b"" for line in lines], dtype="S8")
    try:
        return _parsed(lines, kinds)
    except (ValueError, IndexError) as error:
        reason = _first_bad_line(lines) or error
        raise MeshError(f"{path}: not a readable OBJ ({reason}); export it anew") from error


def _first_bad_line(lines: list[list[bytes]]) -> str | None:
    """Which line holds something that is no number; looked for only after reading failed."""
    sizes = {b"v": 3, b"vt": 2, b"vn": 3}
    for number, line in enumerate(lines, 1):
        kind = line[0] if line else b""
        try:
            if kind in sizes:
                [float(line[1 + k]) for k in range(sizes[kind])]
            elif kind == b"f":
                [_corner(token) for token in line[1:]]
        except (ValueError, IndexError):
            return f"line {number}: {b' '.join(line)[:60].decode('latin-1')}"
    return None


def _parsed(lines: list[list[bytes]], kinds: Array) -> ObjMesh:
    where = {name: np.flatnonzero(kinds == name) for name in (b"v", b"vt", b"vn", b"f")}
    values = [_values(lines, where[name], size) for name, size in ((b"v", 3), (b"vt", 2), (b"vn", 3))]
    lengths = np.array([len(lines[i]) - 1 for i in where[b"f"]], int)
    if not len(values[0]) or not len(lengths):
        raise ValueError("no vertices or no faces")
    if lengths.min() < 3:
        raise ValueError("a face of fewer than three corners")
    corners = _corners([token for i in where[b"f"] for token in lines[i][1:]])
    line_of_corner = np.repeat(where[b"f"], lengths)
    for k, name in enumerate((b"v", b"vt", b"vn")):
        before = np.searchsorted(where[name], line_of_corner)
        corners[:, k] = _absolute(corners[:, k], before, len(values[k]))
    if corners[:, 0].min() < 0:
        raise ValueError("a face corner without a vertex")
    polygons = [_polygons(corners[:, k], lengths) for k in range(3)]
    return ObjMesh(values[0], polygons[0], values[1], polygons[1], values[2], polygons[2])


def _values(lines: list[list[bytes]], where: Array, size: int) -> Array:
    tokens = [token for i in where for token in lines[i][1 : size + 1]]
    return np.array(tokens, dtype="S32").astype(np.float64).reshape(len(where), size)


def _corners(tokens: list[bytes]) -> Array:
    """(N, 3) numbers of vertex, UV and normal as the file has them; 0 where it has none."""
    text = b" ".join(tokens)
    slashes, double = text.count(b"/"), text.count(b"//")
    forms = {(0.0, 0.0): [0], (2.0, 1.0): [0, 2], (1.0, 0.0): [0, 1], (2.0, 0.0): [0, 1, 2]}
    columns = forms.get((slashes / len(tokens), double / len(tokens)), [])  # per corner: `/`, and `//` of them
    flat = text.replace(b"/", b" ").split()
    if not columns or len(flat) != len(tokens) * len(columns):
        return np.array([_corner(token) for token in tokens], int)  # forms mixed
    numbers = np.zeros((len(tokens), 3), int)
    numbers[:, columns] = np.array(flat, dtype="S16").astype(np.int64).reshape(len(tokens), len(columns))
    return numbers


def _corner(token: bytes) -> list[int]:
    parts = [int(part or 0) for part in token.split(b"/")]
    return [*parts, 0, 0][:3]


def _absolute(numbers: Array, before: Array, count: int) -> Array:
    """From 0; -1 for none. Negative numbers count back from the last value before the face."""
    absolute = np.where(numbers < 0, before + numbers, numbers - 1)
    if (absolute >= count).any() or ((absolute < 0) & (numbers != 0)).any():
        raise ValueError(f"a face names number {np.abs(numbers).max()} of {count} values")
    return absolute


def _polygons(corners: Array, lengths: Array) -> Array:
    """(F, 4) from the corners of all faces in a row; longer faces as fans of triangles, in place."""
    start = np.cumsum(lengths) - lengths
    pieces = np.where(lengths > 4, lengths - 2, 1)
    face = np.repeat(np.arange(len(lengths)), pieces)
    step = np.arange(len(face)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    first = start[face]
    polygons = corners[np.stack([first, first + step + 1, first + step + 2, first], axis=1)]
    quads = lengths[face] == 4
    polygons[quads, 3] = corners[first[quads] + 3]
    polygons[~quads, 3] = -1
    return polygons
