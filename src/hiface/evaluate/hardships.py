"""What makes a face hard to see, in steps: things before it, little light, few pixels, blur, compression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from hiface.evaluate.disturbances import compressed
from hiface.evaluate.hardship_things import THINGS, worn
from hiface.geometry.colour import linear_from_srgb, srgb_from_linear

_ELECTRONS, _READ_NOISE = 3000.0, 0.0015
"""Of a small camera at white: its full well, and the noise of reading in parts of white."""
_SHORTEST = 32
"""Pixels: the shortest side that a photo may have (`photo.read.SHORTEST_SIDE`)."""


@dataclass(frozen=True)
class Hardship:
    """One way and degree of hardship; the default is none."""

    kind: str = "none"
    strength: float = 0.0
    """In the unit of `UNITS`."""
    mirror: ClassVar[bool] = False
    """As the jitter ruler asks of every change; hardships leave left and right alone."""

    @property
    def title(self) -> str:
        return f"{self.kind} {self.strength:g}" if self.kind != "none" else "none"


UNITS = {
    **dict.fromkeys(THINGS, "strength"),
    "low light": "exposure, powers of two",
    "small": "face, pixels",
    "blur": "σ, % of the eyes' distance",
    "jpeg": "quality",
}
"""What each kind's strength counts."""
STEPS: dict[str, tuple[float, ...]] = {
    **dict.fromkeys(THINGS, (0.25, 0.5, 0.75, 1.0)),
    "low light": (-1, -2, -3, -4),
    "small": (96, 64, 48, 32, 24),
    "blur": (2, 4, 8, 12),
    "jpeg": (50, 30, 15, 7),
}
"""Degrees of each kind, from mild to strong."""
SERIES = (Hardship(), *(Hardship(kind, strength) for kind, steps in STEPS.items() for strength in steps))
"""All hardships; the first is none."""


def hardened(
    pixels: UInt8[np.ndarray, "H W 3"], points: Float[np.ndarray, "478 2"], hardship: Hardship, seed: int
) -> UInt8[np.ndarray, "h w 3"]:
    """The photo under a hardship; smaller only where the hardship is its size.

    points: MediaPipe's, pixels. seed: draws the same thing and noise at every strength.
    """
    kind, strength = hardship.kind, hardship.strength
    if kind == "none":
        return pixels
    if kind in THINGS:
        return worn(pixels, points, kind, strength, np.random.default_rng(seed))
    if kind == "low light":
        return darkened(pixels, 2.0**strength, np.random.default_rng(seed))
    if kind == "small":
        return reduced(pixels, strength / float(np.ptp(points, 0).max()))
    if kind == "blur":
        eyes = float(np.linalg.norm(points[33] - points[263]))
        return cv2.GaussianBlur(pixels, (0, 0), max(0.01 * strength * eyes, 0.05)).reshape(pixels.shape)
    return np.ascontiguousarray(compressed(pixels, round(strength)))


def darkened(pixels: UInt8[np.ndarray, "H W 3"], gain: float, rng: np.random.Generator) -> UInt8[np.ndarray, "H W 3"]:
    """The photo with `gain` of its light: the noise of photons and of reading, and 8 bits, are a camera's."""
    light = linear_from_srgb(pixels.astype(np.float64) / 255) * gain
    counted = rng.poisson(light * _ELECTRONS) / _ELECTRONS + rng.normal(0, _READ_NOISE, light.shape)
    return np.asarray(np.clip(srgb_from_linear(np.clip(counted, 0, 1)) * 255 + 0.5, 0, 255), np.uint8)


def reduced(pixels: UInt8[np.ndarray, "H W 3"], factor: float) -> UInt8[np.ndarray, "h w 3"]:
    """The photo at a smaller size; one that is small enough stays."""
    if factor >= 1:
        return pixels
    width, height = (max(_SHORTEST, round(n * factor)) for n in pixels.shape[1::-1])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))
