"""NoW's statistics and its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from hiface.evaluate.report import Table
from hiface.evaluate.statistics import Bootstrap, Summary, summarise_pool

_NOTE = (
    "Distance from scan to mesh in mm, all vertices of all images in one pool; the interval (95 %, bootstrap "
    "over subjects) is of the median."
)
_INCOMPLETE = "Incomplete, do not compare with published figures: some images could not be scored."


@dataclass(frozen=True)
class NowSummary:
    """The figures of one challenge, or of all."""

    challenge: str
    images: int
    subjects: int
    points: int
    errors: Summary
    incomplete: bool


def summarise(
    challenge: str,
    distances: Sequence[Float[np.ndarray, "_"]],
    subjects: Sequence[str],
    incomplete: bool,
    bootstrap: Bootstrap,
) -> NowSummary:
    """Pooled statistics of the distances of several images, in millimetres."""
    points = sum(len(values) for values in distances)
    errors = summarise_pool(distances, subjects, bootstrap)
    return NowSummary(challenge, len(distances), len(set(subjects)), points, errors, incomplete)


def now_table(title: str, summaries: Sequence[NowSummary], metrical: bool) -> Table:
    """One row for all images and one for each challenge."""
    rows = [
        (
            f"{title}, {summary.challenge}",
            f"{summary.errors.median:.2f}",
            f"{summary.errors.interval.low:.2f}–{summary.errors.interval.high:.2f}",
            f"{summary.errors.mean:.2f}",
            f"{summary.errors.sd:.2f}",
            str(summary.images),
        )
        for summary in summaries
    ]
    notes = (_NOTE, _INCOMPLETE) if any(summary.incomplete for summary in summaries) else (_NOTE,)
    name = f"NoW, {'metrical' if metrical else 'non-metrical'}"
    return Table(name, ("method", "median", "interval", "mean", "sd", "images"), tuple(rows), notes)
