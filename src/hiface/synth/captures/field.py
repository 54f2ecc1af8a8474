"""Which way skin wrinkles: across the direction in which the face's own expressions squeeze it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from hiface.detail.squeeze import squeeze_tensor
from hiface.face.model import FaceModel
from hiface.synth.captures.surface import Surface


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
    tensor = squeeze_tensor(face)
    at_vertices = np.linalg.eigh(tensor)[1][:, :, 2]
    baked = surface.atlas.bake(torch.from_numpy(tensor.reshape(1, -1, 9)))[0].numpy()
    across = np.linalg.eigh(baked.reshape(*baked.shape[:2], 3, 3))[1][..., 2]
    along = np.cross(surface.normal, across)
    along /= np.linalg.norm(along, axis=-1, keepdims=True) + 1e-9
    return Flow(along, across, in_uv(surface, along), at_vertices)


def in_uv(surface: Surface, direction: Float[np.ndarray, "R R 3"]) -> Float[np.ndarray, "R R 2"]:
    """A direction in space as UV per mm."""
    return np.asarray(np.einsum("abij,abj->abi", surface.uv_per_mm, direction))
