"""The shipped face as a registration needs it: NumPy, float64, mm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from hiface.face.model import FaceModel
from hiface.geometry.topology import unique_edges


@dataclass(frozen=True)
class Ours:
    """The shipped face model's mean, identity modes and marks; the skin comes first in every list of vertices."""

    face: FaceModel
    mean: Float[np.ndarray, "V 3"]
    identity: Float[np.ndarray, "I V 3"]
    triangles: Int[np.ndarray, "T 3"]
    """Of the skin."""
    uv_triangles: Int[np.ndarray, "T 3"]
    uv: Float[np.ndarray, "Vt 2"]
    edges: Int[np.ndarray, "N 2"]
    weight: Float[np.ndarray, "N"]
    """How much each vertex of the skin counts: 1 on the face, less on ears, scalp and neck."""
    narrow: Bool[np.ndarray, "N"]
    open: Int[np.ndarray, "M"]
    """Vertices of the face's open skin: not inside lips, lids or nostrils."""

    @classmethod
    def load(cls, face: FaceModel | None = None) -> Ours:
        face = face or FaceModel.load()
        count = face.vertex_count("skin")
        narrow = face.region("face_narrow")[:count]
        return cls(
            face=face,
            mean=face.mean.numpy().astype(np.float64),
            identity=face.identity_basis.numpy().astype(np.float64),
            triangles=face.part_triangles("skin"),
            uv_triangles=face.part_uv_triangles("skin"),
            uv=face.uv.astype(np.float64),
            edges=unique_edges(face.polygons[face.polygon_range("skin")]),
            weight=np.where(narrow, 1.0, 0.3),
            narrow=narrow,
            open=np.unique(face.landmark_weights("dense669")[0].numpy()),
        )

    @property
    def skin_count(self) -> int:
        return len(self.narrow)

    def points(self, vertices: Float[np.ndarray, "*N V 3"], name: str) -> Float[np.ndarray, "*N L 3"]:
        """A landmark set on given vertices."""
        index, weight = (x.numpy() for x in self.face.landmark_weights(name))
        return np.asarray(np.einsum("...lnx,ln->...lx", vertices[..., index, :], weight))
