"""The sRGB transfer curve, between the numbers of a picture file and linear light, for torch and NumPy."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Colours = TypeVar("Colours", Tensor, NDArray[np.floating[Any]])

_KNEE = 0.0031308
"""Linear value below which the curve is straight (IEC 61966-2-1); its encoded value is 12.92 times that."""


def linear_from_srgb(encoded: Colours) -> Colours:
    """Linear light of sRGB values, floating point, 0 to 1; any shape, differentiable in torch.

    Negative values follow the straight part of the curve, values above 1 the curved one.
    """
    straight = encoded <= 12.92 * _KNEE
    curved = ((encoded.clip(12.92 * _KNEE, None) + 0.055) / 1.055) ** 2.4
    return straight * (encoded / 12.92) + ~straight * curved


def srgb_from_linear(linear: Colours) -> Colours:
    """sRGB values of linear light, floating point, 0 to 1: the inverse of `linear_from_srgb`."""
    straight = linear <= _KNEE
    # Cut from below before the power: its slope at zero is infinite and would turn masked gradients into NaN.
    curved = 1.055 * linear.clip(_KNEE, None) ** (1 / 2.4) - 0.055
    return straight * (linear * 12.92) + ~straight * curved
