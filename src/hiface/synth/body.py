"""The face model as the generator draws it: corners with one UV each, materials, and weights of beard and lips.

A corner is a vertex with a UV: seams split vertices. All corner fields are gathered from vertex fields by `source`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray

from hiface.assets.format import Schema, read_asset
from hiface.assets.store import locate
from hiface.errors import AssetError
from hiface.face.model import FaceModel
from hiface.geometry.topology import smooth, unique_edges

SKIN, NECK, MOUTH, SOCKET, GUMS, TEETH, EYE, LASH = range(8)
"""Materials."""

_PARTS = (
    ("face", SKIN), ("head_neck", NECK), ("mouth_socket", MOUTH), ("eye_socket_left", SOCKET),
    ("eye_socket_right", SOCKET), ("gums_tongue", GUMS), ("teeth", TEETH), ("eyeball_left", EYE),
    ("eyeball_right", EYE), ("eyelashes_left", LASH), ("eyelashes_right", LASH),
)  # fmt: skip
_OPAQUE, _LASH_COVER = 255, 75
_EYES_MM = 89.2

OCCLUSION_SCHEMA = Schema(
    kind="ambient_occlusion",
    version=1,
    required={"openness": 1},
    optional={},
    how_to_get="use the shipped ambient_occlusion.safetensors or build it with tools/build_ambient_occlusion.py",
)
"""`openness` uint8 (V_skin,): share of directions, times 255, in which the neutral face does not shade itself."""


@dataclass(frozen=True)
class Body:
    """What is the same for every person. T triangles, N corners, V vertices of the face model."""

    triangles: Int[np.ndarray, "T 3"]
    """Corners."""
    vertex_triangles: Int[np.ndarray, "T 3"]
    """The same, as vertices."""
    material: Int[np.ndarray, "T"]
    """In ascending order, so that skin comes first and lashes last."""
    cover: Int[np.ndarray, "T"]
    source: Int[np.ndarray, "N"]
    """Vertex of each corner."""
    uv: Float[np.ndarray, "N 2"]
    """In the unit square of the corner's own tile."""
    openness: Float[np.ndarray, "N"]
    """Ambient occlusion of the neutral face, 0 to 1."""
    growth: Float[np.ndarray, "V 2"]
    """Weights of beard and lips per vertex, 0 to 1."""
    regions: Float[np.ndarray, "N 2"]
    """1 on ears and on the neck, per corner."""
    neutral: Float[np.ndarray, "V 3"]
    """The mean face, outer eye corners `_EYES_MM` apart: places on it are told by numbers in mm."""
    mouth_rim: Int[np.ndarray, "2 K"]
    """Pairs of vertices of upper and lower lip; their gap says whether the mouth's inside can be seen."""
    ibug68: Int[np.ndarray, "68"]
    narrow: Int[np.ndarray, "M"]
    """Vertices to which the orthographic camera is fitted."""

    def skin_triangles(self) -> int:
        """How many of the first triangles are face, head and neck."""
        return int(np.searchsorted(self.material, MOUTH))

    def range_of(self, first: int, last: int) -> slice:
        """Triangles whose material is from `first` to `last`, both included."""
        return slice(int(np.searchsorted(self.material, first)), int(np.searchsorted(self.material, last, "right")))


def build_body(model: FaceModel) -> Body:
    """The drawable body of a face model and the shipped ambient occlusion."""
    vertex_triangles, uv_triangles, material = _gather(model)
    keys = np.stack([vertex_triangles.ravel(), uv_triangles.ravel(), np.repeat(material, 3)], 1)
    corners, inverse = np.unique(keys, axis=0, return_inverse=True)
    neutral = model.mean.numpy()
    ibug = model.landmark_weights("ibug68")[0][:, 0].numpy()
    neutral = neutral * np.float32(_EYES_MM / np.linalg.norm(neutral[ibug[45]] - neutral[ibug[36]]))
    source = corners[:, 0]
    return Body(
        triangles=np.ascontiguousarray(inverse.reshape(-1, 3).astype(np.int32)),
        vertex_triangles=np.ascontiguousarray(vertex_triangles.astype(np.int32)),
        material=material.astype(np.int32),
        cover=np.where(material == LASH, _LASH_COVER, _OPAQUE).astype(np.int32),
        source=source,
        uv=_tile(model, corners),
        openness=_openness(model)[source],
        growth=_growth(model, neutral, ibug),
        regions=np.stack([model.region(name) for name in ("ears", "neck")], 1)[source].astype(np.float32),
        neutral=neutral,
        mouth_rim=np.stack([ibug[[61, 62, 63]], ibug[[67, 66, 65]]]),
        ibug68=ibug,
        narrow=np.flatnonzero(model.region("face_narrow")),
    )


