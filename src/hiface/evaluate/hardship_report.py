"""The hardship ruler: curves of landmark error and of shape under each hardship and against yaw, and a sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hiface.errors import ConfigError
from hiface.evaluate.answers import AnswerCache, Progress
from hiface.evaluate.groups import interval
from hiface.evaluate.hardship_answers import HardAnswers, hard_answers
from hiface.evaluate.hardship_sheet import write_hard_sheet
from hiface.evaluate.hardship_yaw import drawn_rows, yaw_table
from hiface.evaluate.hardships import SERIES, STEPS, UNITS, Hardship
from hiface.evaluate.jitter import LOST_MM, people_apart, spread
from hiface.evaluate.jitter_report import PACKS
from hiface.evaluate.landmarks import FAILED
from hiface.evaluate.plots import Panel, plot_panels
from hiface.evaluate.rulers import Rows, Section, write_ruler
from hiface.model import HiFace
from hiface.photo.packs import Pack, read_pack

FRONTAL = 20.0
"""Degrees of yaw up to which a face is seen from about the front: what is drawn over it needs that."""
_COLUMNS = ("NME", "shape mm")
_LABELS = ("NME, %", "shape, mm")


def hardship_pack(data: Path, count: int) -> Pack:
    """At most `count` of the validation photos near the front, evenly spaced over all."""
    if count < 2:
        raise ConfigError(f"{count} photos: shapes are compared with the distance between people; give 2 or more")
    pack = Pack.cat([read_pack(data / name, "val") for name in PACKS])
    frontal = np.flatnonzero(np.abs(pack.yaw) < FRONTAL)
    chosen = np.unique(np.linspace(0, len(frontal) - 1, min(count, len(frontal))).round().astype(int))
    return pack.take(frontal[chosen])


def hardship_report(
    model: HiFace,
    data: Path,
    out: Path,
    cache: AnswerCache,
    count: int,
    shards: Path | None = None,
    faces: int = 1000,
    on_progress: Progress | None = None,
) -> list[Section]:
    """Figures under each hardship, and of drawn faces by yaw where there are `shards`; files go to `out`."""
    pack = hardship_pack(data, count)
    found = hard_answers(model, pack, cache, on_progress=on_progress)
    apart = people_apart(model, found.answers)
    rows = table(model, found, apart)
    note = (
        f"{len(pack)} validation photos with less than {FRONTAL:g}° of yaw. NME: against MediaPipe's points on the"
        f" clean photo, medians; {FAILED:g} % and more: failed. Shape: distance of the neutral shape to the clean"
        f" photo's answer, medians; different people lie {apart:.2f} mm apart. Lost: moved by more than {LOST_MM:g} mm."
    )
    sections = [Section("by hardship", rows, (note,))]
    _plot(out / "hardship.png", rows)
    if shards is not None:
        turned = yaw_table(drawn_rows(model, shards, faces, cache, on_progress))
        told = "Drawn faces of exact shape; positive turns to the subject's left. NME: medians; shape, rotation: means."
        sections.append(Section("by yaw", turned, (told,)))
        _plot_yaw(out / "hardship_yaw.png", turned)
    facts = {"weights": model.weights_id, "photos": len(pack), "people_apart_mm": apart}
    write_ruler(out, "hardship", facts, sections)
    write_hard_sheet(model, pack, found, out / "hardship_sheet.jpg")
    return sections


def table(
    model: HiFace, found: HardAnswers, people_mm: float, series: Sequence[Hardship] = SERIES
) -> list[dict[str, object]]:
    """A row of figures for each hardship, the clean photos first."""
    shape = spread(model, found.answers, series).shape
    return [_row(h, found.nme[:, k], shape[:, k], found.answers.found[:, k], people_mm) for k, h in enumerate(series)]


def _row(
    hardship: Hardship, nme: np.ndarray, shape: np.ndarray, seen: np.ndarray, people_mm: float
) -> dict[str, object]:
    bounds = interval(nme, np.full(len(nme), ""), "median")
    return {
        "group": hardship.title,
        "NME": round(float(np.median(nme)), 2),
        "interval": f"{bounds.low:.2f}–{bounds.high:.2f}",
        "90 % NME": round(float(np.percentile(nme, 90)), 2),
        "failed, %": round(100 * float((nme > FAILED).mean()), 1),
        "face found, %": round(100 * float(seen.mean()), 1),
        "shape mm": round(float(np.median(shape)), 3),
        "90 % shape": round(float(np.percentile(shape, 90)), 3),
        "of people, %": round(100 * float(np.median(shape)) / people_mm, 1),
        "lost, %": round(100 * float((shape > LOST_MM).mean()), 1),
    }


def _plot(path: Path, rows: Rows) -> Path | None:
    """A column for each kind of hardship: landmarks above, shape below; the clean photos are the dotted line."""
    figure = {str(row["group"]): row for row in rows}
    clean = figure[SERIES[0].title]
    panels = []
    for column, label in zip(_COLUMNS, _LABELS, strict=True):
        line = []
        for kind, steps in STEPS.items():
            each = [figure[Hardship(kind, s).title] for s in steps]
            values = np.array([[float(str(r[column])), float(str(r[f"90 % {column.split()[0]}"]))] for r in each])
            line.append(
                Panel(kind, UNITS[kind], label, np.arange(len(steps)), values[:, 0], values[:, 1],
                      [f"{s:g}" for s in steps], float(str(clean[column])))
            )  # fmt: skip
        panels.append(line)
    return plot_panels(path, panels, "Under hardship: medians and 90th percentiles; dotted: clean photos")


def _plot_yaw(path: Path, rows: Rows) -> Path | None:
    binned = [r for r in rows if r["group"] != "all"]
    middles = np.array([np.mean([float(v) for v in str(r["group"]).split(" to ")]) for r in binned])
    ticks = [f"{m:g}" for m in middles]
    points, above, shape = (
        np.array([float(str(r[c])) for r in binned]) for c in ("NME", "90 % NME", "shape mm")
    )  # fmt: skip
    panel = Panel("landmarks", "yaw, degrees", "NME, %", middles, points, above, ticks)
    other = replace(panel, title="neutral shape", y_label="mm", y=shape, above=None)
    return plot_panels(path, [[panel, other]], "Drawn faces against the head's turn")
