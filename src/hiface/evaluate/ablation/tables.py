"""Tables of the study: mean and spread over seeds, and the difference to the row that a row is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hiface.evaluate.ablation.measure import NO_DETAIL
from hiface.evaluate.ablation.rows import Row
from hiface.evaluate.ablation.runs import Run
from hiface.evaluate.report import Table, comma_separated, latex, markdown, write_text

INGREDIENTS = "ingredients"
"""Group of the rows that differ in the faces they train on."""
_REGIONS = ("nose", "mouth", "forehead", "cheek")
_MAPS = (
    ("static map", "map_static"),
    ("dynamic map", "map_dynamic"),
    ("whole map", "map_displacement"),
    ("as drawn", "map_drawn"),
)
COLUMNS: dict[str, tuple[tuple[str, str], ...]] = {
    "coarse": (
        ("neutral shape", "shape"),
        ("with size", "rigid"),
        ("expression", "expression"),
        ("coarse", "coarse"),
        ("detailed", "detailed"),
        *((name, f"detailed_{name}") for name in _REGIONS),
        ("map as drawn", "map_drawn"),
        ("photos, %", "photos_median68"),
    ),
    **dict.fromkeys(
        ("static", "dynamic"),
        (*_MAPS, ("coarse", "coarse"), ("detailed", "detailed"), *((n, f"detailed_{n}") for n in _REGIONS)),
    ),
    INGREDIENTS: (
        ("neutral shape", "shape"),
        ("with size", "rigid"),
        ("expression", "expression"),
        ("rotation, °", "rotation"),
        ("drawn points, %", "points_median"),
        ("photos, %", "photos_median68"),
        ("photos, points seen, %", "photos_seen_median68"),
    ),
}
"""Heading and figure of each column of a group's table."""
COMPARED = {
    "coarse": ("shape", "detailed"),
    "static": ("map_displacement", "detailed"),
    "dynamic": ("map_displacement", "detailed"),
    INGREDIENTS: ("shape", "photos_median68", "photos_seen_median68"),
}
"""Figures that have a column with the difference to the row compared with."""
TITLES = {
    "coarse": "The whole network trained (as Table 1 of the paper), mm",
    "static": "Static detail, coarse face frozen (as Fig. 8), mm",
    "dynamic": "Dynamic detail, coarse face frozen (as Fig. 9), mm",
    INGREDIENTS: "Ingredients of the generator, mm",
}
_DIGITS = {"photos_median68": 2, "photos_seen_median68": 2, "points_median": 2, "rotation": 2}

Seeds = dict[int, dict[str, float]]
"""Figures by seed."""


@dataclass(frozen=True)
class Results:
    """Figures of all finished runs, by row and seed."""

    rows: Sequence[Row]
    of: dict[str, Seeds]
    runs: int
    """Planned."""

    @classmethod
    def collect(cls, rows: Sequence[Row], runs: Sequence[Run], measured: str) -> Results:
        of: dict[str, Seeds] = {row.name: {} for row in rows}
        for run in runs:
            found = run.figures(measured)
            if found is not None:
                of[run.row.name][run.seed] = found
        return cls(rows, of, len(runs))

    def values(self, row: str, figure: str) -> list[float]:
        return [f[figure] for f in self.of[row].values() if figure in f]

    def differences(self, row: str, other: str, figure: str) -> list[float]:
        """Of the seeds that both rows have: what the seed does to both falls out."""
        mine, theirs = self.of[row], self.of[other]
        shared = (s for s in mine if figure in mine[s] and figure in theirs.get(s, {}))
        return [mine[s][figure] - theirs[s][figure] for s in shared]


def write_tables(out: Path, rows: Sequence[Row], runs: Sequence[Run], measured: str) -> None:
    """`table.md` and `table.tex` with a table a group, and `table.csv` with every figure of every run."""
    results = Results.collect(rows, runs, measured)
    tables = [group_table(results, group) for group in COLUMNS if any(group in r.groups for r in rows)]
    write_text(out / "table.md", "\n".join(markdown(t) for t in tables))
    write_text(out / "table.tex", "\n".join(latex(t) for t in tables))
    write_text(out / "table.csv", long_csv(results))


def group_table(results: Results, group: str) -> Table:
    """The finished rows of a group; columns that none of them has are left out."""
    rows = [r for r in results.rows if group in r.groups and results.of[r.name]]
    columns = [(h, f) for h, f in COLUMNS[group] if any(results.values(r.name, f) for r in rows)]
    compared = [(h, f) for h, f in columns if f in COMPARED[group]]
    body = []
    for row in rows:
        cells = [_mean(results.values(row.name, f), _DIGITS.get(f, 4)) for _, f in columns]
        changes = [_change(results, row, f) for _, f in compared]
        body.append((row.title, *cells, *changes))
    names = ("row", *(h for h, _ in columns), *(f"{h}: change" for h, _ in compared))
    return Table(TITLES[group], names, tuple(body), _notes(results, rows, group))


def _mean(values: Sequence[float], digits: int) -> str:
    if not values:
        return "–"
    spread = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{spread}"


def _change(results: Results, row: Row, figure: str) -> str:
    if not row.facts.against:
        return "–"
    found = results.differences(row.name, row.facts.against, figure)
    return "–" if not found else ("+" if np.mean(found) >= 0 else "") + _mean(found, _DIGITS.get(figure, 4))


def _notes(results: Results, rows: Sequence[Row], group: str) -> tuple[str, ...]:
    finished = sum(len(s) for s in results.of.values())
    notes = [
        f"{finished} of {results.runs} runs of the study are finished. Mean ± standard deviation over seeds; changes"
        " are against the group's first row, seed by seed.",
    ]
    if group == INGREDIENTS:
        return (*notes, "No row has seen a photo. Drawn faces to measure on have every ingredient.")
    notes.append(
        "Surface (coarse, detailed, regions of the detailed one): along the normal to the true surface, each region"
        " aligned by itself."
    )
    if group != "coarse":
        notes.append(
            "Maps: root mean square error inside the mask, the true expression and tension given; as drawn: with the"
            " network's own. Without any detail: "
            + ", ".join(f"{head} {_mean(_first(results, rows, f), 4)}" for head, f in _MAPS[:3])
            + "."
        )
    return tuple(notes)


def _first(results: Results, rows: Sequence[Row], figure: str) -> list[float]:
    """What no detail is wrong by: a fact of the test faces, the same for all runs."""
    name = figure.replace("map_", NO_DETAIL)
    return [v for row in rows for v in results.values(row.name, name)][:1]


def long_csv(results: Results) -> str:
    """Group, row, seed, figure and value, numbers in full."""
    lines = [
        (" ".join(row.groups), row.name, row.title, seed, figure, value)
        for row in results.rows
        for seed, found in sorted(results.of[row.name].items())
        for figure, value in found.items()
    ]
    return comma_separated(("groups", "row", "title", "seed", "figure", "value"), lines)
