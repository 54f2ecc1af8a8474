"""Two processes train one network under torchrun: other faces each, the same weights after, one writes, resume."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hiface.errors import ConfigError
from hiface.train import processes
from hiface.train.checkpoint import read_checkpoint
from hiface.train.loop import CHECKPOINT, CURVES, WEIGHTS
from hiface.train.shards import ShardSet
from world import make_world

TESTS = Path(__file__).parents[1]


def torchrun(*arguments, processes=2):
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path]), "OMP_NUM_THREADS": "1"}
    script = str(TESTS / "train" / "two_processes.py")
    return subprocess.run(
        [sys.executable, *command, script, *map(str, arguments)], env=environment, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What two processes of a run of six steps hold in the end; it was cut after its first step and gone on with."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "shards").mkdir()
    make_world(folder / "shards")
    done = torchrun(folder, folder / "out")
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "out", *(load_file(folder / "out" / f"rank{rank}.safetensors") for rank in (0, 1))


def test_the_same_weights_and_statistics_in_both(runs):
    _, one, two = runs
    trained = [name for name in one if not name.startswith("seen/")]
    assert any("running_var" in name for name in trained)
    for name in trained:
        assert torch.equal(one[name], two[name]), name


def test_each_sees_faces_of_its_own(runs):
    rows = [
        {tuple(row) for name, rows in part.items() if name.startswith("seen/") for row in rows.tolist()}
        for part in runs[1:]
    ]
    assert rows[0]
    assert rows[1]
    assert not rows[0] & rows[1]


def test_a_cut_run_of_two_goes_on_and_one_writes(runs):
    out, one, _ = runs
    assert one["steps"].tolist() == [1, 6]
    assert read_checkpoint(out / CHECKPOINT)[1]["step"] == 6
    rows = [line.split(",") for line in (out / CURVES).read_text().splitlines()[1:]]
    assert {row[0] for row in rows if row[1] == "photos/median68"} == {"1", "3", "6"}
    assert len(rows) == len({(row[0], row[1]) for row in rows})
    assert {path.name for path in out.iterdir()} >= {CHECKPOINT, WEIGHTS, CURVES}


def test_parts_of_a_set_are_disjoint_and_whole(tmp_path):
    make_world(tmp_path)
    shards = ShardSet(tmp_path)
    parts = [set(shards.part(rank, 2).tolist()) for rank in (0, 1)]
    assert parts[0] | parts[1] == set(range(len(shards)))
    assert not parts[0] & parts[1]
    with pytest.raises(ConfigError, match="too few for 9 processes"):
        shards.part(8, 9)


def test_devices_are_counted_before_they_are_taken():
    assert processes.device_count("cpu", 2) == 2
    assert processes.device_count("cpu", "auto") == 1
    assert processes.device_count("cuda", "0,2") == 2
