"""Areas of the face that wrinkle together, as soft windows on a face model's vertices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from hiface.face.front import front_chart
from hiface.face.model import FaceModel


@dataclass(frozen=True)
class Region:
    """A window in the front chart (`face.front`), mm."""

    name: str
    x: float
    y: float
    half_width: float
    half_height: float


def _paired(name: str, x: float, y: float, half_width: float, half_height: float) -> tuple[Region, Region]:
    return tuple(  # type: ignore[return-value]
        Region(f"{name}_{side}", sign * x, y, half_width, half_height) for side, sign in (("left", 1), ("right", -1))
    )


REGIONS = (
    Region("forehead_middle", 0, 84, 24, 28),
    *_paired("forehead", 46, 78, 28, 32),
    Region("glabella", 0, 54, 16, 13),
    Region("nose", 0, 22, 19, 24),
    *_paired("lower_lid", 31, 22, 19, 10),
    *_paired("eye_corner", 60, 34, 22, 22),
    *_paired("nasolabial", 27, -22, 14, 28),
    *_paired("cheek", 50, -12, 24, 34),
    Region("upper_lip", 0, -20, 22, 11),
    Region("lower_lip", 0, -46, 24, 11),
    Region("chin_and_jaw", 0, -80, 60, 34),
)
"""The subject's own left and right. Sixteen, as many as four pictures have channels."""

SMALLEST = 0.02
"""Windows end where they fall below this."""


@lru_cache(maxsize=2)
def region_windows(face: FaceModel) -> Float[np.ndarray, "N n"]:
    """How much each of `REGIONS` has of each vertex of the part "face", 0 to 1; they add up to 1 at most.

    Soft: 1 inside, half where the next begins, 0 at lids, neck and the back of the head.
    """
    chart = front_chart(face)
    across, down = (
        (chart[:, axis] - np.array([[getattr(r, at)] for r in REGIONS]))
        / np.array([[getattr(r, half)] for r in REGIONS])
        for axis, at, half in ((0, "x", "half_width"), (1, "y", "half_height"))
    )
    inside = np.exp(-(across**4) - down**4)
    inside[inside < SMALLEST] = 0
    return np.asarray(inside / np.maximum(1, inside.sum(0)), np.float32)
