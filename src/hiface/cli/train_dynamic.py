"""`hiface train-dynamic`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from hiface.cli.evaluate.show import show
from hiface.errors import ConfigError

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from hiface.detail.dynamic import DynamicCoefficients
    from hiface.detail.people import Captures
    from hiface.train.dynamic import DynamicOptions, NetworkFaces
    from hiface.train.dynamic_people import DetailPeople, MapNorms

log = logging.getLogger(__name__)
PEOPLE, EXPRESSIONS = 6000, 4000
FEWEST_FACES = 5
TAU = (0.0, 1e-5, 1e-4, 1e-3, 1e-2)


def train_dynamic(
    *,
    out: Path,
    weights: str = "hiface.safetensors",
    shards: Path | None = None,
    count: int = 3000,
    steps: int = 3000,
    seed: int = 0,
    check: bool = True,
    face_model: str = "face_model.safetensors",
    detail_basis: str = "detail_basis.safetensors",
    albedo: str = "albedo.safetensors",
) -> None:
    """Train Eq. 6 of a weight file by itself: dynamic detail of people of the captures, from static detail as a
    network sees it. Every other tensor of the file stays bit for bit.

    It is trained twice: on four fifths of the captures, to say what is kept of the others' true maps, and then on all
    of them for the file. Some minutes on one core.

    Parameters
    ----------
    out
        Weight file to write.
    weights
        A weight file; the shipped one unless given.
    shards
        Folder of drawn faces (`hiface synth`): half of each batch is then what this network itself sees of them. Best
        are faces that it was not trained on.
    count
        Faces taken from the shards; the last fifth is for the figures alone.
    steps
        Batches of 256, each time.
    seed
        Another seed, other people and parameters.
    check
        --no-check leaves the first training and its figures out.
    face_model
        The face model that the weights belong to.
    detail_basis
        The detail basis that they belong to, with the coefficients of its captures.
    albedo
        The albedo that they belong to.
    """
    import torch

    from hiface.detail.people import Captures
    from hiface.model import load
    from hiface.synth.expressions import people_expressions
    from hiface.train.dynamic import DynamicOptions, replace_dynamic
    from hiface.train.dynamic_faces import network_faces
    from hiface.train.dynamic_people import MapNorms, as_people, halves

    if steps < 10:
        raise ConfigError(f"--steps {steps}: Eq. 6 learns nothing in fewer than 10")
    torch.set_num_threads(1)
    network = load(weights, "cpu", face_model=face_model, detail_basis=detail_basis, albedo=albedo).reconstructor
    module = network.detail_model.dynamic
    captures, norms = Captures.load(detail_basis), MapNorms.of(network.detail_model.basis)
    expressions = people_expressions(network.face, EXPRESSIONS, seed)
    options = DynamicOptions(steps=steps, seed=seed)
    seen = unseen = None
    if shards is not None:
        with _bar("drawn faces") as told:
            faces = network_faces(network, shards, count, told)
        if len(faces) < FEWEST_FACES:
            raise ConfigError(f"{shards}: {len(faces)} drawn faces; give {FEWEST_FACES} or more, best some thousand")
        cut = min(len(faces) * 4 // 5, len(faces) - 2)  # a variance needs two
        seen, unseen = faces[:cut], faces[cut:]
    figures = None
    if check:
        fitted, held = halves(captures)
        before = _figures(module, as_people(held), unseen, expressions, norms)
        _train(module, fitted, expressions, norms, options, seen, "four fifths of the captures")
        after = _figures(module, as_people(held), unseen, expressions, norms)
        figures = [{"group": row, **_both(before[row], after[row])} for row in before]
        show("Share of the variance of true dynamic maps that Eq. 6 keeps, people held out", figures)
    _train(module, captures, expressions, norms, options, seen, "all captures")
    told_meta = {"trained_on": "people of the captures", "steps": steps, "seed": seed, "held_out": figures}
    digest = replace_dynamic(weights, out, module, told_meta)
    log.info("%s: weights %s", out, digest[:12])


def _train(
    module: DynamicCoefficients,
    captures: Captures,
    expressions: Float[Tensor, "N E"],
    norms: MapNorms,
    options: DynamicOptions,
    faces: NetworkFaces | None,
    what: str,
) -> None:
    from hiface.train.dynamic import train_dynamic as train
    from hiface.train.dynamic_people import drawn_people

    people = drawn_people(captures, PEOPLE, options.seed)
    with _bar(what) as told:
        train(module, people, expressions, norms, options, faces, told)


def _figures(
    module: DynamicCoefficients,
    people: DetailPeople,
    faces: NetworkFaces | None,
    expressions: Float[Tensor, "N E"],
    norms: MapNorms,
) -> dict[str, dict[str, float]]:
    """Shares and spreads by how φ is seen."""
    import torch

    from hiface.train.dynamic_people import kept
    from hiface.train.seen_detail import wiener

    generator, energy = torch.Generator().manual_seed(1), norms.static.diagonal()
    worn = expressions[torch.arange(len(people)) % len(expressions)]
    rows = {}
    for tau in TAU:
        seen = wiener(people.static, energy, tau, generator)
        rows["φ exact" if not tau else f"φ seen, τ = {tau:g} mm²"] = kept(module, seen, people, worn, norms)
    if faces is not None:
        rows["φ of the network, drawn faces"] = kept(module, faces.seen, faces.truth, faces.expression, norms)
    return {
        name: {f"{kind} {what}": getattr(k, what) for kind, k in row.items() for what in ("share", "spread")}
        for name, row in rows.items()
    }


def _both(before: dict[str, float], after: dict[str, float]) -> dict[str, str]:
    return {name: f"{before[name]:.3f} → {after[name]:.3f}" for name in before}


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    with Progress(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what)
        yield lambda done, total: bars.update(task, completed=done, total=total)
