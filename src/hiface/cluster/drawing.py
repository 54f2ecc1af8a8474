"""Shards of synthetic faces, drawn on a Ray cluster: each job is a shard."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from hiface.cluster.jobs import Failure
from hiface.cluster.ray_engine import on_ray
from hiface.errors import OutputError
from hiface.synth.shards import ShardOptions, sampler_of, write_shard

log = logging.getLogger(__name__)


def ray_shards(options: ShardOptions, numbers: Sequence[int], workers: int | None = None) -> None:
    """Make the given shards on the cluster, byte for byte those that one process makes.

    Raises `OutputError` where some could not be made; the others are there, and the same call goes on.
    """
    options = _absolute(options)
    lost: list[str] = []
    for number, outcome in on_ray(shard_maker, options, numbers, workers):
        if not isinstance(outcome, Failure):
            log.info("shard %06d of %s is whole", number, options.out)
        elif outcome.fatal:
            raise OutputError(outcome.message)
        else:
            lost.append(f"{number:06d}: {outcome.message}")
    if lost:
        raise OutputError(f"{len(lost)} of {len(numbers)} shards could not be made; run again. First: {lost[0]}")


def shard_maker(options: ShardOptions) -> Callable[[int], Path]:
    """What writes a shard of the set by its number."""
    sampler = sampler_of(options)
    return lambda number: write_shard(options, number, sampler)


def _absolute(options: ShardOptions) -> ShardOptions:
    """The same paths from whatever folder a process of the cluster runs in."""
    identities = None if options.identities is None else options.identities.absolute()
    return replace(options, out=options.out.absolute(), data=options.data.absolute(), identities=identities)
