"""What a network sees of drawn faces: φ̂ and ξ̂ beside the true coefficients, for Eq. 6 trained by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from hiface.detail.basis import NAMES
from hiface.reconstructor import Reconstructor
from hiface.train.assemble import dataset
from hiface.train.config import TrainConfig
from hiface.train.dynamic import NetworkFaces
from hiface.train.dynamic_people import DetailPeople
from hiface.train.shards import ShardSet
from hiface.types import Coefficients

BATCH = 32


@torch.no_grad()
def network_faces(
    model: Reconstructor, shards: Path, count: int, on_progress: Callable[[int, int], None] | None = None
) -> NetworkFaces:
    """The first `count` faces of a folder of shards, in the crops of the rule."""
    pictures = ShardSet(shards)
    data = dataset(TrainConfig(network=model.config), model, pictures, None)
    count = min(count, len(pictures))
    answers, truth = list[Coefficients](), list[DetailPeople]()
    for start in range(0, count, BATCH):
        rows = [data.synthetic_row(pictures[i], None) for i in range(start, min(start + BATCH, count))]
        crops = torch.from_numpy(np.stack([r["crops"] for r in rows])).to(model.device).float() / 255
        answers.append(model(crops).coefficients.to("cpu"))
        truth.append(DetailPeople(*(torch.from_numpy(np.stack([r[n] for r in rows])).float() for n in NAMES)))
        if on_progress:
            on_progress(start + len(rows), count)
    found = Coefficients.cat(answers)
    return NetworkFaces(found.static, DetailPeople.cat(truth), found.expression)
