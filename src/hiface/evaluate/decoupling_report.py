"""The decoupling ruler: drawn people under several expressions, the London set's two, and swapped coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hiface.evaluate.answers import AnswerCache, Answers, Progress, pack_answers, photo_points
from hiface.evaluate.consistency_report import london
from hiface.evaluate.decoupling import Drawn, Moved, Spreads, decoupling, drawn_answers, quantities, swapped
from hiface.evaluate.rulers import Section, write_ruler
from hiface.evaluate.sheets import Tile, write_sheet
from hiface.model import HiFace
from hiface.photo.packs import Pack

WORST = 3
"""People of the sheet."""
_NOTE = (
    "Root mean squares over vertices or texels, mm. Share: of the variance, what lies between people; 1 where a person "
    "never changes. Neutral shape and static map should hold still, expression and dynamic map should not."
)


def decoupling_report(
    model: HiFace,
    data: Path,
    drawn: Drawn | None,
    out: Path,
    cache: AnswerCache,
    on_progress: Progress | None = None,
) -> list[Section]:
    """Spreads over expressions on photos, and on drawn people where given, and what swaps move; files go to `out`."""
    pack = Pack.cat([london(data, "train"), london(data, "val")])
    photos = pack_answers(model, pack, cache, on_progress)
    person = np.unique(pack.person, return_inverse=True)[1]
    found = decoupling(model, photos.coefficients, person)
    sections = [Section("photos, neutral and smiling", _rows(found), (f"{person.max() + 1} people. {_NOTE}",))]
    if drawn is not None:
        sections.append(_drawn_section(model, drawn, out, cache, on_progress))
    moved = swapped(model, photos.coefficients)
    note = "Medians over the same photos, mm, each given the coefficients of the next; largest of all in brackets."
    sections.append(Section("what moves when coefficients are swapped", _swap_rows(moved), (note,)))
    write_ruler(out, "decoupling", {"weights": model.weights_id}, sections)
    return sections


def _drawn_section(model: HiFace, drawn: Drawn, out: Path, cache: AnswerCache, progress: Progress | None) -> Section:
    answers = drawn_answers(model, drawn, cache, progress)
    found = decoupling(model, answers.coefficients, drawn.person, drawn.truth)
    _write_worst(out / "decoupling_worst.jpg", model, drawn, answers)
    people, each = drawn.person.max() + 1, len(drawn.person) // (drawn.person.max() + 1)
    return Section("drawn people", _rows(found), (f"{people} people, {each} expressions each. {_NOTE}",))


def _rows(found: Mapping[str, Spreads]) -> list[dict[str, object]]:
    return [
        {
            "group": name,
            "within a person, mm": round(s.within, 4),
            "between people, mm": round(s.between, 4),
            "within / between": round(s.within / s.between, 3) if s.between else None,
            "share": round(s.share, 3),
            "interval": f"{s.share_interval.low:.3f}–{s.share_interval.high:.3f}",
            "true people apart, mm": None if s.true_between is None else round(s.true_between, 4),
        }
        for name, s in found.items()
    ]


def _swap_rows(moved: Mapping[str, Moved]) -> list[dict[str, object]]:
    titles = {
        "neutral": "neutral shape",
        "expression": "expression's offsets",
        "static": "static map",
        "dynamic": "dynamic map",
    }
    return [
        {"group": name, **{t: _middle_and_most(getattr(m, f)) for f, t in titles.items()}} for name, m in moved.items()
    ]


def _middle_and_most(values: np.ndarray) -> str:
    return f"{np.median(values):.4f} ({values.max():.4f})"


def _write_worst(path: Path, model: HiFace, drawn: Drawn, answers: Answers) -> None:
    """The people whose neutral shape changed most, with our points, and each picture's distance to their mean."""
    shapes = quantities(model, answers.coefficients)["neutral shape"]
    person, distance = drawn.person, np.zeros(len(shapes))
    for p in range(person.max() + 1):
        rows = person == p
        difference = (shapes[rows] - shapes[rows].mean(0)).reshape(rows.sum(), -1, 3)
        distance[rows] = np.sqrt((difference**2).sum(-1).mean(-1))
    points = photo_points(model, answers)
    means = [np.sqrt((distance[person == p] ** 2).mean()) for p in range(person.max() + 1)]
    rows = np.concatenate([np.flatnonzero(person == p) for p in np.argsort(means)[::-1][:WORST]])
    tiles = [Tile(drawn.pictures[i], points[i], points[i, :0], f"{distance[i]:.2f} mm from the mean") for i in rows]
    write_sheet(path, tiles, columns=int((person == person[rows[0]]).sum()))
