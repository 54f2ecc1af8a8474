"""Which way skin wrinkles: across the direction in which the face's own expressions squeeze it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray

from hiface.face.model import FaceModel
from hiface.geometry.normals import vertex_normals
from hiface.geometry.topology import smooth
from hiface.synth.captures.surface import Surface

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
STRONGEST = 0.4  # compression counted at most; folds at the lips are an artefact of the mesh


@dataclass(frozen=True)
class Flow:
    """The orientation field; directions have no sign."""

    along: Float[np.ndarray, "R R 3"]
    """Unit direction in which a wrinkle runs, in space."""
    across: Float[np.ndarray, "R R 3"]
    """Unit direction of squeezing."""
    along_uv: Float[np.ndarray, "R R 2"]
    """`along` in UV, per mm."""
    squeeze: Float[np.ndarray, "V 3"]
    """Unit direction of squeezing at the vertices (for the oriented tension)."""


def flow(face: FaceModel, surface: Surface) -> Flow:
    """The orientation field of a face model's expressions on its mean shape."""
    tensor = _squeeze_tensor(face, surface)
    at_vertices = np.linalg.eigh(tensor)[1][:, :, 2]
    baked = surface.atlas.bake(torch.from_numpy(tensor.reshape(1, -1, 9)))[0].numpy()
    across = np.linalg.eigh(baked.reshape(*baked.shape[:2], 3, 3))[1][..., 2]
    along = np.cross(surface.normal, across)
    along /= np.linalg.norm(along, axis=-1, keepdims=True) + 1e-9
    return Flow(along, across, in_uv(surface, along), at_vertices)


def in_uv(surface: Surface, direction: Float[np.ndarray, "R R 3"]) -> Float[np.ndarray, "R R 2"]:
    """A direction in space as UV per mm."""
    return np.asarray(np.einsum("abij,abj->abi", surface.uv_per_mm, direction))


def _squeeze_tensor(face: FaceModel, surface: Surface) -> Float[np.ndarray, "V 3 3"]:
    """Σ over units of weight · compression² · e eᵀ at the vertices, smoothed and put into the tangent
    plane."""
    vertices, triangles = surface.vertices, surface.triangles
    total = np.zeros((len(vertices), 3, 3))
    for name, weight in UNITS.items():
        squeezed, direction = principal_compression(
            vertices, vertices + unit_offsets(face, name, len(vertices)), triangles
        )
        outer = (weight * squeezed**2)[:, None, None] * np.einsum("ni,nj->nij", direction, direction)
        for corner in triangles.T:
            np.add.at(total, corner, outer * site_weight(name, vertices[corner])[:, None, None])
    total = _with_level_neck(total, vertices)
    total = smooth(total.reshape(-1, 9), surface.edges, SMOOTHING).reshape(-1, 3, 3)
    normals = vertex_normals(torch.from_numpy(vertices)[None], torch.from_numpy(triangles))[0].numpy()
    plane = np.eye(3) - np.einsum("ni,nj->nij", normals, normals)
    tangent: NDArray[np.float64] = plane @ total @ plane
    return tangent


def _with_level_neck(
    total: Float[np.ndarray, "V 3 3"], vertices: Float[np.ndarray, "V 3"]
) -> Float[np.ndarray, "V 3 3"]:
    """Below the chin the skin is squeezed upwards by decree: no expression bends the neck."""
    share = np.clip((-82 - vertices[:, 1]) / 8, 0, 1)[:, None, None]
    return total * (1 - share) + share * 0.02 * np.diag([0.0, 1.0, 0.0])


def unit_offsets(face: FaceModel, name: str, count: int) -> Float[np.ndarray, "V 3"]:
    """Offsets of an expression unit at weight 1, both sides, mm."""
    names = [n for n in (name, f"{name}Left", f"{name}Right") if n in face.expression_names[:52]]
    index = [face.expression_names.index(n) for n in names]
    return face.expression_basis[index, :count].sum(0).double().cpu().numpy()


def principal_compression(
    rest: Float[np.ndarray, "V 3"], moved: Float[np.ndarray, "V 3"], triangles: NDArray[np.int64]
) -> tuple[Float[np.ndarray, "T"], Float[np.ndarray, "T 3"]]:
    """Largest compression of each triangle (0 to `STRONGEST`) and its direction at rest, from the strain."""
    a, b, c = triangles.T
    first, second = rest[b] - rest[a], rest[c] - rest[a]
    normal = np.cross(first, second)
    x = first / np.linalg.norm(first, axis=1, keepdims=True)
    y = np.cross(normal / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12), x)
    plane = np.stack([np.stack([(e * x).sum(1), (e * y).sum(1)], 1) for e in (first, second)], 2)
    gradient = np.stack([moved[b] - moved[a], moved[c] - moved[a]], 2) @ np.linalg.inv(plane)
    values, vectors = np.linalg.eigh(np.einsum("nki,nkj->nij", gradient, gradient))
    squeezed = np.clip(1 - np.sqrt(np.maximum(values[:, 0], 0)), 0, STRONGEST)
    return squeezed, vectors[:, 0, :1] * x + vectors[:, 1, :1] * y


def site_weight(unit: str, points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N"]:
    cx, cy, width, height, weight, elsewhere = _SITES[unit]
    x, y = np.abs(points[:, 0]), points[:, 1]
    inside: NDArray[np.float64] = np.exp(-(np.abs((x - cx) / width) ** 4) - np.abs((y - cy) / height) ** 4)
    return weight * inside + elsewhere
