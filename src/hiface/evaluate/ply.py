"""Reads PLY meshes: ascii, binary little and big endian; positions and faces, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from hiface.errors import MeshError

_Array = np.ndarray[Any, np.dtype[Any]]
_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_FORMATS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}


@dataclass(frozen=True)
class _Property:
    name: str
    kind: str
    """Type of the value, as NumPy writes it."""
    count: str | None
    """Type of the length of a list; None for a single value."""


@dataclass(frozen=True)
class _Element:
    name: str
    rows: int
    properties: tuple[_Property, ...]


def parse_ply(data: bytes) -> tuple[_Array, _Array]:
    """Positions (V, 3) and polygons (F, 4), -1 in a triangle's fourth place, of a PLY file's bytes.

    Raises `MeshError` (without the file's name) for what is not a PLY file, or holds polygons of other sizes.
    """
    order, elements, start = _header(data)
    body = _Binary(data[start:], order) if order else _Ascii(data[start:])
    try:
        columns = {element.name: body.read(element) for element in elements}
        vertex, face = columns.get("vertex", {}), columns.get("face", {})
        if not {"x", "y", "z"} <= set(vertex):
            raise MeshError("expected a PLY element `vertex` with x, y and z; export the mesh again")
        positions = np.stack([np.asarray(vertex[k], np.float64).reshape(-1) for k in "xyz"], axis=1)
        return positions, _polygons(face.get("vertex_indices", face.get("vertex_index", [])))
    except (ValueError, IndexError, TypeError, OverflowError) as error:
        raise MeshError(f"the PLY data do not match their header ({error}); the file is cut off") from error


def _header(data: bytes) -> tuple[str, list[_Element], int]:
    end = data.find(b"end_header")
    if not data.startswith(b"ply") or end < 0:
        raise MeshError("expected a PLY file (first word `ply`, then a header); the file is of another kind")
    order, elements = None, list[_Element]()
    for line in data[:end].decode("latin-1").splitlines()[1:]:
        match line.split():
            case ["format", name, *_] if name in _FORMATS:
                order = _FORMATS[name]
            case ["element", name, rows] if rows.isdecimal():
                elements.append(_Element(name, int(rows), ()))
            case ["property", *words] if elements:
                last = elements.pop()
                elements.append(_Element(last.name, last.rows, (*last.properties, _property(words))))
            case [] | ["comment" | "obj_info", *_]:
                continue
            case _:
                raise MeshError(f"PLY header line not understood: {line.strip()!r}; export the mesh again")
    if order is None:
        raise MeshError("the PLY header names no format; expected ascii, binary_little_endian or binary_big_endian")
    return order, elements, data.find(b"\n", end) + 1 or len(data)


def _property(words: list[str]) -> _Property:
    match words:
        case ["list", count, kind, name] if count in _TYPES and kind in _TYPES:
            return _Property(name, _TYPES[kind], _TYPES[count])
        case [kind, name] if kind in _TYPES:
            return _Property(name, _TYPES[kind], None)
    raise MeshError(f"PLY property not understood: {' '.join(words)!r}; export the mesh again")


class _Ascii:
    """The rows behind an ascii header, taken element after element."""

    def __init__(self, data: bytes) -> None:
        self._lines = iter([line for line in data.splitlines() if line.strip()])

    def read(self, element: _Element) -> dict[str, Any]:
        """For each property one value, or one list of values, a row."""
        rows = [line.split() for line in islice(self._lines, element.rows)]
        if len(rows) < element.rows:
            raise ValueError(f"{element.rows} rows of {element.name} announced, {len(rows)} found")
        columns: dict[str, Any] = {p.name: [] for p in element.properties}
        for row in rows:
            self._split(row, element, columns)
        return columns

    @staticmethod
    def _split(row: list[bytes], element: _Element, columns: dict[str, Any]) -> None:
        at = 0
        for p in element.properties:
            length = 1 if p.count is None else int(row[at])
            at += p.count is not None
            values = [float(word) for word in row[at : at + length]]
            if len(values) < length:
                raise ValueError(f"a row of {element.name} is too short")
            columns[p.name].append(values[0] if p.count is None else values)
            at += length


class _Binary:
    """The bytes behind a binary header, taken element after element."""

    def __init__(self, data: bytes, order: str) -> None:
        self._data, self._order, self._at = data, order, 0

    def read(self, element: _Element) -> dict[str, Any]:
        """For each property one value, or one list of values, a row."""
        if not element.rows:
            return {p.name: [] for p in element.properties}
        kind, counted = self._row_like_first(element)
        end = self._at + kind.itemsize * element.rows
        table = np.frombuffer(self._data[self._at : end], kind, element.rows) if end <= len(self._data) else None
        if table is not None and all((table[f"{name} count"] == count).all() for name, count in counted.items()):
            self._at = end
            return {p.name: table[p.name] for p in element.properties}
        return self._row_by_row(element)

    def _row_like_first(self, element: _Element) -> tuple[np.dtype[Any], dict[str, int]]:
        """The layout of a row if all lists are as long as in the first one, and those lengths."""
        fields: list[Any] = []
        counted: dict[str, int] = {}
        at = self._at
        for p in element.properties:
            if p.count is not None:
                counted[p.name] = int(self._values(p.count, 1, at)[0])
                fields.append((f"{p.name} count", self._order + p.count))
                at += np.dtype(p.count).itemsize
            length = counted.get(p.name, 1)
            fields.append((p.name, self._order + p.kind, (length,) if p.count else ()))
            at += np.dtype(p.kind).itemsize * length
        return np.dtype(fields), counted

    def _row_by_row(self, element: _Element) -> dict[str, Any]:
        columns: dict[str, Any] = {p.name: [] for p in element.properties}
        for _ in range(element.rows):
            for p in element.properties:
                length = 1 if p.count is None else int(self._take(p.count, 1)[0])
                values = self._take(p.kind, length)
                columns[p.name].append(values[0] if p.count is None else values)
        return columns

    def _take(self, kind: str, count: int) -> _Array:
        values = self._values(kind, count, self._at)
        self._at += values.nbytes
        return values

    def _values(self, kind: str, count: int, at: int) -> _Array:
        return np.frombuffer(self._data, self._order + kind, count, at)


def _polygons(faces: Any) -> _Array:
    """Polygons (F, 4) of lists of corners; -1 stands in a triangle's fourth place."""
    if isinstance(faces, np.ndarray) and faces.ndim == 2 and faces.shape[1] in (3, 4):
        return np.pad(faces.astype(np.int64), ((0, 0), (0, 4 - faces.shape[1])), constant_values=-1)
    for face in faces:
        if len(face) not in (3, 4):
            raise MeshError(f"expected faces of 3 or 4 corners, found one of {len(face)}; triangulate on export")
    return np.array([[*map(int, face), -1][:4] for face in faces], np.int64).reshape(-1, 4)
