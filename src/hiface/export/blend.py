"""Smooth filling and matching of pictures, for textures put together from several sources."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8

_NEARNESS = 3.0
"""How much more a known texel counts from level to level of the pyramid: 1 gives far fills the overall
mean, 4 what lies nearest, noise included."""
_SOFT = 16.0
"""Added to 8-bit values before logarithms: noise in the dark must not decide a gain."""


def fill_smoothly(
    values: Float[np.ndarray, "R R C"], weight: Float[np.ndarray, "R R"], smallest: int = 4
) -> Float[np.ndarray, "R R C"]:
    """`values` where `weight` is 1, and where it is 0 a smooth continuation of them (a pyramid, coarse to
    fine).

    Nothing known anywhere gives zero. R is a power of two.
    """
    weighted = np.concatenate([values * weight[..., None], weight[..., None]], 2).astype(np.float32)
    return _filled(weighted, smallest)


def _filled(weighted: Float[np.ndarray, "R R D"], smallest: int) -> Float[np.ndarray, "R R C"]:
    """The mean of weighted sums (last channel: the weights), completed from the next coarser level."""
    sums, weight = weighted[..., :-1], weighted[..., -1:]
    mean = sums / np.maximum(weight, 1e-6)
    if len(weighted) <= smallest:
        total = weighted.sum((0, 1))
        overall = total[:-1] / max(float(total[-1]), 1e-6)
        known = np.minimum(weight, 1)
        return np.asarray(known * mean + (1 - known) * overall)
    coarse = _NEARNESS * cv2.pyrDown(weighted, borderType=cv2.BORDER_REPLICATE)
    coarse /= np.maximum(coarse[..., -1:], 1)
    coarse = _filled(coarse, smallest)
    known = np.minimum(weight, 1)
    return np.asarray(known * mean + (1 - known) * _grown(coarse))


def _grown(coarse: Float[np.ndarray, "R R C"]) -> Float[np.ndarray, "S S C"]:
    """Twice the size; OpenCV drops the last axis when it is one."""
    height, width, channels = coarse.shape
    return np.asarray(cv2.pyrUp(coarse)).reshape(2 * height, 2 * width, channels)


def logarithm(picture: UInt8[np.ndarray, "R R 3"] | Float[np.ndarray, "R R 3"]) -> Float[np.ndarray, "R R 3"]:
    """Logarithm of 8-bit values, softened in the dark; differences of it are what `with_gain` takes."""
    return np.asarray(np.log(picture.astype(np.float32) + _SOFT))


def with_gain(picture: UInt8[np.ndarray, "R R 3"], gain: Float[np.ndarray, "S S 3"]) -> Float[np.ndarray, "R R 3"]:
    """A picture brightened by a coarser map of logarithmic gains; 0 to 255, float32."""
    factor = cv2.resize(np.exp(gain), picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    factor *= picture.astype(np.float32) + _SOFT
    factor -= _SOFT
    return np.asarray(np.clip(factor, 0, 255, out=factor))


def shrunk(picture: np.ndarray, side: int) -> np.ndarray:
    """Area average at a smaller size."""
    return np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA))


def smoothstep(x: Float[np.ndarray, "*S"], low: float, high: float) -> Float[np.ndarray, "*S"]:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
