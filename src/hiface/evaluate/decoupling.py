"""Decoupling: what belongs to the person should hold still over expressions, and an expression should move the rest.

One person under several expressions is compared with different people: spread within people against spread between
them, for the neutral shape and the static map (should hold still), and for the expression and the dynamic map, which
should not. Then coefficients change hands between two faces, and what moves is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from hiface.errors import ConfigError
from hiface.evaluate.answers import AnswerCache, Answers, Progress, Row, answers_of, row_of
from hiface.evaluate.distances import NARROW, narrow_neutral, narrow_offset, rms
from hiface.evaluate.statistics import USUAL, Bootstrap, Interval
from hiface.geometry.similarity import fit_umeyama
from hiface.model import FaceHint, HiFace
from hiface.types import Coefficients

BATCH = 16


@dataclass(frozen=True)
class Drawn:
    """Pictures of drawn people with their truth; the same row of β is the same person."""

    pictures: Sequence[UInt8[np.ndarray, "H W 3"]]
    points478: Float[np.ndarray, "N 478 2"]
    """Picture pixels; where the crop starts."""
    truth: Coefficients

    @property
    def person(self) -> Int[np.ndarray, "N"]:
        """A number for each person."""
        return np.unique(self.truth.identity.numpy(), axis=0, return_inverse=True)[1].reshape(-1)


@dataclass(frozen=True)
class Spreads:
    """Root mean square deviations, mm, of one quantity, over vertices or texels."""

    within: float
    """Of one person's answers round their own mean."""
    between: float
    """Of people's means round the mean of all, freed of what `within` adds to it."""
    share: float
    """Of the variance, what lies between people: 1 where a person never changes, 0 where people do not differ."""
    share_interval: Interval
    true_between: float | None = None
    """Between the true people, where they are known."""


def drawn_answers(model: HiFace, drawn: Drawn, cache: AnswerCache, on_progress: Progress | None = None) -> Answers:
    """The whole path on drawn pictures, from the crop of their true points."""

    def ask(i: int) -> Row:
        hint = FaceHint(landmarks478=drawn.points478[i])
        return row_of(model.reconstruct(drawn.pictures[i], hint=hint)[0], True)

    inputs = [p.tobytes() + x.tobytes() for p, x in zip(drawn.pictures, drawn.points478, strict=True)]
    return answers_of(cache.rows("drawn", inputs, ask, on_progress))


@torch.no_grad()
def quantities(model: HiFace, c: Coefficients) -> dict[str, Float[np.ndarray, "N F"]]:
    """What is compared, each as vectors of mm: shapes as x, y, z of vertices, maps as texels."""
    face, texels = model.face, model.reconstructor.detail_model.basis.texels.cpu()
    c = c.to(model.device)
    neutral = narrow_neutral(face, c.identity).double().cpu().numpy()
    mean = face.mean[torch.from_numpy(face.region(NARROW)).to(model.device)].double().cpu().numpy()
    laid = np.stack([fit_umeyama(shape, mean).apply(shape) for shape in neutral])
    static, dynamic = (torch.cat(parts)[:, texels].numpy() for parts in zip(*_maps(model, c), strict=True))
    return {
        "neutral shape": laid.reshape(len(laid), -1),
        "static map": static,
        "expression": narrow_offset(face, c.expression).cpu().flatten(1).numpy(),
        "dynamic map": dynamic,
    }


SPATIAL = ("neutral shape", "expression")
"""Quantities with three numbers a vertex."""


