"""REALY's statistics and its table: four regions and all, frontal and side, as in the paper's Table 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hiface.evaluate.realy_regions import REGIONS, Region
from hiface.evaluate.report import Table
from hiface.evaluate.statistics import Bootstrap, Interval, Summary, bootstrap_mean, summarise_means

_NOTE = (
    "Mean distance in mm (the benchmark calls it NMSE) ± standard deviation over meshes; all: mean of the "
    "four regions, with its 95 % bootstrap interval over subjects."
)


@dataclass(frozen=True)
class RealySummary:
    """The figures of one run."""

    meshes: int
    subjects: int
    nose: Summary
    mouth: Summary
    forehead: Summary
    cheek: Summary
    all_mm: float
    """Mean of the four regions' means."""
    all_interval: Interval
    incomplete: bool
    """Whether something could not be scored; the figures are then not comparable with published ones."""

    def of(self, region: Region) -> Summary:
        result: Summary = getattr(self, region)
        return result


@dataclass(frozen=True)
class RealyRow:
    """A method in the table."""

    title: str
    frontal: RealySummary | None
    side: RealySummary | None


def summarise(
    columns: Mapping[Region, Sequence[float]], subjects: Sequence[int], incomplete: bool, bootstrap: Bootstrap
) -> RealySummary:
    """Statistics over meshes of the four regions' errors, in millimetres."""
    mean_of_mesh = np.mean([columns[region] for region in REGIONS], axis=0)
    nose, mouth, forehead, cheek = (summarise_means(columns[region], subjects, bootstrap) for region in REGIONS)
    return RealySummary(
        len(subjects),
        len(set(subjects)),
        nose,
        mouth,
        forehead,
        cheek,
        float(np.mean([part.mean for part in (nose, mouth, forehead, cheek)])),
        bootstrap_mean(mean_of_mesh, subjects, bootstrap),
        incomplete,
    )


def realy_table(rows: Sequence[RealyRow], title: str = "REALY") -> Table:
    """Methods in rows; columns for the views that some method has."""
    views = [view for view in ("frontal", "side") if any(getattr(row, view) for row in rows)]
    columns = [f"{view} {name}" for view in views for name in (*REGIONS, "all")]
    body = [(row.title, *(cell for view in views for cell in _cells(getattr(row, view)))) for row in rows]
    return Table(title, ("method", *columns), tuple(body), (_NOTE, *_incomplete(rows, views)))


def _cells(summary: RealySummary | None) -> list[str]:
    if summary is None:
        return ["–"] * (len(REGIONS) + 1)
    regions = [f"{summary.of(region).mean:.3f} ± {summary.of(region).sd:.3f}" for region in REGIONS]
    return [
        *regions,
        f"{summary.all_mm:.3f} ({summary.all_interval.low:.3f}–{summary.all_interval.high:.3f})",
    ]


def _incomplete(rows: Sequence[RealyRow], views: Sequence[str]) -> list[str]:
    found = [(row.title, view, getattr(row, view)) for row in rows for view in views]
    return [
        f"Incomplete, do not compare: {title}, {view}: {summary.meshes} meshes, {summary.subjects} subjects."
        for title, view, summary in found
        if summary is not None and summary.incomplete
    ]
