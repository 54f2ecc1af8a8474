"""Shards: repeatable bytes, runs that go on, sets that do not mix. A stand-in draws the samples."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest

from hiface.errors import ConfigError
from hiface.synth.generate import _EXPRESSION, Generator
from hiface.synth.shards import ShardOptions, generate_shards, read_identities
from hiface.train.shards import ShardSet


def sampler(options):
    return lambda index: {
        "jpg": b"picture %d of %d" % (index, options.seed), "mask.png": b"mask", "safetensors": b"truth",
    }  # fmt: skip


def options(out, **changes):
    return replace(ShardOptions(count=7, out=out, data=out, seed=3, shard=3, make_sampler=sampler), **changes)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_two_workers_and_a_cut_run_give_the_same_bytes(tmp_path):
    generate_shards(options(tmp_path / "one"))
    generate_shards(options(tmp_path / "two", workers=2))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    (tmp_path / "two" / "000001.tar").unlink()
    (tmp_path / "two" / ".000001-cut.tar").write_bytes(b"half a shard")
    generate_shards(options(tmp_path / "two"))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_the_manifest_counts_every_sample(tmp_path):
    manifest = json.loads(generate_shards(options(tmp_path)).read_text())
    assert [s["samples"] for s in manifest["shards"].values()] == [3, 3, 1]


def test_a_reader_passes_over_shards_that_are_being_written(tmp_path):
    generate_shards(options(tmp_path))
    (tmp_path / ".000003-cut.tar").write_bytes(b"half a shard")
    assert len(ShardSet(tmp_path)) == 7


def test_a_damaged_shard_is_named(tmp_path):
    path = generate_shards(options(tmp_path)).parent / "000002.tar"
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(ConfigError, match="000002"):
        ShardSet(tmp_path)


def test_sets_do_not_mix(tmp_path):
    people = tmp_path / "people.npy"
    np.save(people, np.zeros((2, 4), np.float32))
    generate_shards(options(tmp_path / "out"))
    for other in ({"seed": 4}, {"identities": people}, {"truth": "parts"}, {"without": frozenset({"hair"})}):
        with pytest.raises(ConfigError, match="same options"):
            generate_shards(options(tmp_path / "out", **other))


@pytest.mark.parametrize("rows", [np.zeros((2, 5)), np.zeros(4), np.full((1, 4), np.nan), np.zeros((0, 4))])
def test_rows_that_are_no_identities_are_refused(tmp_path, rows):
    np.save(tmp_path / "people.npy", rows)
    with pytest.raises(ConfigError, match="people"):
        read_identities(tmp_path / "people.npy", 4)


def test_identities_are_never_unpickled(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (tmp_path / "people.npy").write_bytes(buffer.getvalue())
    with pytest.raises(ConfigError, match="npy"):
        read_identities(tmp_path / "people.npy", 4)


def test_a_series_is_another_set(tmp_path):
    generate_shards(options(tmp_path))
    with pytest.raises(ConfigError, match="series"):
        generate_shards(options(tmp_path, series=5))
    with pytest.raises(ConfigError, match="series 0"):
        options(tmp_path, series=0)


def test_a_series_shares_everything_but_its_expressions():
    """Random streams tell: person, scene, lens and detail are the series' own, the expression is each sample's."""
    generator = Generator(None, seed=1, series=5)
    drawn = {which: [generator._stream(i, which).random() for i in range(10)] for which in range(_EXPRESSION + 1)}
    for which, values in drawn.items():
        assert len(set(values)) == (10 if which == _EXPRESSION else 2)
    alone = Generator(None, seed=1)
    assert len({alone._stream(i, 0).random() for i in range(10)}) == 10
