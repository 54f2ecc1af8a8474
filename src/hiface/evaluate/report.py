"""From figures to tables (CSV, Markdown, LaTeX) and from vertex errors to colours with a legend."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from hiface.assets.format import write_atomically
from hiface.errors import ConfigError
from hiface.evaluate.statistics import Curve

_Array = np.ndarray[Any, np.dtype[Any]]

_STOPS = np.array(
    [
        (0.16, 0.20, 0.52),
        (0.20, 0.55, 0.66),
        (0.72, 0.86, 0.66),
        (0.98, 0.80, 0.40),
        (0.90, 0.36, 0.22),
        (0.50, 0.05, 0.16),
    ]
)
"""Display colours of errors from 0 to the top: blue, teal, pale green, yellow, orange, dark red."""
_LATEX = str.maketrans({c: f"\\{c}" for c in "&%$#_{}"} | {"±": "$\\pm$", "–": "--", "~": "\\textasciitilde{}"})


@dataclass(frozen=True)
class Table:
    """A table of finished text; the first column names the rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    """Sentences below the table: what the figures are, and what is wrong with them."""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ConfigError(f"table {self.title!r}: {len(self.columns)} columns, but row {row} has {len(row)}")


@dataclass(frozen=True)
class ColourScale:
    """The legend of an error picture."""

    strip: Float[np.ndarray, "N 3"]
    """Colours from 0 to the top, display values 0 to 1."""
    ticks_mm: tuple[float, ...]
    """Evenly spaced from the first to the last colour."""


def markdown(table: Table) -> str:
    """The table as GitHub renders it."""
    header = ["| " + " | ".join(table.columns) + " |", "|---" + "|---:" * (len(table.columns) - 1) + "|"]
    body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table.rows]
    notes = ["", *table.notes] if table.notes else []
    return "\n".join([f"**{table.title}**", "", *header, *body, *notes]) + "\n"


def latex(table: Table) -> str:
    """The table for a paper; needs the package booktabs."""
    cells = [" & ".join(cell.translate(_LATEX) for cell in row) + r" \\" for row in (table.columns, *table.rows)]
    notes = [f"% {note}" for note in table.notes]
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{table.title.translate(_LATEX)}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
            r"\toprule",
            cells[0],
            r"\midrule",
            *cells[1:],
            r"\bottomrule",
            r"\end{tabular}",
            *notes,
            r"\end{table}",
            "",
        ]
    )


def comma_separated(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows as CSV; numbers in full."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def write_table(folder: str | Path, stem: str, table: Table) -> None:
    """`stem`.csv, .md and .tex in a folder."""
    texts = {".csv": comma_separated(table.columns, table.rows), ".md": markdown(table), ".tex": latex(table)}
    for suffix, text in texts.items():
        write_text(Path(folder) / f"{stem}{suffix}", text)


def write_text(path: str | Path, text: str) -> Path:
    """A text file, whole or not at all."""
    return write_atomically(path, lambda file: file.write_text(text, encoding="utf-8"))


def error_colours(errors_mm: Float[np.ndarray, "N"], top_mm: float) -> Float[np.ndarray, "N 3"]:
    """A display colour (0 to 1) for each error; all errors of `top_mm` and more look alike."""
    if not top_mm > 0:
        raise ConfigError(f"the top of a colour scale must be positive, found {top_mm} mm")
    place = np.clip(np.asarray(errors_mm) / top_mm, 0.0, 1.0)
    stops = np.linspace(0.0, 1.0, len(_STOPS))
    return np.stack([np.interp(place, stops, _STOPS[:, channel]) for channel in range(3)], axis=-1)


def colour_scale(top_mm: float, steps: int = 256, ticks: int = 5) -> ColourScale:
    """The legend that belongs to `error_colours` with the same top."""
    strip = error_colours(np.linspace(0.0, top_mm, steps), top_mm)
    return ColourScale(strip, tuple(float(tick) for tick in np.linspace(0.0, top_mm, ticks)))


def curve_csv(curve: Curve) -> str:
    """A cumulative curve as two columns."""
    rows = zip(curve.threshold_mm.tolist(), curve.percent.tolist(), strict=True)
    return comma_separated(("error_mm", "percent_below"), [(f"{x:.4f}", f"{y:.4f}") for x, y in rows])
