"""Age from static detail: the small network p̂_age of Eq. 14."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor, nn

AGE_GROUPS = ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70+")
"""The age groups of the labelled photos; every age distribution here is over these nine."""


class AgeHead(nn.Module):
    """Logarithms of the probabilities of the nine age groups, from φ."""

    def __init__(self, static: int, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(static, width), nn.SiLU(), nn.Linear(width, len(AGE_GROUPS)))

    def forward(self, static: Float[Tensor, "B K"]) -> Float[Tensor, "B 9"]:
        return nn.functional.log_softmax(self.layers(static), dim=1)


def group_of(years: float) -> int:
    """Index of the age group of an age in years."""
    edges = (3, 10, 20, 30, 40, 50, 60, 70)
    return sum(years >= edge for edge in edges)


def softened(groups: Int[np.ndarray, "N"]) -> Float[np.ndarray, "N 9"]:
    """Distributions that put most on a known group and a little on its neighbours; -1 gives zeros.

    Neighbouring groups share: their border is a birthday.
    """
    distance = np.abs(np.arange(len(AGE_GROUPS))[None] - groups[:, None])
    target = np.where(distance == 0, 1.0, np.where(distance == 1, 0.15, 0.01))
    target /= target.sum(1, keepdims=True)
    return np.where(groups[:, None] >= 0, target, 0.0).astype(np.float32)


def age_group(label: str, years: float) -> int:
    """Index of a label's age group, by the years where they are known; -1 unknown."""
    if math.isfinite(years):
        return group_of(years)
    names = {name: k for k, name in enumerate(AGE_GROUPS)} | {"more than 70": len(AGE_GROUPS) - 1}
    return names.get(str(label), -1)
