"""One of several processes of a run on the tiny world, cut after a step: `torchrun ... two_processes.py WORLD OUT`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from hiface.reconstructor import NetworkConfig, Reconstructor
from hiface.train import loop
from hiface.train.assemble import dataset
from hiface.train.checkpoint import read_checkpoint
from hiface.train.config import TrainConfig
from hiface.train.shards import ShardSet
from world import make_world

CONFIG = TrainConfig(
    network=NetworkConfig(width=0.125, crop=32, mix=16, dropout=0.2, points_width=16, detail_width=8),
    steps=6, synthetic_batch=3, photo_batch=2, photos_from=2, warmup=2, photometric_every=0, validate_every=3,
    precision="fp32", loaders=0,
)  # fmt: skip


class Recording(loop.StepDataset):
    """Keeps which people it has handed out."""

    def __getitem__(self, step):
        batch = super().__getitem__(step)
        self.seen[step] = batch.identity.clone()
        return batch


def main(folder: Path, out: Path) -> None:
    assets, photos = make_world(folder / f"process{torch.randint(1 << 30, (1,)).item()}")[1:]
    seen, steps = {}, []
    for stop_after in (0.0, None):
        torch.manual_seed(0)
        model = Reconstructor(CONFIG.network, *assets)
        parts = [dataset(CONFIG, model, ShardSet(folder / "shards"), photos, None) for _ in range(3)]
        data, *held_out = parts
        data.__class__, data.seen = Recording, seen
        validation = loop.Validation({"photos": held_out[0]}, held_out[1])
        loop.train(model, data, out, validation, accelerator="cpu", stop_after=stop_after)
        steps.append(read_checkpoint(out / loop.CHECKPOINT)[1]["step"])
    state = {k: v.contiguous().clone() for k, v in model.trained().items()}
    handed = {f"seen/{step}": rows for step, rows in seen.items()}
    save_file(state | handed | {"steps": torch.from_numpy(np.array(steps))}, out / f"rank{data.rank}.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
