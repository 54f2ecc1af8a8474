"""Data kept on the device: the same faces as the loaders', and disturbances that leave pictures pictures."""

import shutil
from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
import torch

from hiface.reconstructor import NetworkConfig, Reconstructor
from hiface.train.assemble import dataset
from hiface.train.batches import Batch
from hiface.train.config import TrainConfig
from hiface.train.loop import WEIGHTS, Validation, train
from hiface.train.resident import Resident
from hiface.train.shards import ShardSet
from hiface.train.spoil import spoil_batch
from world import make_world

CONFIG = TrainConfig(
    network=NetworkConfig(width=0.125, crop=32, mix=16, points_width=16, detail_width=8),
    steps=3, synthetic_batch=3, photo_batch=2, warmup=1, photometric_every=0, validate_every=3, precision="fp32",
    loaders=0, resident=8,
)  # fmt: skip
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def data(world):
    folder, assets, photos = world
    return dataset(CONFIG, Reconstructor(CONFIG.network, *assets), ShardSet(folder), photos)


def test_plain_rows_are_those_of_the_loaders(data):
    own = Resident(data, CPU).plain([0, 3])
    theirs = data._collate([data.synthetic_row(data.shards[i], None) for i in (0, 3)], 2)
    for field in fields(Batch):
        a, b = getattr(own, field.name), getattr(theirs, field.name)
        assert a.shape == b.shape
        if field.name not in ("crops", "masks"):
            torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-4)
    # The pictures are noise, of which OpenCV's shrinking in steps keeps a little more.
    assert (own.crops.float() - theirs.crops.float()).abs().mean() < 4


def test_jittered_points_stay_on_their_pixels(data):
    """A picture that says where each pixel lies: the crop's colour at a point must be the point's place."""
    resident = Resident(data, CPU)
    side = resident.faces["pictures"].shape[-1]
    ramp = torch.arange(side) + 0.5
    places = torch.stack([ramp.expand(side, side), ramp[:, None].expand(side, side), torch.zeros(side, side)])
    resident.faces["pictures"] = places.expand(8, -1, -1, -1).byte()  # rounds down to whole pixels
    rng = torch.Generator().manual_seed(3)
    faces = {k: v[:5] for k, v in resident.faces.items()}
    cut, _ = resident._cut(faces, rng, True, torch.zeros(5, dtype=torch.bool))
    inside = ((cut["points478"] > 0.1) & (cut["points478"] < 0.9)).all(-1)
    within = ((faces["points478"] > 4) & (faces["points478"] < side - 4)).all(-1)
    column = (cut["points478"] * 32).long().clamp(0, 31)
    rows = torch.arange(5)[:, None].expand_as(inside)
    colour = cut["crops"].permute(0, 2, 3, 1)[rows, column[..., 1], column[..., 0]][..., :2].float() + 0.5
    error = (colour - faces["points478"]).norm(dim=-1)[inside & within]
    assert len(error) > 500
    assert error.max() < 2.5  # a pixel of the crop is nearly two of the picture


def test_mirrored_photos_keep_points_and_scores_of_the_other_side(data):
    resident = Resident(data, CPU)
    rng = torch.Generator().manual_seed(0)
    rows = torch.zeros(40, dtype=torch.long)
    seen = resident._photos(rows, rng, jitter=False)
    order, units = torch.as_tensor(data.mirror478), torch.as_tensor(data.score_mirror)
    plain = data.photo_row(0, None)
    straight = torch.from_numpy(plain["points478"])
    mirrored = torch.stack([1 - straight[:, 0], straight[:, 1]], 1)[order]
    is_straight = (seen["points478"] - straight).abs().amax((1, 2)) < 1e-4
    is_mirrored = (seen["points478"] - mirrored).abs().amax((1, 2)) < 1e-4
    assert (is_straight ^ is_mirrored).all()
    assert 5 < is_mirrored.sum() < 35
    scores = torch.from_numpy(plain["scores"])
    torch.testing.assert_close(seen["scores"][is_mirrored], scores[units].expand(int(is_mirrored.sum()), -1))


def test_batches_are_functions_of_the_step(data):
    a, b = Resident(data, CPU), Resident(data, CPU)
    first, again, other = a.batch(1), b.batch(1), b.batch(2)
    assert all(torch.equal(getattr(first, f.name), getattr(again, f.name)) for f in fields(Batch))
    assert not torch.equal(first.crops, other.crops)


def test_shards_that_appear_join_and_room_ends(world, tmp_path):
    folder, assets, photos = world
    shutil.copy(folder / "000000.tar", tmp_path / "000000.tar")
    data = dataset(CONFIG, Reconstructor(CONFIG.network, *assets), ShardSet(tmp_path), photos)
    resident = Resident(data, CPU)
    assert resident.count == 5
    shutil.copy(folder / "000000.tar", tmp_path / "000001.tar")
    resident.batch(0)
    assert resident.count == 8
    torch.testing.assert_close(resident.faces["identity"][5:8], resident.faces["identity"][:3])


def test_a_run_on_resident_data_trains(world, tmp_path):
    folder, assets, photos = world
    torch.manual_seed(0)
    model = Reconstructor(CONFIG.network, *assets)
    config = replace(CONFIG, seed=3)
    data = dataset(config, model, ShardSet(folder), photos)
    before = model.head.identity.weight.detach().clone()
    out = train(model, data, tmp_path, Validation({}, None), accelerator="cpu", devices=1)
    assert out == tmp_path / WEIGHTS
    assert not torch.equal(before, model.head.identity.weight)


def test_spoilt_crops_are_pictures_and_repeat():
    crops = torch.rand(64, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    spoilt = spoil_batch(crops, torch.Generator().manual_seed(2))
    again = spoil_batch(crops, torch.Generator().manual_seed(2))
    assert torch.equal(spoilt, again)
    assert spoilt.min() >= 0
    assert spoilt.max() <= 1
    assert ((spoilt - crops).abs().amax((1, 2, 3)) > 1e-3).float().mean() > 0.9


def test_compression_is_close_to_jpeg():
    """Against OpenCV's JPEG at one quality: our loss of the picture is its loss."""
    from hiface.train import spoil

    rng = np.random.default_rng(0)
    smooth = cv2.GaussianBlur(rng.uniform(0, 255, (64, 64, 3)).astype(np.float32), (0, 0), 2)
    picture = np.clip((smooth - 127) * 5 + 127, 0, 255).astype(np.uint8)
    crops = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    original = spoil.uniform
    try:
        spoil.uniform = lambda rng, shape, low=0.0, high=1.0: torch.full(shape, 30.0)
        ours = spoil._compress(crops, torch.Generator())
    finally:
        spoil.uniform = original
    coded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 30])[1]
    real = torch.from_numpy(cv2.imdecode(coded, 1)[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255
    loss, gap = (real - crops).square().mean().sqrt(), (ours - real).square().mean().sqrt()
    assert gap < 0.6 * loss
