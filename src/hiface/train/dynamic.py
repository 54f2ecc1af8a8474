"""Eq. 6 trained by itself: its two MLPs on people of the captures, everything else of a weight file as it was.

Whatever φ the network sees, the answer asked for is the conditional expectation of the person's φ_com and φ_str: it
minimises the expected square of the maps' errors, so the loss is that square (L_detail takes the root, whose minimum
is a geometric median, and teaches the whole network). The truth is never scaled with φ. Where φ is seen badly
(`seen_detail`) the expectation moves to that of everybody of such an age, and the variance that is lost there is lost
to any function of φ. Eq. 6 divides φ by its own deviation, so it cannot see how strongly φ was shrunk, only which
modes are left of it; that is what it has to judge by.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from hiface.assets.format import read_asset, write_asset
from hiface.assets.store import locate
from hiface.detail.basis import NAMES
from hiface.detail.dynamic import DynamicCoefficients
from hiface.reconstructor import SCHEMA
from hiface.train.dynamic_people import DetailPeople, MapNorms
from hiface.train.seen_detail import as_seen

PREFIX = "detail_model.dynamic."


@dataclass(frozen=True)
class DynamicOptions:
    steps: int = 3000
    seed: int = 0
    batch: int = 256
    learning_rate: float = 2e-3
    """At its highest, after a third of the steps."""
    weight_decay: float = 0.01
    network_share: float = 0.5
    """Of each batch, faces whose φ the network itself has seen, where they are given."""


@dataclass(frozen=True)
class NetworkFaces:
    """What a network saw of drawn faces, and what is true of them."""

    seen: Float[Tensor, "B K"]
    """φ̂ of the network."""
    truth: DetailPeople
    expression: Float[Tensor, "B E"]
    """The network's ξ."""

    def __getitem__(self, rows: slice | Tensor) -> NetworkFaces:
        return NetworkFaces(self.seen[rows], self.truth[rows], self.expression[rows])

    def __len__(self) -> int:
        return len(self.seen)


def train_dynamic(
    module: DynamicCoefficients,
    people: DetailPeople,
    expressions: Float[Tensor, "N E"],
    norms: MapNorms,
    options: DynamicOptions,
    faces: NetworkFaces | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Train `module` from the beginning. `expressions` have nothing to do with the people and are drawn for them anew
    in every batch."""
    torch.manual_seed(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    begin(module)
    rates = torch.optim.AdamW(module.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(rates, options.learning_rate, total_steps=options.steps)
    energy = norms.static.diagonal()
    own = 0 if faces is None else round(options.network_share * options.batch)
    for step in range(options.steps):
        rows = torch.randint(len(people), (options.batch - own,), generator=generator)
        truth, moods = people[rows], torch.randint(len(expressions), (len(rows),), generator=generator)
        seen, expression = as_seen(truth.static, energy, generator), expressions[moods]
        if faces is not None:
            more = faces[torch.randint(len(faces), (own,), generator=generator)]
            seen, expression = torch.cat([seen, more.seen]), torch.cat([expression, more.expression])
            truth = DetailPeople.cat([truth, more.truth])
        rates.zero_grad(set_to_none=True)
        dynamic_error(module(expression, seen), truth, norms).backward()
        rates.step()
        schedule.step()
        if on_progress:
            on_progress(step + 1, options.steps)


def dynamic_error(
    answers: tuple[Float[Tensor, "B C"], Float[Tensor, "B D"]], truth: DetailPeople, norms: MapNorms
) -> Float[Tensor, ""]:
    """Mean square of the errors of D_com and D_str, each over the variance of its basis: 1 each for the mean maps."""
    terms = []
    for name, answer in zip(NAMES[1:], answers, strict=True):
        gram, delta = getattr(norms, name), answer - getattr(truth, name)
        terms.append(((delta @ gram) * delta).sum(1).mean() / gram.diagonal().sum())
    return torch.stack(terms).sum()


def begin(module: DynamicCoefficients) -> None:
    """Fresh parameters: the mean maps, under a style that leaves the normalised φ as it is for every expression."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    style, last = module.style[-1], module.decode[-1]
    assert isinstance(style, nn.Linear)
    assert isinstance(last, nn.Linear)
    nn.init.normal_(style.bias, std=1.0)
    nn.init.normal_(last.weight, std=1e-3)
    nn.init.zeros_(last.bias)


def replace_dynamic(weights: str | Path, out: str | Path, module: DynamicCoefficients, told: dict[str, Any]) -> str:
    """Write `weights` with `module` in the place of its Eq. 6 and `told` in its metadata under "dynamic"; every other
    tensor stays bit for bit. Returns the content hash."""
    asset = read_asset(locate(weights), SCHEMA)
    own = {PREFIX + k: v.detach().cpu().numpy().astype(np.float16) for k, v in module.state_dict().items()}
    return write_asset(out, SCHEMA, {**asset.tensors, **own}, {**asset.meta, "dynamic": told})
