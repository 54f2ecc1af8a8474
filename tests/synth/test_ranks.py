"""Shards by rank: the parts of several processes are the set of one, byte for byte; the last writes the manifest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hiface.errors import ConfigError
from hiface.synth.ranks import Rank, rank_of
from hiface.synth.shards import ShardOptions, generate_shards


def sampler(options):
    return lambda index: {"jpg": b"picture %d of %d" % (index, options.seed), "safetensors": b"truth"}


ALL = Rank()


def options(out, rank=ALL):
    return replace(ShardOptions(count=10, out=out, data=out, seed=3, shard=3, make_sampler=sampler), rank=rank)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_the_parts_are_the_whole_and_the_last_completes_it(tmp_path, order):
    generate_shards(options(tmp_path / "one"))
    for rank in order[:-1]:
        assert generate_shards(options(tmp_path / "parts", Rank(rank, 3))) is None
        assert not (tmp_path / "parts" / "manifest.json").exists()
    assert generate_shards(options(tmp_path / "parts", Rank(order[-1], 3))) is not None
    assert contents(tmp_path / "parts") == contents(tmp_path / "one")


def test_a_process_makes_its_own_shards_alone(tmp_path):
    generate_shards(options(tmp_path, Rank(1, 2)))
    assert sorted(path.name for path in tmp_path.glob("*.tar")) == ["000001.tar", "000003.tar"]


def test_launchers_say_the_rank():
    assert rank_of(None, None, {}) == Rank(0, 1)
    assert rank_of(None, None, {"RANK": "2", "WORLD_SIZE": "4"}) == Rank(2, 4)
    assert rank_of(None, None, {"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "3"}) == Rank(1, 3)
    assert rank_of(None, None, {"SLURM_PROCID": "0", "SLURM_NTASKS": "3"}) == Rank(0, 1)  # no step of srun
    assert rank_of(0, 2, {"RANK": "2", "WORLD_SIZE": "4"}) == Rank(0, 2)


@pytest.mark.parametrize(
    ("rank", "world", "told"), [(2, 2, "0 to 1"), (-1, 2, "0 to 1"), (1, None, "both"), (0, 0, "rank 0 of 0")]
)
def test_a_rank_that_cannot_be_is_refused(rank, world, told):
    with pytest.raises(ConfigError, match=told):
        rank_of(rank, world, {})
    with pytest.raises(ConfigError, match="two numbers"):
        rank_of(None, None, {"RANK": "first", "WORLD_SIZE": "4"})
