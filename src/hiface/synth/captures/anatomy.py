"""How deep lines and folds are by age: the numbers behind the generated captures.

Depths in mm at the `AGES`, for the main lines of a family and an average person. The millimetres are
**chosen by eye, not measured**; their course over age, sex and skin follows what abstracts report (docs/wrinkles.md
has the list): at the eye corner a rapid increase from 40 and a plateau at 60; no glabellar lines at rest
before 40; in men earlier and deeper lines of forehead, brow and eye; in women more and deeper lines of the
upper lip; cheeks change least; East Asian skin wrinkles about ten years later than European skin.
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
    "forehead": Family((0.0, 0.03, 0.15, 0.42, 0.70), (0.35, 0.55, 0.85, 1.15, 1.35), "expression", 1.12),
    "glabella": Family((0.0, 0.0, 0.08, 0.42, 0.68), (0.35, 0.60, 1.0, 1.35, 1.5), "expression", 1.12),
    "procerus": Family((0.0, 0.0, 0.05, 0.22, 0.36), (0.15, 0.25, 0.50, 0.75, 0.85), "expression", 1.06),
    "bunny": Family((0.0, 0.0, 0.02, 0.10, 0.18), (0.30, 0.40, 0.55, 0.65, 0.70), "expression"),
    "crow": Family((0.0, 0.0, 0.12, 0.46, 0.58), (0.12, 0.30, 0.62, 0.95, 1.08), "fine", 1.08),
    "lower_lid": Family((0.02, 0.04, 0.12, 0.28, 0.46), (0.15, 0.25, 0.45, 0.65, 0.75), "fine", 0.96),
    "tear_trough": Family((0.04, 0.10, 0.25, 0.55, 0.80), (0.12, 0.20, 0.40, 0.75, 1.0), "fold"),
    "nasolabial": Family((0.04, 0.10, 0.36, 0.88, 1.1), (0.35, 0.50, 0.80, 1.15, 1.3), "fold", 1.04),
    "perioral": Family((0.0, 0.0, 0.08, 0.38, 0.75), (0.14, 0.22, 0.48, 0.85, 1.15), "fine", 0.78),
    "marionette": Family((0.0, 0.0, 0.15, 0.62, 1.1), (0.12, 0.22, 0.52, 1.0, 1.35), "fold"),
    "mental": Family((0.03, 0.05, 0.12, 0.30, 0.45), (0.28, 0.40, 0.55, 0.75, 0.85), "expression", 1.06),
    "cheek": Family((0.0, 0.0, 0.0, 0.08, 0.24), (0.08, 0.14, 0.32, 0.55, 0.72), "fold", 1.06),
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
CRINKLE = (0.0, 0.0, 0.03, 0.12, 0.25)
"""Fine broken lines over all skin."""


SKIN_DELAY = (-2.0, 0.0, 2.0, 5.0, 8.0, 10.0)
"""Years by which lines come later on skin types I to VI (Fitzpatrick); ten years between European and East
Asian skin were reported, the rest is interpolated from memory."""
ONSET_YEARS = 20.0
"""Age from which skin type begins to tell, in full twenty years later."""


def line_age(age: float, skin: int) -> float:
    """The age whose lines a person of a skin type (1 to 6) has."""
    return age - SKIN_DELAY[skin - 1] * float(np.clip((age - ONSET_YEARS) / 20, 0, 1))


def at_age(values: tuple[float, ...], age: float) -> float:
    """A row of this file at an age; past the last one it goes on at half the slope."""
    if age <= AGES[-1]:
        return float(np.interp(age, AGES, values))
    slope = (values[-1] - values[-2]) / (AGES[-1] - AGES[-2])
    return float(values[-1] + 0.5 * slope * (age - AGES[-1]))
