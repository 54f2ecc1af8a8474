"""Which part of a set one of several processes draws: told by the caller, by `torchrun` or by SLURM's `srun`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from hiface.errors import ConfigError

LAUNCHERS = (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"))
"""Variables that say rank and number of processes. SLURM's second one is set in steps of `srun` alone, so a batch
script that starts one process is not taken for one of many."""


@dataclass(frozen=True)
class Rank:
    """Process `rank` of `world`, counted from 0."""

    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world:
            raise ConfigError(f"rank {self.rank} of {self.world}: expected 0 to {self.world - 1}, counted from 0")

    def mine(self, number: int) -> bool:
        """Whether shard `number` is this process's to make."""
        return number % self.world == self.rank


def rank_of(rank: int | None, world: int | None, environment: Mapping[str, str] = os.environ) -> Rank:
    """The rank that was asked for, or the one the launcher has set, or the only one.

    Raises `ConfigError` where one of the two is missing, is no number, or does not fit the other.
    """
    if (rank is None) != (world is None):
        raise ConfigError(f"rank {rank}, world {world}: give both (--rank 0 --world 4), or neither")
    if rank is not None and world is not None:
        return Rank(rank, world)
    for names in LAUNCHERS:
        told = [environment.get(name) for name in names]
        if None in told:
            continue
        try:
            return Rank(*(int(str(value)) for value in told))
        except ValueError as error:
            raise ConfigError(f"{' and '.join(names)} are {told}: expected two numbers") from error
    return Rank()
