"""People of the captures for training and judging Eq. 6: static, compressed and stretched coefficients that belong
together, and how much of the true dynamic maps an answer keeps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hiface import losses
from hiface.detail.basis import NAMES, DetailBasis
from hiface.detail.dynamic import DynamicCoefficients
from hiface.detail.people import Captures, draw_detail
from hiface.errors import ConfigError
from hiface.types import Batched

HELD_OUT = 5
"""Every fifth capture by age is held out where a figure is wanted."""


@dataclass(frozen=True)
class DetailPeople(Batched):
    """Coefficients of B people, standard deviations."""

    static: Float[Tensor, "B K"]
    compressed: Float[Tensor, "B C"]
    stretched: Float[Tensor, "B D"]


@dataclass(frozen=True)
class MapNorms:
    """Inner products of each basis' modes over its texels: norms of maps from coefficients, mm²."""

    static: Float[Tensor, "K K"]
    compressed: Float[Tensor, "C C"]
    stretched: Float[Tensor, "D D"]

    @classmethod
    def of(cls, basis: DetailBasis) -> MapNorms:
        grams = (losses.gram_of(m, m.shape[1]) for m in (basis.get_buffer(f"{n}_modes").cpu() for n in NAMES))
        return cls(*grams)


@dataclass(frozen=True)
class Kept:
    """How true dynamic maps are of one kind."""

    share: float
    """Of the variance of the true maps about their mean, what the answers explain; below 0 they are worse than the
    mean map for everybody."""
    spread: float
    """Deviation of the answers about their mean over that of the true maps: 1 where people differ as they should."""


def halves(captures: Captures) -> tuple[Captures, Captures]:
    """Four fifths of the captures to learn from and, at even steps through the ages, one fifth to judge by."""
    if len(captures) < 2 * HELD_OUT:
        raise ConfigError(
            f"the detail basis holds {len(captures)} captures, {2 * HELD_OUT} are needed to hold some out"
        )
    order = np.argsort(captures.age, kind="stable")
    held = np.zeros(len(captures), bool)
    held[order[HELD_OUT // 2 :: HELD_OUT]] = True
    return _chosen(captures, ~held), _chosen(captures, held)


def as_people(captures: Captures) -> DetailPeople:
    """The captures themselves."""
    return DetailPeople(*(torch.from_numpy(np.asarray(getattr(captures, n), np.float32)) for n in NAMES))


def drawn_people(captures: Captures, count: int, seed: int) -> DetailPeople:
    """People mixed from the captures (`draw_detail`), of the captures' ages."""
    rng = np.random.default_rng(seed)
    drawn = [draw_detail(captures, float(rng.choice(captures.age)), rng) for _ in range(count)]
    return DetailPeople(*(torch.from_numpy(np.stack([getattr(d, n) for d in drawn])) for n in NAMES))


@torch.no_grad()
def kept(
    module: DynamicCoefficients,
    seen: Float[Tensor, "B K"],
    truth: DetailPeople,
    expression: Float[Tensor, "B E"],
    norms: MapNorms,
) -> dict[str, Kept]:
    """Of D_com and D_str ("compressed", "stretched") that Eq. 6 makes of `seen` φ and of expressions; of two people or
    more who differ."""
    answers = dict(zip(NAMES[1:], module(expression, seen), strict=True))
    return {name: _kept(answers[name], getattr(truth, name), getattr(norms, name)) for name in answers}


def _kept(answer: Float[Tensor, "B C"], truth: Float[Tensor, "B C"], gram: Float[Tensor, "C C"]) -> Kept:
    total = _energy(truth - truth.mean(0), gram)
    spread = _energy(answer - answer.mean(0), gram)
    return Kept(share=1 - _energy(answer - truth, gram) / total, spread=(spread / total) ** 0.5)


def _energy(coefficients: Float[Tensor, "B C"], gram: Float[Tensor, "C C"]) -> float:
    c = coefficients.double()
    return float(((c @ gram.double()) * c).sum())


def _chosen(captures: Captures, rows: np.ndarray) -> Captures:
    return Captures(captures.age[rows], *(getattr(captures, n)[rows] for n in NAMES))
