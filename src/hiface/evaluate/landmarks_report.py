"""The landmark ruler: every labelled pack, curves, hand-placed points, and the photos that went worst."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hiface.evaluate.answers import AnswerCache, Answers, Progress, pack_answers, photo_points
from hiface.evaluate.groups import interval
from hiface.evaluate.hand_points import GROUPS, INNER, JAW, HandErrors, hand_errors, hand_placed, template_errors
from hiface.evaluate.landmarks import (
    YAWS,
    LandmarkErrors,
    error_curve,
    labelled_points,
    pack_errors,
    table,
)
from hiface.evaluate.plots import plot_curves
from hiface.evaluate.report import comma_separated, write_text
from hiface.evaluate.rulers import Section, write_ruler
from hiface.evaluate.sheets import Tile, write_sheet
from hiface.evaluate.statistics import Curve
from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE
from hiface.model import HiFace
from hiface.photo.packs import Pack, read_pack
from hiface.photo.read import read_photo

PACKS: Mapping[str, tuple[str, ...]] = {"fairface + more": ("fairface", "more"), "portraits": ("portraits",)}
WORST = 18
UNIT = "percent of the distance between the outer eye corners"


@dataclass(frozen=True)
class _Pool:
    pack: Pack
    answers: Answers
    errors: LandmarkErrors


def landmark_report(
    model: HiFace, data: Path, out: Path | None, cache: AnswerCache, on_progress: Progress | None = None
) -> list[Section]:
    """Errors of the 68 points on unseen photos by group, and of hand-placed points; files go to `out`."""
    pools = {name: _pool(model, data, packs, cache, on_progress) for name, packs in PACKS.items()}
    sections = [
        Section(f"{name}, val", table(p.errors), (f"Points of MediaPipe; {UNIT}. {_misses(p.errors)}",))
        for name, p in pools.items()
    ]
    sections += _hand_sections(model, data, cache, on_progress)
    if out is not None:
        write_ruler(out, "landmarks", {"weights": model.weights_id, "part": "val"}, sections)
        _write_curves(out, {name: p.errors for name, p in pools.items()})
        for name, p in pools.items():
            _write_worst(out / f"landmarks_worst_{name.replace(' + ', '_')}.jpg", model, p)
    return sections


def _pool(model: HiFace, data: Path, names: tuple[str, ...], cache: AnswerCache, progress: Progress | None) -> _Pool:
    pack = Pack.cat([read_pack(data / name, "val") for name in names])
    answers = pack_answers(model, pack, cache, progress)
    return _Pool(pack, answers, pack_errors(model, pack, answers))


def _misses(errors: LandmarkErrors) -> str:
    return f"The detector missed {errors.unfound} of {len(errors.each)}; there the labelled box was used."


def _hand_sections(model: HiFace, data: Path, cache: AnswerCache, progress: Progress | None) -> list[Section]:
    """Two tables: everybody who has hand-placed points, and those whose photos training has not seen."""
    packs = {part: read_pack(data / "portraits", part) for part in ("train", "val")}
    chosen = {part: p.take(np.flatnonzero(np.isfinite(p.hand189).all((1, 2)))) for part, p in packs.items()}
    pack = Pack.cat(list(chosen.values()))
    if len(pack) < 8:
        return []
    unseen = np.arange(len(pack)) >= len(chosen["train"])
    found = hand_placed(model, pack, pack_answers(model, pack, cache, progress))
    errors = {name: hand_errors(points, found.truth) for name, points in found.points.items()}
    errors["mean of the points, laid on by the truth"] = template_errors(found.truth)
    note = f"Median over faces, {UNIT} as people placed them; learnt on one half of the people, measured on the other."
    return [
        Section("hand-placed points", [_hand_row(n, e, pack.person) for n, e in errors.items()], (note,)),
        Section(
            "hand-placed points, photos not in training",
            [_hand_row(n, _rows(e, unseen), pack.person[unseen]) for n, e in errors.items()],
            (note,),
        ),
    ]


def _rows(errors: HandErrors, rows: np.ndarray) -> HandErrors:
    return HandErrors(None if errors.as_defined is None else errors.as_defined[rows], errors.learnt[rows])


def _hand_row(name: str, errors: HandErrors, person: np.ndarray) -> dict[str, object]:
    inner = errors.learnt[:, INNER].mean(1)
    bounds = interval(inner, person, "median")
    own = None if errors.as_defined is None else round(float(np.median(errors.as_defined.mean(1))), 2)
    parts = {g: round(float(np.median(errors.learnt[:, p].mean(1))), 2) for g, p in GROUPS.items() if p is not JAW}
    return {
        "group": name,
        "faces": len(inner),
        "11 as defined": own,
        "inner, learnt": round(float(np.median(inner)), 2),
        "interval": f"{bounds.low:.2f}–{bounds.high:.2f}",
        "90 %": round(float(np.percentile(inner, 90)), 2),
        **parts,
        "jaw": round(float(np.median(errors.learnt[:, JAW].mean(1))), 2),
    }


def _write_curves(out: Path, pools: Mapping[str, LandmarkErrors]) -> None:
    curves = {f"{name} ({len(e.each)})": error_curve(e.each) for name, e in pools.items()}
    first = next(iter(pools.values()))
    for low, high in YAWS:
        rows = (np.abs(first.yaw) >= low) & (np.abs(first.yaw) < high)
        if rows.any():
            curves[f"{next(iter(pools))}, yaw {low}–{high}° ({rows.sum()})"] = error_curve(first.each[rows])
    _write_curve_table(out / "landmarks_ced.csv", curves)
    plot_curves(
        out / "landmarks_ced.png", curves, "68 points against MediaPipe's", f"mean error, {UNIT}", "photos below, %"
    )


def _write_curve_table(path: Path, curves: Mapping[str, Curve]) -> None:
    threshold = next(iter(curves.values())).threshold_mm
    columns = np.stack([threshold, *(c.percent for c in curves.values())], 1)
    write_text(path, comma_separated(("error_percent", *curves), [[f"{v:.4g}" for v in row] for row in columns]))


def _write_worst(path: Path, model: HiFace, pool: _Pool) -> None:
    error = pool.errors.each.mean(1)
    rows = np.argsort(error)[::-1][:WORST]
    ours = photo_points(model, pool.answers)
    truth = labelled_points(pool.pack)[:, list(IBUG68_OF_MEDIAPIPE)]
    tiles = [
        Tile(
            read_photo(pool.pack.encoded[i]).pixels,
            ours[i],
            truth[i],
            f"{error[i]:.1f} %, yaw {pool.pack.yaw[i]:.0f}",
        )
        for i in rows
    ]
    write_sheet(path, tiles)
