"""Training on a tiny face: batches are functions of the step, a cut run goes on exactly, terms can be switched."""

import os
import signal
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from hiface.errors import AssetError, ConfigError
from hiface.reconstructor import NetworkConfig, Reconstructor
from hiface.train.assemble import dataset, score_mirror
from hiface.train.checkpoint import read_checkpoint
from hiface.train.config import TrainConfig, from_toml
from hiface.train.loop import CHECKPOINT, WEIGHTS, TrainingStep, Validation, learning_rate, train
from hiface.train.shards import ShardSet
from world import make_world

CONFIG = TrainConfig(
    network=NetworkConfig(width=0.125, crop=32, mix=16, dropout=0.2, points_width=16, detail_width=8),
    steps=6, synthetic_batch=3, photo_batch=2, warmup=2, photometric_every=0, validate_every=3, precision="fp32",
    loaders=0,
)  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("world"))


def make(world, config=CONFIG):
    folder, assets, photos = world
    torch.manual_seed(0)
    model = Reconstructor(config.network, *assets)
    return model, dataset(config, model, ShardSet(folder), photos, np.full((4, 9), 1 / 9, np.float32))


def test_a_step_sees_the_same_batch_whoever_builds_it(world):
    _, data = make(world)
    _, again = make(world)
    for name, tensor in vars(data[4]).items():
        assert torch.equal(tensor, getattr(again[4], name)), name
    assert not torch.equal(data[4].crops, data[5].crops)
    assert data[4].synthetic == 3
    assert len(data[4].crops) == 5


def test_a_cut_run_goes_on_exactly(world, tmp_path):
    for folder, pieces in (("whole", [None]), ("cut", [0.0, None])):
        for stop_after in pieces:
            model, data = make(world)
            train(model, data, tmp_path / folder, Validation({}, None), accelerator="cpu", stop_after=stop_after)
    whole, cut = (read_checkpoint(tmp_path / f / CHECKPOINT) for f in ("whole", "cut"))
    assert whole[1]["step"] == cut[1]["step"] == 6
    for group, tensors in whole[0].items():
        for name, tensor in tensors.items():
            assert torch.equal(tensor, cut[0][group][name]), f"{group}/{name}"
    rows = (tmp_path / "cut" / "curves.csv").read_text().splitlines()
    assert rows[0] == "step,name,value"
    assert (tmp_path / "cut" / WEIGHTS).is_file()


def test_a_signal_ends_the_run_after_its_step_with_a_checkpoint(world, tmp_path):
    class Interrupting(type(make(world)[1])):
        def __getitem__(self, step):
            if step == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().__getitem__(step)

    model, data = make(world)
    data.__class__ = Interrupting
    train(model, data, tmp_path, Validation({}, None), accelerator="cpu")
    assert read_checkpoint(tmp_path / CHECKPOINT)[1]["step"] == 4
    assert (tmp_path / WEIGHTS).is_file()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_signals_to_the_group_do_not_reach_the_loaders(world, tmp_path):
    class Asking(type(make(world)[1])):
        def __getitem__(self, step):
            (tmp_path / f"{step}").write_text(f"{os.getpgrp() != os.getpgid(os.getppid())}")
            return super().__getitem__(step)

    model, data = make(world, replace(CONFIG, loaders=1))
    data.__class__ = Asking
    train(model, data, tmp_path / "run", Validation({}, None), accelerator="cpu")
    assert all((tmp_path / f"{step}").read_text() == "True" for step in range(CONFIG.steps))


def test_training_lowers_the_loss(world):
    config = replace(CONFIG, learning_rate=3e-3, network=replace(CONFIG.network, dropout=0.0))
    model, data = make(world, config)
    step = TrainingStep(model, config, None)
    optimizer = torch.optim.AdamW(step.parameters(), lr=3e-3)
    batch = data[0]
    first = None
    for _ in range(25):
        total, _ = step(batch, 1)
        first = first if first is not None else float(total.detach())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    assert float(total.detach()) < 0.7 * first


def test_every_parameter_learns(world):
    model, data = make(world)
    step = TrainingStep(model, CONFIG, None)
    total, terms = step(data[0], 1)
    total.backward()
    silent = [n for n, p in step.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # Without a rendered picture nothing speaks of albedo but its prior, whose gradient is there all the same.
    assert silent == []
    assert set(terms) <= set(vars(CONFIG.weights))


def test_without_synthetic_truth_no_coefficient_is_told(world):
    model, data = make(world, replace(CONFIG, use_synthetic_truth=False))
    _, terms = TrainingStep(model, replace(CONFIG, use_synthetic_truth=False), None)(data[0], 1)
    assert not {"vertex", "shape", "divergence", "detail", "expression", "rotation"} & set(terms)


def test_photos_wait_for_their_step(world):
    _, data = make(world, replace(CONFIG, photos_from=3))
    assert data[2].synthetic == 5
    assert data[3].synthetic == 3


def test_mirrored_scores_swap_sides():
    mirror = score_mirror()
    assert np.array_equal(mirror[mirror], np.arange(52))
    from hiface.face.asset import ARKIT

    assert ARKIT[mirror[ARKIT.index("browDownLeft")]] == "browDownRight"
    assert ARKIT[mirror[ARKIT.index("jawLeft")]] == "jawRight"
    assert ARKIT[mirror[ARKIT.index("jawOpen")]] == "jawOpen"


def test_learning_rate_warms_up_and_decays():
    rates = [learning_rate(replace(CONFIG, steps=100, warmup=10), s) for s in range(100)]
    assert rates[0] < rates[9] == pytest.approx(CONFIG.learning_rate)
    assert rates[9] > rates[50] > rates[99] > 0


def test_configuration_files_state_differences(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("steps = 7\nlearning_rate = 1\n[network]\nwidth = 0.25\n[weights]\nage = 0.5\n")
    config = from_toml(path)
    assert (config.steps, config.learning_rate, config.network.width, config.weights.age) == (
        7,
        1.0,
        0.25,
        0.5,
    )
    assert config.weights.detail == TrainConfig().weights.detail
    path.write_text("stepz = 7\n")
    with pytest.raises(ConfigError, match=r"stepz.*known: .*steps"):
        from_toml(path)
    path.write_text('steps = "many"\n')
    with pytest.raises(ConfigError, match="expected a value of type int"):
        from_toml(path)


def test_broken_checkpoints_and_shards_are_named(tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"not a checkpoint")
    with pytest.raises(AssetError, match=r"bad\.safetensors"):
        read_checkpoint(tmp_path / "bad.safetensors")
    with pytest.raises(ConfigError, match=r"no \.tar shards"):
        ShardSet(tmp_path)
    with tarfile.open(tmp_path / "000000.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("000000.jpg"))
    with pytest.raises(ConfigError, match="lacks one of"):
        ShardSet(tmp_path)
