"""Reads accessors of a GLB back, sparse ones too, with nothing but the standard's own words."""

from __future__ import annotations

import numpy as np
import pygltflib as gltf

KINDS = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class Document:
    """A GLB file and its binary chunk."""

    def __init__(self, path):
        self.gltf = gltf.GLTF2().load_binary(str(path))
        self.blob = self.gltf.binary_blob()

    def _rows(self, view, offset, kind, count, width):
        start = self.gltf.bufferViews[view].byteOffset + (offset or 0)
        assert (offset or 0) + count * width * np.dtype(kind).itemsize <= self.gltf.bufferViews[view].byteLength
        return np.frombuffer(self.blob, kind, count * width, start).reshape(count, width)

    def array(self, index):
        """Rows of an accessor."""
        accessor = self.gltf.accessors[index]
        kind, width = KINDS[accessor.componentType], WIDTHS[accessor.type]
        rows = np.zeros((accessor.count, width), kind)
        if accessor.bufferView is not None:
            rows[:] = self._rows(accessor.bufferView, accessor.byteOffset, kind, accessor.count, width)
        if accessor.sparse is not None:
            s = accessor.sparse
            index_kind = KINDS[s.indices.componentType]
            where = self._rows(s.indices.bufferView, s.indices.byteOffset, index_kind, s.count, 1)[:, 0]
            assert (np.diff(where.astype(int)) > 0).all()
            assert where.max() < accessor.count
            rows[where] = self._rows(s.values.bufferView, s.values.byteOffset, kind, s.count, width)
        return rows

    @property
    def mesh(self):
        return self.gltf.meshes[0]

    def primitive(self, name):
        """The primitive of a piece: its material has the piece's name."""
        return next(p for p in self.mesh.primitives if self.gltf.materials[p.material].name == name)

    def image(self, k):
        view = self.gltf.bufferViews[self.gltf.images[k].bufferView]
        return np.frombuffer(self.blob, np.uint8, view.byteLength, view.byteOffset)
