"""What wrinkles do that they should: deepen with age, stay with the person over expressions, and answer to a frown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import rankdata
from torch import Tensor

from hiface.detail.people import Captures, draw_detail
from hiface.errors import ConfigError
from hiface.evaluate.statistics import USUAL, Bootstrap, Interval
from hiface.evaluate.wrinkle_sites import WrinkleSites
from hiface.model import HiFace
from hiface.train.dynamic_people import DetailPeople
from hiface.types import Coefficients

BATCH = 8


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation with a bootstrap interval over subjects."""

    rho: float
    interval: Interval


def correlation(
    ages: Float[np.ndarray, "N"], depths: Float[np.ndarray, "N"], subjects: Sequence[str], bootstrap: Bootstrap = USUAL
) -> Correlation:
    """Of depth with age; photos of one subject are drawn together. Raises `ConfigError` for fewer than three ages."""
    if len(np.unique(ages)) < 3:
        raise ConfigError(f"the photos show {len(np.unique(ages))} ages; a correlation needs three or more")
    _, group = np.unique(np.asarray(subjects), return_inverse=True)
    members = [np.flatnonzero(group == g) for g in range(group.max() + 1)]
    rng, drawn = np.random.default_rng(bootstrap.seed), []
    for _ in range(bootstrap.draws):
        rows = np.concatenate([members[k] for k in rng.integers(0, len(members), len(members))])
        drawn.append(_spearman(ages[rows], depths[rows]))
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Correlation(_spearman(ages, depths), Interval(float(low), float(high)))


def _spearman(a: Float[np.ndarray, "N"], b: Float[np.ndarray, "N"]) -> float:
    """NaN where one of them does not vary."""
    x, y = (rankdata(v) - (len(v) + 1) / 2 for v in (a, b))
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size else float("nan")


@dataclass(frozen=True)
class Nearer:
    """How often one person's second photo is nearer than another person's."""

    share: float
    interval: Interval


def nearer(distances: Float[np.ndarray, "P P"], bootstrap: Bootstrap = USUAL) -> Nearer:
    """Of pairs (a person, another): how often the person's own smiling map (diagonal) is nearer to the neutral one than
    the other's; ties count half. A drawn person brings both roles."""
    if len(distances) < 2:
        raise ConfigError("one person has nobody to be compared with")
    own = np.diag(distances)[:, None]
    wins = (distances > own) + 0.5 * (distances == own)
    rng, drawn = np.random.default_rng(bootstrap.seed), []
    for _ in range(bootstrap.draws):
        rows = rng.integers(0, len(own), len(own))
        different = rows[:, None] != rows[None]
        if different.any():
            drawn.append(wins[np.ix_(rows, rows)][different].mean())
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Nearer(float(wins[~np.eye(len(own), dtype=bool)].mean()), Interval(float(low), float(high)))


@dataclass(frozen=True)
class Frowned:
    """What a full frown does to people."""

    deepened: Float[np.ndarray, "N"]
    """By how much the relief of lines between the brows grows, mm."""
    static_change: float
    """Largest change of any static map, mm: 0."""


@torch.no_grad()
def frowned(
    model: HiFace,
    sites: WrinkleSites,
    identity: Float[Tensor, "N I"],
    people: DetailPeople,
    true_dynamic: bool = False,
) -> Frowned:
    """Both browDown units at 1 against rest. Dynamic coefficients are Eq. 6's, or the people's own."""
    network = model.reconstructor
    face, detail = network.face, network.detail_model
    weights = frown(model)
    deepened, change = [], 0.0
    for start in range(0, len(people), BATCH):
        part = people[start : start + BATCH]
        neutral = face.neutral(identity[start : start + BATCH].to(model.device), "skin")
        maps = []
        for expression in (torch.zeros_like(weights), weights):
            shape = neutral + face.expression_offset(expression, "skin")
            static = part.static.to(model.device)
            if true_dynamic:
                tension = detail.tension_map(neutral, shape)
                own = part.compressed.to(model.device), part.stretched.to(model.device)
                maps.append(detail.detail(static, *own, tension))
            else:
                maps.append(detail(neutral, shape, expression.expand(len(part), -1), static))
        change = max(change, float((maps[1].static - maps[0].static).abs().max()))
        rest, full = (sites.relief(sites.lines(m.displacement.cpu().numpy()))["glabella"] for m in maps)
        deepened.append(full - rest)
    return Frowned(np.concatenate(deepened), change)


def frown(model: HiFace) -> Float[Tensor, "1 E"]:
    """Both browDown units at 1, with their correctives."""
    face = model.face
    weights = torch.zeros(1, face.expression_size, device=model.device)
    weights[:, [face.expression_names.index(f"browDown{side}") for side in ("Left", "Right")]] = 1
    return face.with_correctives(weights)


def people_of_age(
    model: HiFace, captures: Captures, years: float, count: int, seed: int = 0
) -> tuple[Float[Tensor, "N I"], DetailPeople]:
    """Shapes and detail of people of an age who are in no photo, half of them male."""
    rng = np.random.default_rng([seed, round(years)])
    drawn = [draw_detail(captures, years, rng) for _ in range(count)]
    noise = rng.standard_normal((count, model.face.identity_size)).astype(np.float32)
    shapes = model.face.people
    if shapes is not None:
        noise = np.stack([shapes.identity(z, years, bool(k % 2)) for k, z in enumerate(noise)])
    parts = (np.stack([getattr(d, n) for d in drawn]) for n in ("static", "compressed", "stretched"))
    return torch.from_numpy(noise), DetailPeople(*(torch.from_numpy(p) for p in parts))


@torch.no_grad()
def static_lines(model: HiFace, sites: WrinkleSites, coefficients: Coefficients) -> Float[np.ndarray, "N R R"]:
    """Lines of the static maps of answers."""
    basis, found = model.reconstructor.detail_model.basis, []
    for start in range(0, len(coefficients), BATCH):
        static = coefficients.static[start : start + BATCH].to(model.device)
        found.append(sites.lines(basis.static(static).cpu().numpy()))
    return np.concatenate(found)


def only(people: DetailPeople, static: Float[Tensor, "N K"]) -> DetailPeople:
    """People of whom static detail alone is known: `static` in the place of theirs, no dynamic coefficients."""
    none = static.new_zeros(len(static), people.compressed.shape[1])
    return DetailPeople(static, none, static.new_zeros(len(static), people.stretched.shape[1]))


def rows_of(correlations: Mapping[str, Correlation]) -> dict[str, object]:
    """Columns of a table: each site's correlation and interval."""
    cells: dict[str, object] = {}
    for site, c in correlations.items():
        cells[site] = round(c.rho, 2)
        cells[f"{site}, interval"] = f"{c.interval.low:.2f}–{c.interval.high:.2f}"
    return cells
