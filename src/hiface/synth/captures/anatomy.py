"""How deep lines and folds are by age: the numbers behind the generated captures.

Chosen to look right by eye and plausible beside published profilometry; **not measured**. Every value is in
mm at the `AGES`, for the main lines of a family and an average person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

AGES = (5.0, 20.0, 40.0, 60.0, 80.0)

Nature = Literal["fine", "expression", "fold"]


@dataclass(frozen=True)
class Family:
    """Depth of a family of lines, mm at the `AGES`."""

    neutral: tuple[float, ...]
    contracted: tuple[float, ...]
    """In all, at full contraction."""
    nature: Nature
    """What makes a person have more of it: weather (fine), a lively face (expression) or slack skin
    (fold)."""
    male: float = 1.0
    """Factor of an average man; a woman has its inverse."""


FAMILIES: dict[str, Family] = {
    "forehead": Family((0.0, 0.03, 0.15, 0.40, 0.68), (0.35, 0.55, 0.85, 1.15, 1.35), "expression", 1.12),
    "glabella": Family((0.0, 0.0, 0.16, 0.45, 0.68), (0.35, 0.60, 1.0, 1.35, 1.5), "expression", 1.12),
    "procerus": Family((0.0, 0.0, 0.05, 0.22, 0.36), (0.15, 0.25, 0.50, 0.75, 0.85), "expression", 1.06),
    "bunny": Family((0.0, 0.0, 0.02, 0.10, 0.18), (0.30, 0.40, 0.55, 0.65, 0.70), "expression"),
    "crow": Family((0.0, 0.0, 0.10, 0.30, 0.52), (0.12, 0.30, 0.60, 0.85, 1.0), "fine"),
    "lower_lid": Family((0.02, 0.04, 0.12, 0.28, 0.46), (0.15, 0.25, 0.45, 0.65, 0.75), "fine", 0.96),
    "tear_trough": Family((0.04, 0.10, 0.25, 0.55, 0.80), (0.12, 0.20, 0.40, 0.75, 1.0), "fold"),
    "nasolabial": Family((0.04, 0.10, 0.33, 0.75, 1.1), (0.35, 0.50, 0.78, 1.05, 1.3), "fold", 1.04),
    "perioral": Family((0.0, 0.0, 0.05, 0.26, 0.55), (0.12, 0.18, 0.34, 0.62, 0.9), "fine", 0.8),
    "marionette": Family((0.0, 0.0, 0.13, 0.48, 0.88), (0.12, 0.20, 0.46, 0.85, 1.15), "fold"),
    "mental": Family((0.03, 0.05, 0.12, 0.30, 0.45), (0.28, 0.40, 0.55, 0.75, 0.85), "expression", 1.06),
    "cheek": Family((0.0, 0.0, 0.0, 0.10, 0.28), (0.10, 0.15, 0.40, 0.75, 0.95), "fold", 1.06),
    "upper_lid": Family((0.01, 0.02, 0.08, 0.20, 0.30), (0.05, 0.10, 0.20, 0.35, 0.45), "fine", 0.96),
    "neck": Family((0.05, 0.10, 0.22, 0.45, 0.65), (0.12, 0.22, 0.42, 0.75, 1.0), "fold"),
}

BAG = (0.06, 0.10, 0.35, 0.90, 1.5)
"""Fat under the eye."""
FOLD = (0.12, 0.25, 0.60, 1.4, 2.2)
"""Cheek over the nasolabial fold."""
JOWL = (0.0, 0.0, 0.10, 0.50, 0.90)
"""More belongs to the coarse shape: bigger jowls in a displacement become balls."""
BANDS = (0.0, 0.0, 0.04, 0.25, 0.55)
"""Platysma bands of the neck."""
BROW_PAD = (0.0, 0.0, 0.08, 0.18, 0.25)
"""Over the brow's head."""
CRINKLE = (0.0, 0.0, 0.03, 0.09, 0.19)
"""Fine broken lines over all skin."""


def at_age(values: tuple[float, ...], age: float) -> float:
    """A row of this file at an age; past the last one it goes on at half the slope."""
    if age <= AGES[-1]:
        return float(np.interp(age, AGES, values))
    slope = (values[-1] - values[-2]) / (AGES[-1] - AGES[-2])
    return float(values[-1] + 0.5 * slope * (age - AGES[-1]))
