"""Several processes of one run: how many there are, and what they agree on after a step."""

from __future__ import annotations

import inspect
import itertools
import os

import lightning_fabric
import torch
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from hiface.errors import ConfigError

_leavings = itertools.count()
"""Numbers the runs of this process, so that each has names of its own in the store."""


def make_fabric(accelerator: str, devices: int | str) -> lightning_fabric.Fabric:
    """One process a device: on this machine, or all that `torchrun` has started on one or several.

    Raises `ConfigError` where `devices` contradicts `torchrun`.
    """
    nodes = 1
    if torch.distributed.is_torchelastic_launched():
        local = int(os.environ["LOCAL_WORLD_SIZE"])
        if devices not in ("auto", local):
            raise ConfigError(
                f"--devices {devices}, but torchrun has started {local} processes on this machine; leave --devices out"
            )
        devices, nodes = local, int(os.environ["WORLD_SIZE"]) // local
    if nodes * device_count(accelerator, devices) == 1:
        return lightning_fabric.Fabric(accelerator=accelerator, devices=devices)
    # A step without photos or pictures leaves some weights without a gradient. Statistics are averaged by
    # `Agreement`; the buffers of assets are everywhere alike, so nothing else need be sent.
    known = inspect.signature(DistributedDataParallel).parameters
    buffers = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"  # before torch 2.13
    strategy = DDPStrategy(find_unused_parameters=True, **{buffers: False})
    return lightning_fabric.Fabric(accelerator=accelerator, devices=devices, num_nodes=nodes, strategy=strategy)


def device_count(accelerator: str, devices: int | str) -> int:
    """How many devices of this machine are meant; one where the accelerator has no more."""
    if isinstance(devices, int) and devices >= 0:
        return devices
    if str(devices) in ("auto", "-1"):
        return max(1, torch.cuda.device_count()) if accelerator in ("auto", "cuda", "gpu") else 1
    return len(str(devices).strip(",").split(","))


def leave_assets_alone(module: nn.Module, trained: set[str]) -> None:
    """Keep `DistributedDataParallel` from sending buffers that are no part of the trained state."""
    fixed = [name for name, _ in module.named_buffers() if name not in trained]
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(module, fixed)


class Agreement:
    """What all processes share after each step: means of the normalisation's statistics, and whether to stop.

    Each process sees other faces, and so has other statistics. Their mean is what one process would have had with
    all the faces, but for the spread between the processes' means.
    """

    def __init__(self, fabric: lightning_fabric.Fabric, module: nn.Module, trained: set[str]) -> None:
        self.fabric = fabric
        self.buffers = [b for n, b in module.named_buffers() if n in trained and b.is_floating_point()]

    def after_step(self, stop: bool) -> bool:
        """Whether any process wants to stop; afterwards the statistics are the same in all."""
        if self.fabric.world_size == 1:
            return stop
        flag = torch.full((1,), float(stop), device=self.fabric.device)
        shared = self.fabric.all_reduce(torch.cat([flag, *(b.flatten() for b in self.buffers)]), reduce_op="mean")
        assert isinstance(shared, Tensor)
        parts = shared[1:].split([b.numel() for b in self.buffers])
        for buffer, part in zip(self.buffers, parts, strict=True):
            buffer.copy_(part.view_as(buffer))
        return bool(shared[0] > 0)

    def leave(self) -> None:
        """Return when all processes are through with their last exchange, in the first one after all others.

        A process that ends closes its connections, and one that still waits for others fails for it; the first
        may hold the store that they meet in.
        """
        if self.fabric.world_size == 1:
            return
        store, call = torch.distributed.distributed_c10d._get_default_store(), next(_leavings)
        others = range(1, self.fabric.world_size)
        through, gone = ([f"hiface/{call}/{word}/{r}" for r in (0, *others)] for word in ("through", "gone"))
        store.set(through[self.fabric.global_rank], "")
        store.wait(through)
        if self.fabric.global_rank:
            store.set(gone[self.fabric.global_rank], "")
        else:
            store.wait(gone[1:])

    def check_start(self, first: int) -> None:
        """Raises `ConfigError` unless all processes begin at the same step."""
        if self.fabric.world_size == 1:
            return
        ends = self.fabric.all_reduce(torch.tensor([first, -first], device=self.fabric.device), reduce_op="max")
        assert isinstance(ends, Tensor)
        if ends[0] != -ends[1]:
            raise ConfigError(
                "the processes of this run find different checkpoints; --out must lie on a file system they share"
            )
