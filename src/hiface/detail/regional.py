"""Wrinkles without a mesh to measure: tension by region, linear in morph weights (for engines).

Eq. 8 asks for every edge of the mesh in every frame. An engine has morph weights and a shader; so the tension map is
approximated by M(x) ≈ Σ_r mask_r(x) · M_r with M_r = clamp(Σ_k w_k a_rk): the masks are pictures, a is a table. Both
come from Eq. 8 itself, measured on one face with each unit at 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from hiface.geometry.tension import CEILING

ROUNDS = 12
"""Of alternating least squares; after these masks move by less than they are stored to."""
_RIDGE = 1e-4
_FULL = 0.99
"""Quantile of a mask that becomes 1: single vertices must not set the scale."""


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

    def with_units(self, tension: Float[np.ndarray, "K n"], importance: Float[np.ndarray, "n"]) -> RegionalRule:
        """The same masks with the coefficients of other units, given as in `fit_rule`."""
        return RegionalRule(self.masks, _coefficients(tension, self.masks, importance / importance.mean()))


def fit_rule(
    tension: Float[np.ndarray, "K n"], windows: Float[np.ndarray, "N n"], importance: Float[np.ndarray, "n"]
) -> RegionalRule:
    """Masks inside `windows` and coefficients whose products are nearest to `tension`, each unit's at weight 1.

    Minimises Σ importance · (tension − aᵀ masks)² over both in turn, with masks ≥ 0, zero where the window is, and a
    sum of at most 1. `importance`: what a vertex counts, not negative.
    """
    used = np.flatnonzero(windows.any(0))
    target, inside = tension[:, used], windows[:, used] > 0
    masks, weight = windows[:, used].copy(), importance[used] / importance[used].mean()
    for _ in range(ROUNDS):
        coefficients = _coefficients(target, masks, weight)
        _improve(masks, target, coefficients, inside)
    masks = _normalised(masks)
    whole = np.zeros_like(windows)
    whole[:, used] = masks
    return RegionalRule(whole, _coefficients(target, masks, weight))


def _coefficients(
    target: Float[np.ndarray, "K n"], masks: Float[np.ndarray, "N n"], weight: Float[np.ndarray, "n"]
) -> Float[np.ndarray, "N K"]:
    weighted = masks * weight
    gram = weighted @ masks.T
    gram += np.eye(len(gram), dtype=gram.dtype) * (_RIDGE * np.trace(gram) / len(gram))
    return np.asarray(np.linalg.solve(gram, weighted @ target.T))


def _improve(
    masks: Float[np.ndarray, "N n"],
    target: Float[np.ndarray, "K n"],
    coefficients: Float[np.ndarray, "N K"],
    inside: Float[np.ndarray, "N n"],
) -> None:
    """The best of each mask in turn, the others as they are; in place."""
    gram, wanted = coefficients @ coefficients.T, coefficients @ target
    for r in range(len(masks)):
        own = max(float(gram[r, r]), 1e-9)
        best = masks[r] + (wanted[r] - gram[r] @ masks) / own
        masks[r] = np.maximum(best, 0) * inside[r]


def _normalised(masks: Float[np.ndarray, "N n"]) -> Float[np.ndarray, "N n"]:
    top = np.array([np.quantile(m[m > 0], _FULL) if (m > 0).any() else 1.0 for m in masks], masks.dtype)
    masks = np.minimum(masks / np.maximum(top, 1e-9)[:, None], 1)
    return np.asarray(masks / np.maximum(1, masks.sum(0)))
