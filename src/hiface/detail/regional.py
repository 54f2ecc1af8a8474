"""Wrinkles without a mesh to measure: tension by region, linear in morph weights (for engines).

Eq. 8 asks for every edge of the mesh in every frame. An engine has morph weights and a shader; so the tension map is
approximated by M(x) ≈ Σ_r mask_r(x) · M_r with M_r = clamp(Σ_k w_k a_rk): the masks are pictures, a is a table. Both
come from Eq. 8 itself, measured on one face with each unit at 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from hiface.detail.squeeze import UNITS
from hiface.geometry.tension import CEILING

ROUNDS = 2
"""Of alternating least squares for a mask's shape; more change nothing that is seen."""
TOGETHER = 0.1
"""How much a coefficient keeps to what its region says alone, against what all regions say together. 0 fits best and
gives overlapping regions large coefficients of opposite sign."""
_FULL = 0.995
"""Quantile of a mask that becomes 1: single vertices must not set the scale."""
_INNER = 0.3
"""Of a window: where that quantile is taken."""


@dataclass(frozen=True)
class RegionalRule:
    """N regions, K units."""

    masks: Float[np.ndarray, "N n"]
    """At vertices; not negative, with a sum of at most 1."""
    coefficients: Float[np.ndarray, "N K"]
    """a: tension of each region with each unit at weight 1, scaled as `geometry.tension.scaled_tension`."""

    def tension(self, weights: Float[np.ndarray, "K"]) -> Float[np.ndarray, "N"]:
        """M_r of morph weights, within ±`CEILING`."""
        return np.clip(self.coefficients @ weights, -CEILING, CEILING)

    def tension_map(self, weights: Float[np.ndarray, "K"]) -> Float[np.ndarray, "n"]:
        """What stands in for Eq. 8 at the vertices."""
        return self.tension(weights) @ self.masks


def fit_rule(
    tension: Float[np.ndarray, "K n"],
    names: Sequence[str],
    windows: Float[np.ndarray, "N n"],
    importance: Float[np.ndarray, "n"],
) -> RegionalRule:
    """Masks and coefficients that stand in for `tension`, that of each unit `names` at weight 1.

    A mask is its window times the pattern of tension there that the units which fold skin share
    (`detail.squeeze.UNITS`, both sides at once): the best product of one pattern ≥ 0 and one number a unit. The
    coefficients of all units then minimise Σ importance · (tension − aᵀ masks)². `windows` add up to 1 at most, and so
    do the masks. `importance`: what a vertex counts, not negative.
    """
    weight = importance / importance.mean()
    folding = _folding(tension, names)
    masks = np.stack([_shaped(folding, window, weight) for window in windows])
    weighted = masks * weight
    alone = weighted @ tension.T / np.maximum((weighted * masks).sum(1, keepdims=True), 1e-9)
    gram = weighted @ masks.T
    own = TOGETHER * np.diag(np.maximum(np.diag(gram), 1e-9))
    return RegionalRule(masks, np.asarray(np.linalg.solve(gram + own, weighted @ tension.T + own @ alone)))


def _folding(tension: Float[np.ndarray, "K n"], names: Sequence[str]) -> Float[np.ndarray, "U n"]:
    place: Mapping[str, int] = {name: k for k, name in enumerate(names)}
    rows = []
    for unit, share in UNITS.items():
        sides = [place[n] for n in (unit, f"{unit}Left", f"{unit}Right") if n in place]
        rows.append(share * tension[sides].sum(0))
    return np.stack(rows)


def _shaped(
    folding: Float[np.ndarray, "U n"], window: Float[np.ndarray, "n"], weight: Float[np.ndarray, "n"]
) -> Float[np.ndarray, "n"]:
    """A window times the pattern of `folding` inside it, 1 at the pattern's top."""
    used = window > 0
    inside, target = window[used], folding[:, used]
    counts = weight[used] * inside
    pattern = np.ones_like(inside)
    for _ in range(ROUNDS):
        amount = target @ (counts * pattern) / max(float(counts @ pattern**2), 1e-9)
        pattern = np.maximum(amount @ target, 0) / max(float(amount @ amount), 1e-9)
    top = float(np.quantile(pattern[inside > _INNER], _FULL)) if (inside > _INNER).any() else 1.0
    mask = np.zeros_like(window)
    mask[used] = inside * np.minimum(pattern / max(top, 1e-9), 1)
    return mask
