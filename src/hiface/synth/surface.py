"""Depth, normals and albedo of a drawn scene, per pixel of the stored picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from hiface.geometry.colour import srgb_from_linear
from hiface.synth import surface_kernels
from hiface.synth.assets import Sources
from hiface.synth.canvas import Drawn
from hiface.synth.parts import pooled
from hiface.synth.scene import Scene
from hiface.synth.truth import png

DEPTH_STEPS = 10
"""Steps of a stored depth per mm."""


@dataclass(frozen=True)
class Surface:
    """What the camera sees, before hands and patches are laid over it; zero where nobody is.

    A pixel holds the mean of those of its samples that show the pixel's part.
    """

    depth_mm: Float[np.ndarray, "S S"]
    """Along the axis, from the camera."""
    normals: Float[np.ndarray, "S S 3"]
    """Unit normals with the skin's relief; +x right, +y up, +z towards the camera."""
    albedo: Float[np.ndarray, "S S 3"]
    """Linear."""

    def files(self) -> dict[str, bytes]:
        """16-bit depth in tenths of mm, 16-bit normals (n + 1) · 32767, 8-bit albedo in sRGB; PNG, by extension."""
        depth = np.clip(np.round(self.depth_mm * DEPTH_STEPS), 0, 65535).astype(np.uint16)
        normals = np.round((self.normals + 1) * 32767).astype(np.uint16)
        normals[depth == 0] = 0
        albedo = np.round(srgb_from_linear(np.clip(self.albedo, 0, 1)) * 255).astype(np.uint8)
        pictures = {"depth.png": depth, "normals.png": normals[..., ::-1], "albedo.png": albedo[..., ::-1]}
        return {name: png(values) for name, values in pictures.items()}


def surface_of(scene: Scene, drawn: Drawn, sources: Sources, samples: UInt8[np.ndarray, "S S"]) -> Surface:
    """The surface that a drawn scene shows; `samples` of `part_samples`."""
    body, ids = sources.body, drawn.face_id
    normal, albedo = (np.zeros((*ids.shape, 3), np.float32) for _ in range(2))
    surface_kernels.body_surface(
        ids, drawn.screen, scene.points[body.source], scene.normals[body.source], body.triangles, body.material,
        body.uv, sources.growth, scene.look, normal, albedo,
    )  # fmt: skip
    for p in drawn.placed:
        thing = p.thing
        surface_kernels.thing_surface(
            ids, p.first_id, p.screen, p.points, p.normals(), thing.triangles, thing.uv, thing.texture,
            np.asarray(thing.colour, np.float32), normal, albedo,
        )  # fmt: skip
    depth = np.where(drawn.nearest > 0, 1 / np.maximum(drawn.nearest, 1e-9), 0)[..., None].astype(np.float32)
    normals = pooled(normal, samples)
    normals /= np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-6)
    return Surface(pooled(depth, samples)[..., 0], normals, pooled(albedo, samples))