def _gather(model: FaceModel) -> tuple[Int[np.ndarray, "T 3"], Int[np.ndarray, "T 3"], Int[np.ndarray, "T"]]:
    """Triangles by vertex and by UV, and their materials in order; the back halves of the eyes are left out."""
    vertices, uvs, materials = [], [], []
    for part, material in _PARTS:
        triangles, uv_triangles = model.part_triangles(part), model.part_uv_triangles(part)
        if material == EYE:
            centre = np.mean(model.mean.numpy()[triangles], axis=(0, 1))
            front = model.mean.numpy()[triangles][..., 2].mean(1) > centre[2] - 2
            triangles, uv_triangles = triangles[front], uv_triangles[front]
        vertices.append(triangles)
        uvs.append(uv_triangles)
        materials.append(np.full(len(triangles), material))
    return np.concatenate(vertices), np.concatenate(uvs), np.concatenate(materials)


def _tile(model: FaceModel, corners: Int[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 2"]:
    uv = model.uv[corners[:, 1]].astype(np.float32)
    head = corners[:, 2] == NECK
    uv[head, 0] -= 1
    return np.asarray(uv)


def _openness(model: FaceModel) -> Float[np.ndarray, "V"]:
    """Per vertex of the whole model; what is not skin counts as open, the screen shades it."""
    stored = read_asset(locate("ambient_occlusion.safetensors"), OCCLUSION_SCHEMA)
    values = stored.tensors["openness"]
    if len(values) != model.vertex_count("skin"):
        raise AssetError(
            f"{stored.path}: {len(values)} values for {model.vertex_count('skin')} skin vertices; "
            + OCCLUSION_SCHEMA.how_to_get
        )
    result = np.ones(len(model.mean), np.float32)
    result[: len(values)] = 0.4 + 0.6 * values / 255  # light bounces in the folds: they are never black
    return result


def _growth(
    model: FaceModel, points: Float[np.ndarray, "V 3"], ibug: Int[np.ndarray, "68"]
) -> Float[np.ndarray, "V 2"]:
    """Where a beard grows and where lips are, by place on the neutral face."""
    count = model.vertex_count("skin")
    x, y, z = points[:count].T.astype(np.float64)
    lips = np.zeros(count)
    ring = points[ibug[48:60], :2].astype(np.float32)
    faced = np.flatnonzero((np.arange(count) < model.vertex_range("face").stop) & (z > 85))
    lips[faced] = [cv2.pointPolygonTest(ring, tuple(map(float, points[v, :2])), False) >= 0 for v in faced]
    fields = np.zeros((len(points), 2))
    fields[:count, 0] = _beard(x, y, z) * (1 - lips)
    fields[:count, 1] = lips
    edges = unique_edges(model.polygons[model.polygon_range("skin")])
    fields[:count, 0] = smooth(fields[:count, 0], edges, 6)
    fields[:count, 1] = smooth(fields[:count, 1], edges, 1)
    return np.asarray(fields, np.float32)


def _beard(x: Float[np.ndarray, "V"], y: Float[np.ndarray, "V"], z: Float[np.ndarray, "V"]) -> Float[np.ndarray, "V"]:
    """Jaw and chin, moustache, side whiskers; each with soft borders, mm on the neutral face."""
    jaw = _step((-22 - y - 0.0042 * x**2 * (y > -60)) / 4) * _step((y + 125) / 8) * _step((z - 5) / 10)
    moustache = _step((-12 - y) / 2) * (np.abs(x) < 34)
    side = _step((np.abs(x) - 58) / 4) * _step((20 - y) / 10) * _step((z - 20) / 6) * _step((y + 120) / 8)
    return np.asarray(np.clip(np.maximum(np.maximum(jaw * (y < -45), moustache * (y > -50)), side * 0.9), 0, 1))


def _step(t: Float[np.ndarray, "V"]) -> Float[np.ndarray, "V"]:
    return np.asarray(1 / (1 + np.exp(-np.clip(t, -40, 40))))


def as_array(tensor: torch.Tensor) -> NDArray[np.float32]:
    """The tensor's values as a float32 array."""
    return np.ascontiguousarray(tensor.detach().numpy(), np.float32)
