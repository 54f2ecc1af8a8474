"""Means, medians and spreads as the protocols define them, and how sure one can be of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

_Array = np.ndarray[Any, np.dtype[Any]]
_LEVELS = 2000  # quantiles of the pool that a bootstrapped median can take


@dataclass(frozen=True)
class Interval:
    """A bootstrap interval of 95 %."""

    low: float
    high: float


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are drawn: subjects with replacement, all meshes of a drawn subject together."""

    draws: int = 2000
    seed: int = 0


USUAL = Bootstrap()


@dataclass(frozen=True)
class Summary:
    """One column of errors, millimetres."""

    mean: float
    median: float
    sd: float
    """Of the sample (n - 1) in REALY, of the population (n) in NoW; NaN-free: 0 for a single value."""
    interval: Interval
    """Of the mean in REALY, of the median in NoW."""


@dataclass(frozen=True)
class Curve:
    """Cumulative errors: which part of all points has an error below each threshold."""

    threshold_mm: Float[np.ndarray, "N"]
    percent: Float[np.ndarray, "N"]


def summarise_means(errors: Sequence[float], subjects: Sequence[Any], bootstrap: Bootstrap) -> Summary:
    """REALY's statistics of one error a mesh; the interval is of the mean."""
    values = np.asarray(errors, np.float64)
    sd = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    interval = bootstrap_mean(values, subjects, bootstrap)
    return Summary(float(values.mean()), float(np.median(values)), sd, interval)


def summarise_pool(
    distances: Sequence[Float[np.ndarray, "_"]], subjects: Sequence[Any], bootstrap: Bootstrap
) -> Summary:
    """NoW's statistics: all distances of all images in one pool; the interval is of the median."""
    pool = np.concatenate(distances)
    interval = bootstrap_median(distances, subjects, bootstrap)
    return Summary(float(pool.mean(dtype=np.float64)), float(np.median(pool)), float(pool.std()), interval)


def bootstrap_mean(values: Float[np.ndarray, "N"], subjects: Sequence[Any], bootstrap: Bootstrap) -> Interval:
    """The percentile interval of the mean over subjects drawn with replacement."""
    _, group = np.unique(np.asarray(subjects), return_inverse=True)
    sums, counts = np.bincount(group, values), np.bincount(group)
    drawn = _draws(len(counts), bootstrap)
    return _percentiles(drawn @ sums / (drawn @ counts))


def bootstrap_median(
    distances: Sequence[Float[np.ndarray, "_"]], subjects: Sequence[Any], bootstrap: Bootstrap
) -> Interval:
    """The same of the pooled median, to a two-thousandth of the pool."""
    names, group = np.unique(np.asarray(subjects), return_inverse=True)
    edges = np.quantile(np.concatenate(distances), np.linspace(0.0, 1.0, _LEVELS + 1))
    below = np.zeros((len(names), len(edges)))
    for values, k in zip(distances, group, strict=True):
        below[k] += np.searchsorted(np.sort(values), edges, side="right")
    drawn = _draws(len(names), bootstrap) @ below
    return _percentiles(edges[np.argmax(drawn >= drawn[:, -1:] / 2, axis=1)])


def cumulative_curve(distances: Sequence[Float[np.ndarray, "_"]], top_mm: float = 8.0, points: int = 801) -> Curve:
    """NoW's curve: percent of all points with an error below x, for x from 0 to `top_mm`; exact, no bins."""
    ranked = np.sort(np.concatenate(distances))
    threshold = np.linspace(0.0, top_mm, points)
    return Curve(threshold, 100.0 * np.searchsorted(ranked, threshold, side="left") / len(ranked))


def _draws(subjects: int, bootstrap: Bootstrap) -> _Array:
    """How often each subject is in each draw, (draws, subjects)."""
    rng = np.random.default_rng(bootstrap.seed)
    return rng.multinomial(subjects, np.full(subjects, 1.0 / subjects), bootstrap.draws).astype(np.float64)


def _percentiles(values: _Array) -> Interval:
    low, high = np.percentile(values, [2.5, 97.5])
    return Interval(float(low), float(high))
