"""Fairness: every ruler's figure by age, gender and race, with intervals, and the largest gap of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hiface.evaluate.answers import AnswerCache, Progress, pack_answers
from hiface.evaluate.consistency import consistency, pairs
from hiface.evaluate.consistency_report import london
from hiface.evaluate.groups import FEW, Gap, GroupFigure, Measured, figures, largest_gap
from hiface.evaluate.hand_points import INNER, hand_errors, hand_placed
from hiface.evaluate.jitter import mild, spread
from hiface.evaluate.jitter_answers import jitter_answers
from hiface.evaluate.jitter_report import jitter_pack
from hiface.evaluate.landmarks import age_names, pack_errors
from hiface.evaluate.plots import plot_groups
from hiface.evaluate.rulers import Section, write_ruler
from hiface.face.landmarks import INNER51
from hiface.model import HiFace
from hiface.photo.packs import Pack, read_pack

ATTRIBUTES = ("age", "gender", "race")
FRONTAL = 15.0
"""Degrees of yaw within which landmarks are compared once more: groups may be turned differently."""


def fairness_report(
    model: HiFace, data: Path, out: Path, cache: AnswerCache, count: int, on_progress: Progress | None = None
) -> list[Section]:
    """All figures by group, and the largest gaps; files go to `out`. `count` photos are jittered."""
    measured = [
        *_landmarks(model, data, ("fairface", "more"), cache, on_progress),
        *_landmarks(model, data, ("portraits",), cache, on_progress),
        _jitter(model, data, cache, count, on_progress),
        *_london(model, data, cache, on_progress),
    ]
    by_group = {m.title: figures(m) for m in measured}
    gaps = {m.title: [largest_gap(m, a) for a in m.groups] for m in measured}
    sections = [Section("largest gaps", _gap_rows(measured, gaps), (_GAP_NOTE,))]
    sections += [
        Section(m.title, _rows(by_group[m.title]), (f"{m.statistic.capitalize()}, {m.unit}. {_FEW_NOTE}",))
        for m in measured
    ]
    write_ruler(out, "fairness", {"weights": model.weights_id}, sections)
    for m in measured:
        name = "".join(c if c.isalnum() else "_" for c in m.title)
        plot_groups(out / f"fairness_{name}.png", by_group[m.title], m.title, f"{m.statistic}, {m.unit}")
    return sections


_FEW_NOTE = f"Groups of fewer than {FEW} are marked with *: they say little."
_GAP_NOTE = (
    f"Between the worst and the best group of {FEW} and more; interval: bootstrap of these two groups' difference; by "
    "chance: the largest gap in 95 of 100 shuffles of people between groups. Beyond chance: the interval excludes zero "
    "and the gap is larger than chance makes it."
)


def _groups(pack: Pack) -> Mapping[str, np.ndarray]:
    ages = age_names(pack)
    return {"age": np.where(ages == "unknown", "", ages), "gender": pack.gender, "race": pack.race}


def _landmarks(
    model: HiFace, data: Path, names: Sequence[str], cache: AnswerCache, progress: Progress | None
) -> list[Measured]:
    pack = Pack.cat([read_pack(data / name, "val") for name in names])
    answers = pack_answers(model, pack, cache, progress)
    errors, groups, pool = pack_errors(model, pack, answers), _groups(pack), " + ".join(names)
    unit, whole = "% of the outer eye corners' distance", errors.each.mean(1)
    frontal = np.abs(pack.yaw) < FRONTAL
    missed = 100 * (~answers.found).astype(float)
    found = [
        Measured(f"{pool}: 68 points", unit, whole, pack.person, groups),
        Measured(f"{pool}: inner 51 points", unit, errors.each[:, INNER51].mean(1), pack.person, groups),
        Measured(f"{pool}: missed by the detector", "% of photos", missed, pack.person, groups, "mean"),
    ]
    if frontal.any():
        title, kept = f"{pool}: 68 points, yaw below {FRONTAL:g}°", {k: v[frontal] for k, v in groups.items()}
        found.append(Measured(title, unit, whole[frontal], pack.person[frontal], kept))
    return found


def _jitter(model: HiFace, data: Path, cache: AnswerCache, count: int, progress: Progress | None) -> Measured:
    pack = jitter_pack(data, count)
    # Portraits name races in other words; only FairFace's labels are compared.
    chosen = np.flatnonzero(np.char.startswith(pack.source.astype(str), "fairface"))
    found = spread(model, jitter_answers(model, pack, cache, on_progress=progress))
    kept = pack.take(chosen)
    return Measured("jitter", "mm, whole path, mild", mild(found.shape)[chosen], kept.person, _groups(kept))


def _london(model: HiFace, data: Path, cache: AnswerCache, progress: Progress | None) -> list[Measured]:
    """What the London (and Canada) set measures: one row a person."""
    pack = Pack.cat([london(data, part) for part in ("train", "val")])
    found = pairs(pack)
    distances = consistency(model, pack_answers(model, pack, cache, progress), found)
    people = pack.take(found.neutral)
    whole = Pack.cat([read_pack(data / "portraits", part) for part in ("train", "val")])
    placed = whole.take(np.flatnonzero(np.isfinite(whole.hand189).all((1, 2))))
    points = hand_placed(model, placed, pack_answers(model, placed, cache, progress))
    errors = hand_errors(points.points["ours, mesh"], points.truth)
    return [
        Measured("neutral against smiling, shape", "mm", np.diag(distances.shape), people.person, _groups(people)),
        Measured(
            "neutral against smiling, static map", "mm", np.diag(distances.static), people.person, _groups(people)
        ),
        Measured(
            "hand-placed points",
            "% of the outer eye corners' distance",
            errors.learnt[:, INNER].mean(1),
            placed.person,
            _groups(placed),
        ),
    ]


def _rows(found: Sequence[GroupFigure]) -> list[dict[str, object]]:
    return [
        {
            "group": "all" if f.group == "all" else f"{f.attribute}: {f.group}{' *' if f.few else ''}",
            "subjects": f.subjects,
            "value": round(f.value, 3),
            "interval": f"{f.interval.low:.3f}–{f.interval.high:.3f}",
        }
        for f in found
    ]


def _gap_rows(measured: Sequence[Measured], gaps: Mapping[str, Sequence[Gap | None]]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for m in measured:
        for attribute, gap in zip(m.groups, gaps[m.title], strict=True):
            row: dict[str, object] = {"group": m.title, "by": attribute}
            if gap is None:
                told = dict.fromkeys(("worst", "best", "gap", "interval", "by chance", "beyond chance"), None)
                rows.append(row | told | {"worst": f"no two groups of {FEW}"})
                continue
            rows.append(
                row
                | {
                    "worst": gap.high,
                    "best": gap.low,
                    "gap": round(gap.gap, 3),
                    "interval": f"{gap.interval.low:.3f}–{gap.interval.high:.3f}",
                    "by chance": round(gap.chance, 3),
                    "beyond chance": "yes" if gap.beyond_chance else "no",
                }
            )
    return rows
