"""The part map of a drawn scene: which part of a person every pixel shows, exact from the ids that were drawn."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from hiface.face.parts import Part
from hiface.synth import part_kernels
from hiface.synth.assets import Sources
from hiface.synth.canvas import SAMPLES, Drawn
from hiface.synth.scene import Scene

THING_PARTS = {
    "hair": Part.HAIR, "beard": Part.BEARD, "clothes": Part.CLOTHES, "frame": Part.GLASSES, "lens": Part.GLASSES,
    "hat": Part.HAT, "mask": Part.MASK, "loops": Part.MASK,
}  # fmt: skip
"""Class of each thing by its name."""
_BROW_BLUR = 1 / 128
"""Radius over which a brow's hairs run together, of the tile's side."""


def part_samples(scene: Scene, drawn: Drawn, sources: Sources) -> UInt8[np.ndarray, "S S"]:
    """Class of every sample of a drawn scene; S = SAMPLES × the picture's side."""
    body, ids = sources.body, drawn.face_id
    brow = sources.brows[scene.skin_facts.brow]
    smooth = cv2.GaussianBlur(brow, (0, 0), _BROW_BLUR * len(brow))
    parts = np.zeros(ids.shape, np.uint8)
    part_kernels.body_parts(
        ids, drawn.screen, body.triangles, body.material, body.uv, sources.growth, body.regions, smooth,
        np.float32(scene.look.beard), np.float32(scene.look.scalp), parts,
    )  # fmt: skip
    for p in drawn.placed:
        own = (ids >= p.first_id) & (ids < p.first_id + len(p.cover))
        parts[own] = THING_PARTS[p.thing.name]
    return parts


def part_map(
    samples: UInt8[np.ndarray, "S S"], hidden: Bool[np.ndarray, "N N"], frame: Bool[np.ndarray, "N N"]
) -> UInt8[np.ndarray, "N N"]:
    """Class of every pixel: that of most of its samples; `hidden` by hands and patches, and a black `frame`, on top."""
    parts = np.zeros(hidden.shape, np.uint8)
    part_kernels.pool_parts(samples, parts)
    parts[hidden] = Part.OTHER
    parts[frame] = Part.BACKGROUND
    return parts


def pooled(values: Float[np.ndarray, "S S C"], samples: UInt8[np.ndarray, "S S"]) -> Float[np.ndarray, "N N C"]:
    """Means over those samples of a pixel that are of the pixel's class: nothing is mixed across an outline."""
    side = len(values) // SAMPLES
    out = np.zeros((side, side, values.shape[2]), np.float32)
    part_kernels.pool_of_part(values, samples, out)
    return out
