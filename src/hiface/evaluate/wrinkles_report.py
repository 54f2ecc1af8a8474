"""The wrinkle ruler: depth against age, one person's two photos, a frown, and what Eq. 6 keeps; tables and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float

from hiface.detail.people import Captures
from hiface.evaluate.answers import AnswerCache, Answers, Progress, pack_answers
from hiface.evaluate.consistency import pairs
from hiface.evaluate.consistency_report import london
from hiface.evaluate.distances import map_distances, static_maps
from hiface.evaluate.plots import plot_bands, plot_histograms, plot_points
from hiface.evaluate.rulers import Section, write_ruler
from hiface.evaluate.wrinkle_sheet import write_ages_sheet
from hiface.evaluate.wrinkle_sites import AGEING, WrinkleSites
from hiface.evaluate.wrinkles import correlation, frowned, nearer, only, people_of_age, rows_of, static_lines
from hiface.model import HiFace
from hiface.photo.packs import Pack, read_pack
from hiface.synth.expressions import people_expressions
from hiface.train.dynamic_people import DetailPeople, MapNorms, drawn_people, kept
from hiface.train.seen_detail import wiener
from hiface.types import Coefficients

AGES = (20, 30, 40, 50, 60, 70, 80)
PEOPLE = 60
"""Drawn at each age."""
YEARS = 6.0
"""Photos within this of an age stand for it."""
ASKED_FROWN = {20: ("at most", 0.1), 60: ("at least", 0.3)}
TAU = (0.0, 1e-5, 1e-4, 1e-3, 1e-2)
"""How badly φ is seen, mm² (`train.seen_detail`)."""
KEPT_PEOPLE = 600


@dataclass(frozen=True)
class _Photos:
    pack: Pack
    answers: Answers
    ages: Float[np.ndarray, "N"]


def wrinkle_report(
    model: HiFace, captures: Captures, data: Path, out: Path, cache: AnswerCache, on_progress: Progress | None = None
) -> list[Section]:
    """All figures of the ruler; files go to `out`."""
    sites = WrinkleSites(model.face, model.reconstructor.detail_model.basis)
    photos = _photos(model, data, cache, on_progress)
    sections = [
        _age_section(model, sites, photos, out),
        _nearer_section(model, sites, data, out, cache, on_progress),
        _frown_section(model, sites, captures, photos, out),
        _kept_section(model, captures),
    ]
    write_ruler(out, "wrinkles", {"weights": model.weights_id}, sections)
    write_ages_sheet(out / "wrinkles_ages.jpg", model, photos.pack, photos.answers, photos.ages)
    return sections


def _photos(model: HiFace, data: Path, cache: AnswerCache, progress: Progress | None) -> _Photos:
    pack = read_pack(data / "portraits", "val")
    pack = pack.take(np.flatnonzero(np.isfinite(pack.years)))
    return _Photos(pack, pack_answers(model, pack, cache, progress), pack.years.astype(np.float64))


def _age_section(model: HiFace, sites: WrinkleSites, photos: _Photos, out: Path) -> Section:
    lines = static_lines(model, sites, photos.answers.coefficients)
    relief, rough = sites.relief(lines), sites.roughness(lines)
    people = [str(p) or str(n) for p, n in zip(photos.pack.person, photos.pack.name, strict=True)]
    official = np.char.startswith(photos.pack.source.astype(str), "us_")
    rows: list[dict[str, object]] = []
    for group, chosen in (("all photos", np.ones(len(people), bool)), ("officials alone", official)):
        if len(np.unique(photos.ages[chosen])) < 3:
            continue
        names = [p for p, c in zip(people, chosen, strict=True) if c]
        for title, depth in (("relief", relief), ("root mean square", rough)):
            found = {s: correlation(photos.ages[chosen], depth[s][chosen], names) for s in AGEING}
            rows.append({"group": f"{group}: {title}", "photos": int(chosen.sum()), **rows_of(found)})
    for site in AGEING:
        plot_points(
            out / f"wrinkles_age_{site}.png", photos.ages, relief[site], f"lines at rest, {site}", "age, years", "mm"
        )
    note = (
        "Spearman's correlation of the age label with the depth of lines (3 to 15 mm long) of the predicted static map "
        "(1st to 99th percentile, or root mean square, in the site); asked for: 0.5 or more. Intervals over people."
    )
    return Section("static depth against age", rows, (note,))


def _nearer_section(
    model: HiFace, sites: WrinkleSites, data: Path, out: Path, cache: AnswerCache, progress: Progress | None
) -> Section:
    pack = Pack.cat([london(data, "train"), london(data, "val")])
    answers, found = pack_answers(model, pack, cache, progress), pairs(pack)
    unseen = pairs(london(data, "val")).neutral.size if len(london(data, "val")) >= 4 else 0
    basis = model.reconstructor.detail_model.basis.cpu()
    neutral, smiling = (answers[rows].coefficients for rows in (found.neutral, found.smiling))
    distances = {
        "whole static map": map_distances(static_maps(basis, neutral), static_maps(basis, smiling)).numpy(),
        "lines alone": map_distances(*(_flat_lines(model, sites, c) for c in (neutral, smiling))).numpy(),
    }
    model.reconstructor.to(model.device)
    rows = []
    for name, square in distances.items():
        answer = nearer(square)
        rows.append(
            {
                "group": name,
                "own photo nearer, %": round(100 * answer.share, 1),
                "interval": f"{100 * answer.interval.low:.1f}–{100 * answer.interval.high:.1f}",
                "same person, median mm": round(float(np.median(np.diag(square))), 4),
                "different people, median mm": round(float(np.median(square[~np.eye(len(square), dtype=bool)])), 4),
            }
        )
        parts = {"same person": np.diag(square), "different people": square[~np.eye(len(square), dtype=bool)]}
        stem = name.replace(" ", "_")
        plot_histograms(out / f"wrinkles_{stem}.png", parts, f"{name}: neutral against smiling", "mm")
    note = (
        f"{len(found.neutral)} people of the London set (validation: {unseen}), neutral and smiling: of all pairs of a "
        "person and another, how often the person's own smiling map is nearer to the neutral one. Chance: 50; asked "
        "for: 80 or more."
    )
    return Section("one person's two photos", rows, (note,))


def _flat_lines(model: HiFace, sites: WrinkleSites, coefficients: Coefficients) -> Float[torch.Tensor, "N P"]:
    lines = static_lines(model, sites, coefficients)
    return torch.from_numpy(lines[:, sites.mask])


def _frown_section(model: HiFace, sites: WrinkleSites, captures: Captures, photos: _Photos, out: Path) -> Section:
    rows: list[dict[str, object]] = []
    curves: dict[str, list[np.ndarray]] = {"people of the captures, Eq. 6": [], "people of the captures, their own": []}
    change = 0.0
    for years in AGES:
        identity, people = people_of_age(model, captures, years, PEOPLE)
        by_equation = frowned(model, sites, identity, people)
        own = frowned(model, sites, identity, people, true_dynamic=True)
        near = np.abs(photos.ages - years) <= YEARS
        on_photos = _frown_on_photos(model, sites, people, photos, near)
        change = max(change, by_equation.static_change, own.static_change)
        for curve, found in zip(curves.values(), (by_equation, own), strict=True):
            curve.append(found.deepened)
        rows.append(
            {
                "group": f"{years} years",
                "Eq. 6, mm": round(float(np.median(by_equation.deepened)), 3),
                "10–90 %": _span(by_equation.deepened),
                "their own maps, mm": round(float(np.median(own.deepened)), 3),
                "photos": int(near.sum()),
                "on photos, mm": round(float(np.median(on_photos)), 3) if len(on_photos) else None,
                "asked": "{} {}".format(*ASKED_FROWN[years]) if years in ASKED_FROWN else None,
                "Eq. 6 meets it, %": _met(years, by_equation.deepened),
            }
        )
    plot_bands(out / "wrinkles_frown.png", AGES, curves, "what a full frown adds between the brows", "years", "mm")
    notes = (
        f"Relief of lines between the brows under both browDown units at 1, less that at rest; medians over {PEOPLE} "
        f"people drawn from the captures at each age, and over photos within {YEARS:g} years of it. Eq. 6: dynamic "
        "coefficients of the true static ones; their own: those that belong to the captures.",
        f"The largest change of a static map under the frown: {change:g} mm.",
    )
    return Section("a frown", rows, notes)


def _frown_on_photos(
    model: HiFace, sites: WrinkleSites, people: DetailPeople, photos: _Photos, near: Bool[np.ndarray, "N"]
) -> Float[np.ndarray, "M"]:
    if not near.any():
        return np.zeros(0)
    c = photos.answers[np.flatnonzero(near)].coefficients
    return frowned(model, sites, c.identity, only(people, c.static)).deepened


def _span(values: np.ndarray) -> str:
    low, high = np.percentile(values, [10, 90])
    return f"{low:.3f}–{high:.3f}"


def _met(years: int, values: np.ndarray) -> float | None:
    if years not in ASKED_FROWN:
        return None
    way, limit = ASKED_FROWN[years]
    return round(100 * float(np.mean(values >= limit if way == "at least" else values <= limit)), 0)


def _kept_section(model: HiFace, captures: Captures) -> Section:
    network = model.reconstructor
    module, norms = network.detail_model.dynamic.cpu(), MapNorms.of(network.detail_model.basis)
    people = drawn_people(captures, KEPT_PEOPLE, seed=1)
    expression = people_expressions(network.face.cpu(), KEPT_PEOPLE, seed=1)
    generator, energy = torch.Generator().manual_seed(0), norms.static.diagonal()
    rows = []
    for tau in TAU:
        found = kept(module, wiener(people.static, energy, tau, generator), people, expression, norms)
        row: dict[str, object] = {"group": "φ exact" if not tau else f"φ seen, τ = {tau:g} mm²"}
        for name, k in found.items():
            row |= {f"{name}: variance kept": round(k.share, 3), f"{name}: spread": round(k.spread, 3)}
        rows.append(row)
    network.to(model.device)
    note = (
        f"Of {KEPT_PEOPLE} people drawn from the captures: share of the variance of D_com and D_str about their means "
        "that Eq. 6 explains, and the deviation of its maps over that of the true ones. τ: how badly φ is seen "
        "(train/seen_detail.py)."
    )
    return Section("what Eq. 6 keeps", rows, (note,))
