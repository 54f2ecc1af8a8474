"""The frame of a face: the box of the one crop rule, shared with photos."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def crop_box(points68: Float[np.ndarray, "68 2"]) -> tuple[Float[np.ndarray, "2"], float]:
    """Centre and side, pixels, of the crop box around 68 landmarks."""
    low, high = points68.min(0), points68.max(0)
    side = float((high - low).max()) * 1.5
    centre = (low + high) / 2 - np.array([0.0, 0.08 * side])
    return centre, side
