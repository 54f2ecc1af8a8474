"""`hiface evaluate decoupling`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hiface.cli.evaluate.sections import progress, show_sections

if TYPE_CHECKING:
    from hiface.evaluate.decoupling import Drawn
    from hiface.model import HiFace


def decoupling(
    *,
    data: Path,
    out: Path,
    shards: Path | None = None,
    weights: str = "hiface.safetensors",
    device: str = "auto",
) -> None:
    """What holds still when one person's expression changes, and what moves when coefficients are swapped.

    Parameters
    ----------
    data
        Folder that holds the labelled pack portraits.
    out
        Folder for decoupling.json, tables and pictures. A stopped run goes on there; rulers share its answers.
    shards
        Drawn people under several expressions each: `hiface synth --count 200 --series 10 --seed 77 --out SHARDS`.
    weights
        A weight file; the shipped one unless given.
    device
        "auto", "cpu" or "cuda".
    """
    from hiface.evaluate.answers import AnswerCache
    from hiface.evaluate.decoupling_report import decoupling_report
    from hiface.model import load

    model = load(weights, device)
    drawn = None if shards is None else _drawn(shards, model)
    with progress() as told:
        cache = AnswerCache.of(model, out / "answers")
        sections = decoupling_report(model, data, drawn, out, cache, on_progress=told)
    show_sections(sections)


def _drawn(folder: Path, model: HiFace) -> Drawn:
    """All pictures of a folder of shards and what they show."""
    import numpy as np
    import torch

    from hiface.evaluate.decoupling import Drawn
    from hiface.train.shards import ShardSet
    from hiface.types import Coefficients

    shards = ShardSet(folder)
    samples = [shards[i] for i in range(len(shards))]
    n = len(samples)
    truth = {k: torch.from_numpy(np.stack([s.truth[k] for s in samples])) for k in ("identity", "expression", "static")}
    unused = {
        "albedo": torch.zeros(n, model.reconstructor.albedo.size),
        "rotation": torch.zeros(n, 4, 3),
        "translation": torch.zeros(n, 3),
        "scale": torch.ones(n),
        "light": torch.zeros(n, 9, 3),
    }
    points = np.stack([s.truth["mediapipe478"] for s in samples])
    return Drawn([s.picture for s in samples], points, Coefficients(**truth, **unused))
