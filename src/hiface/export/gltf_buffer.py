"""The binary half of a GLB file: arrays go in, glTF accessors come out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pygltflib as gltf
from numpy.typing import NDArray

from hiface.export.morphs import Offset

_COMPONENT = {
    np.dtype(np.uint8): gltf.UNSIGNED_BYTE,
    np.dtype(np.uint16): gltf.UNSIGNED_SHORT,
    np.dtype(np.uint32): gltf.UNSIGNED_INT,
    np.dtype(np.float32): gltf.FLOAT,
}
_TYPE = {1: gltf.SCALAR, 2: gltf.VEC2, 3: gltf.VEC3, 4: gltf.VEC4, 16: gltf.MAT4}
_SPARSE_ROW, _DENSE_ROW = 14, 12
"""Bytes of an offset in a sparse accessor (16-bit index and three floats), and in a plain one."""


class BufferWriter:
    """Collects the buffer, its views and the accessors of one file. Sparse offsets share two views."""

    def __init__(self) -> None:
        self.views: list[gltf.BufferView] = []
        self.accessors: list[gltf.Accessor] = []
        self._blocks: list[bytes] = []
        self._size = 0
        self._rows: list[NDArray[np.uint16]] = []
        self._values: list[NDArray[np.float32]] = []
        self._sparse: list[tuple[gltf.Accessor, int, int]] = []
        self._kept = 0
        self._zeros: dict[int, int] = {}

    def view(self, data: bytes, target: int | None = None) -> int:
        """A buffer view of raw bytes, for instance an image."""
        padded = data + b"\0" * (-len(data) % 4)
        self.views.append(gltf.BufferView(buffer=0, byteOffset=self._size, byteLength=len(data), target=target))
        self._blocks.append(padded)
        self._size += len(padded)
        return len(self.views) - 1

    def array(self, array: NDArray[Any], target: int | None = gltf.ARRAY_BUFFER, bounds: bool = False) -> int:
        """An accessor of rows; `bounds` states the least and the greatest, as positions must."""
        view = self.view(np.ascontiguousarray(array).tobytes(), target)
        accessor = gltf.Accessor(
            bufferView=view,
            componentType=_COMPONENT[array.dtype],
            count=len(array),
            type=_TYPE[int(np.prod(array.shape[1:], dtype=int))],
        )
        if bounds:
            accessor.min, accessor.max = _bounds(array.reshape(len(array), -1))
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def offsets(self, offset: Offset, count: int) -> int:
        """An accessor of `count` 3-vectors that are zero but for `offset`'s rows, in the smallest form."""
        if len(offset.rows) == 0:
            if count not in self._zeros:
                self._zeros[count] = self.array(np.zeros((count, 3), np.float32), bounds=True)
            return self._zeros[count]
        values = np.asarray(offset.values, np.float32)
        if len(values) * _SPARSE_ROW >= count * _DENSE_ROW or count > 65535:
            dense = np.zeros((count, 3), np.float32)
            dense[offset.rows] = values
            return self.array(dense, bounds=True)
        accessor = gltf.Accessor(byteOffset=None, componentType=gltf.FLOAT, count=count, type=gltf.VEC3)
        low, high = _bounds(values)
        full = len(values) == count
        accessor.min = low if full else [min(x, 0.0) for x in low]
        accessor.max = high if full else [max(x, 0.0) for x in high]
        started = self._kept
        self._kept += len(values)
        self._rows.append(offset.rows.astype(np.uint16))
        self._values.append(values)
        self._sparse.append((accessor, started, len(values)))
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def finish(self) -> bytes:
        """The whole buffer; call it last."""
        if self._sparse:
            rows = self.view(np.concatenate(self._rows).tobytes())
            values = self.view(np.concatenate(self._values).tobytes())
            for accessor, started, count in self._sparse:
                accessor.sparse = gltf.Sparse(
                    count=count,
                    indices=gltf.AccessorSparseIndices(
                        bufferView=rows, byteOffset=2 * started, componentType=gltf.UNSIGNED_SHORT
                    ),
                    values=gltf.AccessorSparseValues(bufferView=values, byteOffset=12 * started),
                )
        return b"".join(self._blocks)


def _bounds(rows: NDArray[np.float32]) -> tuple[list[float], list[float]]:
    return [float(x) for x in rows.min(0)], [float(x) for x in rows.max(0)]
