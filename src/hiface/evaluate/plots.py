"""Plots of figures as PNG; needs matplotlib (extra `evaluate`), without which the tables alone are written."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from hiface.assets.format import write_atomically
from hiface.evaluate.groups import GroupFigure
from hiface.evaluate.statistics import Curve

log = logging.getLogger(__name__)
_COLOURS = ("#1f4e79", "#c8553d", "#3a7d44", "#8a6bb1", "#b8860b", "#5f6b73", "#00838f", "#ad1457")
_GREY = "#5f6b73"


def plot_points(
    path: Path, x: np.ndarray, y: np.ndarray, title: str, x_label: str, y_label: str, bins: int = 8
) -> Path | None:
    """A dot for each pair, and the median of y in bins of equally many dots."""
    figure, axes = _frame(5.2, 3.8, title)
    if figure is None:
        return None
    axes.plot(x, y, ".", color=_GREY, alpha=0.5, markersize=5)
    parts = np.array_split(np.argsort(x, kind="stable"), min(bins, len(x)))
    axes.plot(
        [np.median(x[p]) for p in parts], [np.median(y[p]) for p in parts], "o-", color=_COLOURS[1], linewidth=1.6
    )
    axes.set(ylim=(0, None), xlabel=x_label, ylabel=y_label)
    return _save(figure, path)


def plot_bands(
    path: Path, x: Sequence[float], values: Mapping[str, Sequence[np.ndarray]], title: str, x_label: str, y_label: str
) -> Path | None:
    """A line through the medians at each x and a band from the 10th to the 90th percentile, by name."""
    figure, axes = _frame(6.0, 3.8, title)
    if figure is None:
        return None
    for (name, each), colour in zip(values.items(), _COLOURS, strict=False):
        low, middle, high = np.array([np.percentile(v, [10, 50, 90]) for v in each]).T
        axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(x, middle, "o-", color=colour, label=name, linewidth=1.6, markersize=4)
    axes.set(ylim=(min(0.0, axes.get_ylim()[0]), None), xlabel=x_label, ylabel=y_label)
    axes.legend(frameon=False)
    return _save(figure, path)


def plot_curves(path: Path, curves: Mapping[str, Curve], title: str, x_label: str, y_label: str) -> Path | None:
    """Cumulative curves by name in one frame; None where matplotlib is missing."""
    figure, axes = _frame(7.0, 5.2, title)
    if figure is None:
        return None
    for (name, curve), colour in zip(curves.items(), _COLOURS, strict=False):
        axes.plot(curve.threshold_mm, curve.percent, label=name, color=colour, linewidth=1.8)
    top = max(float(c.threshold_mm[-1]) for c in curves.values())
    axes.set(xlim=(0, top), ylim=(0, 100), xlabel=x_label, ylabel=y_label)
    figure.legend(frameon=False, loc="outside lower center", ncols=2)
    return _save(figure, path)


def plot_histograms(path: Path, values: Mapping[str, np.ndarray], title: str, x_label: str) -> Path | None:
    """Distributions by name, as densities over common bins, each with its median."""
    figure, axes = _frame(7.0, 3.8, title)
    if figure is None:
        return None
    top = max(float(np.percentile(v, 99.5)) for v in values.values())
    for (name, v), colour in zip(values.items(), _COLOURS, strict=False):
        axes.hist(v, np.linspace(0, top, 50), density=True, alpha=0.45, color=colour, label=f"{name} ({len(v)})")
        axes.axvline(float(np.median(v)), color=colour, linewidth=1.6)
    axes.set(xlim=(0, top), xlabel=x_label, ylabel="density")
    axes.legend(frameon=False)
    return _save(figure, path)


def plot_groups(path: Path, figures: Sequence[GroupFigure], title: str, x_label: str) -> Path | None:
    """A dot and its interval for each group; groups of few people hollow."""
    figure, axes = _frame(7.0, 1.3 + 0.26 * len(figures), title)
    if figure is None:
        return None
    for row, f in enumerate(figures):
        colour = _GREY if f.few else _COLOURS[0]
        axes.plot([f.interval.low, f.interval.high], [row, row], color=colour, linewidth=1.6)
        axes.plot([f.value], [row], "o", color=colour, markerfacecolor="white" if f.few else colour)
    axes.axvline(figures[0].value, color=_GREY, linewidth=0.8, linestyle=":")
    names = ["all" if f.group == "all" else f"{f.attribute}: {f.group}" for f in figures]
    axes.set_yticks(range(len(figures)), [f"{n} ({f.subjects})" for n, f in zip(names, figures, strict=True)])
    axes.invert_yaxis()
    axes.set_xlabel(x_label)
    return _save(figure, path)


def plot_bars(path: Path, values: Mapping[str, float], title: str, x_label: str, reference: float) -> Path | None:
    """A bar for each name, and a dotted line to compare them with."""
    figure, axes = _frame(7.0, 1.3 + 0.24 * len(values), title)
    if figure is None:
        return None
    axes.barh(list(values), list(values.values()), color=_COLOURS[0], height=0.65)
    axes.axvline(reference, color=_COLOURS[1], linewidth=1.2, linestyle=":")
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.set_xlabel(x_label)
    return _save(figure, path)


@dataclass(frozen=True)
class Panel:
    """One small curve among several."""

    title: str
    x_label: str
    y_label: str
    x: Float[np.ndarray, "N"]
    y: Float[np.ndarray, "N"]
    above: Float[np.ndarray, "N"] | None
    """A thinner line, such as a percentile."""
    ticks: Sequence[str]
    """Labels of x."""
    reference: float | None = None
    """Height of a dotted line."""


def plot_panels(path: Path, rows: Sequence[Sequence[Panel]], title: str) -> Path | None:
    """Curves in rows and columns; the panels of a row share their y axis where they share its name."""
    columns = len(rows[0])
    figure, first = _frame(max(7.0, 1.75 * columns), 0.7 + 2.3 * len(rows), "")
    if figure is None:
        return None
    first.remove()
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    for r, row in enumerate(rows):
        for c, panel in enumerate(row):
            same = c > 0 and row[0].y_label == panel.y_label
            axes = figure.add_subplot(len(rows), columns, r * columns + c + 1)
            axes.plot(panel.x, panel.y, "o-", color=_COLOURS[0], linewidth=1.6, markersize=3.5)
            if panel.above is not None:
                axes.plot(panel.x, panel.above, color=_COLOURS[0], linewidth=0.8, alpha=0.6)
            if panel.reference is not None:
                axes.axhline(panel.reference, color=_GREY, linewidth=0.9, linestyle=":")
            axes.set_ylim(0, _top([p for p in row if p.y_label == panel.y_label]))
            axes.set_xticks(panel.x, panel.ticks)
            axes.set_title(panel.title, fontsize=9, loc="left")
            axes.set_xlabel(panel.x_label, fontsize=7)
            axes.set_ylabel("" if same else panel.y_label, fontsize=8)
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(labelsize=7, labelleft=not same)
    return _save(figure, path)


def _top(panels: Sequence[Panel]) -> float:
    """Room for all curves; a percentile far above them may leave the frame."""
    curves = max(float(p.y.max()) for p in panels)
    above = max(float(curves if p.above is None else p.above.max()) for p in panels)
    return 1.05 * max(curves, min(above, 1.6 * curves))


def _frame(width: float, height: float, title: str) -> tuple[Any, Any]:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        log.warning("no plot %r: matplotlib is missing; install it with `pip install 'hiface[evaluate]'`", title)
        return None, None
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=11, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    return figure, axes


def _save(figure: Any, path: Path) -> Path:
    return write_atomically(path, lambda p: figure.savefig(p, format="png"))
