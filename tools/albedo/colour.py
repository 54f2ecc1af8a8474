"""CIELAB and the individual typology angle of linear reflectance."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = np.array([0.95047, 1.0, 1.08883])

ITA_CLASSES = {"dark": -90.0, "brown": -30.0, "tan": 10.0, "intermediate": 28.0, "light": 41.0, "very light": 55.0}
"""Name and lower bound in degrees, from dark to light."""


def lab(linear: Float[np.ndarray, "*S 3"]) -> Float[np.ndarray, "*S 3"]:
    """CIELAB (D65) of linear sRGB reflectance; white is (100, 0, 0)."""
    ratio = np.maximum(linear @ _XYZ.T / _WHITE, 0)
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def ita(colours: Float[np.ndarray, "*S 3"]) -> Float[np.ndarray, "*S"]:
    """Individual typology angle of CIELAB colours, degrees: arctan((L* - 50) / b*)."""
    return np.degrees(np.arctan2(colours[..., 0] - 50, colours[..., 2]))


def class_shares(angles: Float[np.ndarray, "N"]) -> dict[str, float]:
    """Share of angles in each of `ITA_CLASSES`."""
    rank = np.searchsorted(np.array(list(ITA_CLASSES.values())), angles, side="right") - 1
    counts = np.bincount(np.maximum(rank, 0), minlength=len(ITA_CLASSES)) / max(len(angles), 1)
    return dict(zip(ITA_CLASSES, counts.tolist(), strict=True))
