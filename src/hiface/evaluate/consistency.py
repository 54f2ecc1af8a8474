"""Identity consistency: one person neutral and smiling against different people, in neutral shape and static map.

What should not change with an expression is compared across one. Distributions and ratios of medians only: this says
how steady a face is, not who somebody is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from hiface.errors import ConfigError
from hiface.evaluate.answers import Answers
from hiface.evaluate.distances import between_all, map_distances, narrow_neutral, static_maps
from hiface.evaluate.statistics import USUAL, Bootstrap, Interval
from hiface.model import HiFace
from hiface.photo.packs import Pack

NEUTRAL, SMILING = "london_neutral", "london_smiling"


@dataclass(frozen=True)
class Pairs:
    """Rows of photos that show the same P people neutral and smiling."""

    neutral: Int[np.ndarray, "P"]
    smiling: Int[np.ndarray, "P"]


@dataclass(frozen=True)
class Consistency:
    """Distances of P people's neutral photos (rows) to smiling ones (columns), mm; the diagonal is one person."""

    shape: Float[np.ndarray, "P P"]
    """Neutral shape of the narrow face, root mean square over vertices after similarity alignment."""
    raw: Float[np.ndarray, "P P"]
    """The same as the shapes stand."""
    static: Float[np.ndarray, "P P"]
    """Static map, root mean square over texels."""
    shift: float
    """Root mean square of the mean over people of smiling minus neutral shape, mm: what every smile does alike."""


@dataclass(frozen=True)
class Ratio:
    """Median distance within people over that between them, with a bootstrap interval over people."""

    within: float
    between: float
    ratio: float
    interval: Interval


def pairs(pack: Pack) -> Pairs:
    """The people of a pack who are seen neutral and smiling; raises `ConfigError` where there are fewer than two."""
    rows = {s: {str(pack.person[i]): i for i in np.flatnonzero(pack.source == s)} for s in (NEUTRAL, SMILING)}
    people = sorted(set(rows[NEUTRAL]) & set(rows[SMILING]))
    if len(people) < 2:
        raise ConfigError(f"the pack shows {len(people)} people both {NEUTRAL} and {SMILING}; give the pack portraits")
    return Pairs(*(np.array([rows[s][p] for p in people]) for s in (NEUTRAL, SMILING)))


@torch.no_grad()
def consistency(model: HiFace, answers: Answers, found: Pairs) -> Consistency:
    """Distances between all neutral and all smiling photos of the pairs."""
    face, basis = model.face.cpu(), model.reconstructor.detail_model.basis.cpu()
    neutral, smiling = (answers[rows].coefficients for rows in (found.neutral, found.smiling))
    first, second = (narrow_neutral(face, c.identity) for c in (neutral, smiling))
    raw = map_distances(first.flatten(1), second.flatten(1)) * 3**0.5  # per vertex, not per coordinate
    shift = (second - first).mean(0).square().sum(-1).mean().sqrt()
    return Consistency(
        shape=between_all(first, second).numpy(),
        raw=raw.numpy(),
        static=map_distances(static_maps(basis, neutral), static_maps(basis, smiling)).numpy(),
        shift=float(shift),
    )


def ratio(distances: Float[np.ndarray, "P P"], bootstrap: Bootstrap = USUAL) -> Ratio:
    """Medians of the diagonal and of the rest; a drawn person brings all of that person's distances."""
    n = len(distances)
    other = ~np.eye(n, dtype=bool)
    within, between = float(np.median(np.diag(distances))), float(np.median(distances[other]))
    rng, drawn = np.random.default_rng(bootstrap.seed), []
    for _ in range(bootstrap.draws):
        rows = rng.integers(0, n, n)
        square = distances[np.ix_(rows, rows)]
        different = rows[:, None] != rows[None]
        if different.any():
            drawn.append(np.median(np.diag(square)) / np.median(square[different]))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Ratio(within, between, within / between, Interval(float(low), float(high)))


def distribution(distances: Float[np.ndarray, "P P"]) -> dict[str, np.ndarray]:
    """The distances within people and between them."""
    return {"same person": np.diag(distances), "different people": distances[~np.eye(len(distances), dtype=bool)]}