def _maps(model: HiFace, c: Coefficients) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Static and dynamic maps (flat), in batches."""
    found = []
    for start in range(0, len(c), BATCH):
        part = c[start : start + BATCH]
        detail = model.reconstructor.detail(part, model.reconstructor.shape(part))
        dynamic = detail.displacement - detail.static
        found.append((detail.static.flatten(1).cpu(), dynamic.flatten(1).cpu()))
    return found


def spreads(
    values: Float[np.ndarray, "N F"], person: Int[np.ndarray, "N"], numbers: int = 1, bootstrap: Bootstrap = USUAL
) -> Spreads:
    """Analysis of variance with one factor; `numbers` of F belong to one vertex. Each person needs two rows or more."""
    people, counts = np.unique(person, return_counts=True)
    if len(people) < 2 or counts.min() < 2:
        raise ConfigError(f"found {len(people)} people with {counts.tolist()} pictures each; two of each are needed")
    values = np.asarray(values, np.float64) - values.mean(0)
    means = np.stack([values[person == p].mean(0) for p in people])
    points = values.shape[1] / numbers
    inner = np.array([((values[person == p] - m) ** 2).sum() for p, m in zip(people, means, strict=True)]) / points
    gram = means @ means.T / points

    def of(weights: np.ndarray) -> tuple[float, float]:
        total = weights.sum()
        within = float(weights @ inner / (weights @ (counts - 1)))
        around = float((weights @ np.diag(gram) - weights @ gram @ weights / total) / (total - 1))
        return within, max(0.0, around - within * float(weights @ (1 / counts)) / total)

    within, between = of(np.ones(len(people)))
    rng = np.random.default_rng(bootstrap.seed)
    drawn = rng.multinomial(len(people), np.full(len(people), 1 / len(people)), bootstrap.draws).astype(float)
    shares = [_share(*of(w)) for w in drawn if (w > 0).sum() > 1]
    low, high = np.percentile(shares, [2.5, 97.5])
    return Spreads(within**0.5, between**0.5, _share(within, between), Interval(float(low), float(high)))


def _share(within: float, between: float) -> float:
    total = within + between
    return between / total if total > 0 else 1.0


def decoupling(
    model: HiFace, answers: Coefficients, person: Int[np.ndarray, "N"], truth: Coefficients | None = None
) -> dict[str, Spreads]:
    """The spreads of each quantity; with `truth` also how far the true people lie apart in shape and static map."""
    found = {name: spreads(v, person, 3 if name in SPATIAL else 1) for name, v in quantities(model, answers).items()}
    if truth is not None:
        real = quantities(model, truth)
        for name in ("neutral shape", "static map"):
            between = spreads(real[name], person, 3 if name in SPATIAL else 1, Bootstrap(draws=2)).between
            found[name] = replace(found[name], true_between=between)
    return found


@dataclass(frozen=True)
class Moved:
    """How far each thing moves when coefficients are another face's, mm, one number a face."""

    neutral: Float[np.ndarray, "N"]
    expression: Float[np.ndarray, "N"]
    static: Float[np.ndarray, "N"]
    dynamic: Float[np.ndarray, "N"]


SWAPS: Mapping[str, Callable[[Coefficients, Coefficients], Coefficients]] = {
    "expression ξ": lambda c, d: replace(c, expression=d.expression),
    "static detail φ": lambda c, d: replace(c, static=d.static),
    "identity β": lambda c, d: replace(c, identity=d.identity),
}


@torch.no_grad()
def swapped(model: HiFace, c: Coefficients) -> dict[str, Moved]:
    """What moves in each face when it is given the next one's coefficients, by what is given."""
    c = c.to(model.device)
    given = c[torch.arange(1, len(c) + 1).remainder(len(c)).to(model.device)]
    before = _state(model, c)
    found = {}
    for name, swap in SWAPS.items():
        after = _state(model, swap(c, given))
        shapes = [rms(a - b).cpu().numpy() for a, b in zip(after[:2], before[:2], strict=True)]
        maps = [(a - b).square().mean(1).sqrt().cpu().numpy() for a, b in zip(after[2:], before[2:], strict=True)]
        found[name] = Moved(*shapes, *maps)
    return found


def _state(model: HiFace, c: Coefficients) -> tuple[torch.Tensor, ...]:
    texels = model.reconstructor.detail_model.basis.texels.cpu()
    static, dynamic = (torch.cat(parts)[:, texels] for parts in zip(*_maps(model, c), strict=True))
    return narrow_neutral(model.face, c.identity), narrow_offset(model.face, c.expression), static, dynamic
