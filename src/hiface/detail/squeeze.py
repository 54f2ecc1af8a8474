"""Which way skin is squeezed: the direction field of a face model's own expression units.

Wrinkles run across it, and the oriented tension (`geometry.tension`) measures along it.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from hiface.face.front import front_chart
from hiface.face.model import FaceModel
from hiface.geometry.normals import vertex_normals
from hiface.geometry.strain import principal_compression
from hiface.geometry.topology import smooth, triangulate, unique_edges

UNITS = {
    "browInnerUp": 1.0,
    "browOuterUp": 1.0,
    "browDown": 0.8,
    "noseSneer": 0.9,
    "cheekSquint": 1.0,
    "eyeSquint": 0.5,
    "mouthSmile": 0.7,
    "mouthPucker": 1.0,
    "mouthFrown": 1.0,
    "mouthShrugLower": 0.6,
    "jawOpen": 0.35,
}
"""How much each expression unit (both sides at once) says about the direction, at its own site."""

_EVERYWHERE = 0.02
_SITES: dict[str, tuple[float, float, float, float, float, float]] = {
    # centre |x|, centre y, half width, half height (front chart, mm), weight, weight elsewhere
    "mouthPucker": (0, -33, 24, 23, 1, _EVERYWHERE),
    "browInnerUp": (0, 95, 75, 33, 1, _EVERYWHERE),
    "browOuterUp": (0, 95, 75, 33, 1, _EVERYWHERE),
    "browDown": (0, 57, 13, 11, 1, 0),
    "noseSneer": (0, 22, 16, 24, 1, 0),
    "cheekSquint": (48, 30, 32, 20, 1, 0),
    "eyeSquint": (48, 30, 32, 20, 1, 0),
    "mouthSmile": (45, -12, 25, 28, 1, _EVERYWHERE),
    "mouthFrown": (34, -52, 9, 14, 0.3, 0),
    "mouthShrugLower": (34, -52, 9, 14, 0.3, 0),
    "jawOpen": (0, 0, 1, 1, 0, 0.05),
}
"""Where a unit may speak. Without this a smile combs the upper lip sideways and the lip becomes a ladder."""

SMOOTHING = 30  # half-step Laplacians on the mesh; fewer leave single quads visible as kinks


def squeeze_direction(face: FaceModel) -> Float[Tensor, "n 3"]:
    """Unit direction of squeezing at the vertices of the part "face", without sign, in the tangent plane.

    Largest eigenvector of Σ over the `UNITS` of weight · compression² · e eᵀ, with the compression of each triangle
    (`geometry.strain`) when the unit is at 1; a unit speaks at its own site. For any face model with ARKit's names.
    """
    field = np.linalg.eigh(squeeze_tensor(face))[1][:, :, 2]
    return torch.from_numpy(np.ascontiguousarray(field, np.float32))


def squeeze_tensor(face: FaceModel) -> Float[np.ndarray, "n 3 3"]:
    """The sum behind `squeeze_direction`, smoothed over the mesh and put into the tangent plane."""
    polygons = face.polygons[face.polygon_range("face")]
    vertices, triangles = face.mean[face.vertex_range("face")].double().cpu().numpy(), triangulate(polygons)
    chart = front_chart(face)
    total = np.zeros((len(vertices), 3, 3))
    for name, weight in UNITS.items():
        moved = vertices + unit_offsets(face, name, len(vertices))
        squeezed, direction = principal_compression(vertices, moved, triangles)
        outer = (weight * squeezed**2)[:, None, None] * np.einsum("ni,nj->nij", direction, direction)
        for corner in triangles.T:
            np.add.at(total, corner, outer * site_weight(name, chart[corner])[:, None, None])
    total = _with_level_neck(total, chart)
    total = smooth(total.reshape(-1, 9), unique_edges(polygons), SMOOTHING).reshape(-1, 3, 3)
    normals = vertex_normals(torch.from_numpy(vertices)[None], torch.from_numpy(triangles))[0].numpy()
    plane = np.eye(3) - np.einsum("ni,nj->nij", normals, normals)
    tangent: NDArray[np.float64] = plane @ total @ plane
    return tangent


def _with_level_neck(total: Float[np.ndarray, "n 3 3"], chart: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 3 3"]:
    """Below the chin the skin is squeezed upwards by decree: no expression bends the neck."""
    share = np.clip((-82 - chart[:, 1]) / 8, 0, 1)[:, None, None]
    return total * (1 - share) + share * 0.02 * np.diag([0.0, 1.0, 0.0])


def unit_offsets(face: FaceModel, name: str, count: int) -> Float[np.ndarray, "n 3"]:
    """Offsets of an expression unit at weight 1, both sides, of the first `count` vertices, mm."""
    names = [n for n in (name, f"{name}Left", f"{name}Right") if n in face.expression_names[:52]]
    index = [face.expression_names.index(n) for n in names]
    return face.expression_basis[index, :count].sum(0).double().cpu().numpy()


def site_weight(unit: str, chart: Float[np.ndarray, "N _"]) -> Float[np.ndarray, "N"]:
    """How much a unit says at points of the front chart (x and y come first)."""
    cx, cy, width, height, weight, elsewhere = _SITES[unit]
    x, y = np.abs(chart[:, 0]), chart[:, 1]
    inside: NDArray[np.float64] = np.exp(-(np.abs((x - cx) / width) ** 4) - np.abs((y - cy) / height) ** 4)
    return weight * inside + elsewhere
