"""One of several processes of a run on the tiny world: `torchrun ... two_processes.py WORLD OUT STOP_AFTER`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from hiface.reconstructor import NetworkConfig, Reconstructor
from hiface.train import loop
from hiface.train.assemble import dataset
from hiface.train.config import TrainConfig
from hiface.train.shards import ShardSet
from world import make_world

CONFIG = TrainConfig(
    network=NetworkConfig(width=0.125, crop=32, mix=16, dropout=0.2, points_width=16, detail_width=8),
    steps=6, synthetic_batch=3, photo_batch=2, photos_from=2, warmup=2, photometric_every=0, validate_every=3,
    precision="fp32", loaders=0,
)  # fmt: skip


class Recording(loop.StepDataset):
    """Keeps which shapes it has handed out."""

    def __getitem__(self, step):
        batch = super().__getitem__(step)
        self.seen[step] = batch.identity.clone()
        return batch


def main(folder: Path, out: Path, stop_after: float | None) -> None:
    assets, photos = make_world(folder / f"process{torch.randint(1 << 30, (1,)).item()}")[1:]
    torch.manual_seed(0)
    model = Reconstructor(CONFIG.network, *assets)
    make = lambda: dataset(CONFIG, model, ShardSet(folder / "shards"), photos, np.full((4, 9), 1 / 9, np.float32))
    data = make()
    data.__class__, data.seen = Recording, {}
    validation = loop.Validation({"photos": make()}, make())
    loop.train(model, data, out, validation, accelerator="cpu", stop_after=stop_after)
    state = {k: v.contiguous().clone() for k, v in model.trained().items()}
    seen = {f"seen/{step}": rows for step, rows in data.seen.items()}
    save_file(state | seen, out / f"rank{data.rank}.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else None)
