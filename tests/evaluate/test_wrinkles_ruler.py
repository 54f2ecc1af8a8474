"""The wrinkle ruler: correlations, pairs, the band of lines, and what a frown may and may not change."""

import numpy as np
import pytest
import torch

from hiface.errors import ConfigError
from hiface.evaluate.statistics import Bootstrap
from hiface.evaluate.wrinkle_sites import SITES, WrinkleSites
from hiface.evaluate.wrinkles import correlation, frown, frowned, nearer, only, people_of_age
from hiface.model import HiFace
from hiface.reconstructor import NetworkConfig, Reconstructor
from tiny import albedo_model, captures, detail_basis, face_model

FEW = Bootstrap(100)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("assets")
    torch.manual_seed(0)
    config = NetworkConfig(width=0.125, crop=32, mix=16, detail_width=8)
    network = Reconstructor(config, face_model(folder), albedo_model(folder), detail_basis(64))
    return HiFace(network, {"weights_id": "tiny"}, torch.device("cpu"))


@pytest.fixture(scope="module")
def sites(model):
    return WrinkleSites(model.face, model.reconstructor.detail_model.basis)


def test_depth_that_follows_age_has_rank_correlation_one():
    ages = np.linspace(20, 80, 30)
    names = [str(k) for k in range(30)]
    found = correlation(ages, ages**3, names, FEW)
    assert found.rho == pytest.approx(1)
    assert found.interval.low > 0.98
    assert correlation(ages, -ages, names, FEW).rho == pytest.approx(-1)
    noise = correlation(ages, np.random.default_rng(0).normal(size=30), names, FEW)
    assert noise.interval.low < 0 < noise.interval.high
    with pytest.raises(ConfigError, match="three"):
        correlation(np.array([20.0, 30]), np.array([0, 1.0]), ["a", "b"])


def test_photos_of_one_person_are_drawn_together():
    """Ten photos of each of four people say no more than four photos: the interval is as wide."""
    ages, depth = np.array([20.0, 40, 60, 80]), np.array([0.0, 2, 1, 3])
    few = correlation(ages, depth, list("abcd"), FEW)
    many = correlation(ages.repeat(10), depth.repeat(10), [name for name in "abcd" for _ in range(10)], FEW)
    assert many.rho == pytest.approx(few.rho)
    assert many.interval.low == pytest.approx(few.interval.low, abs=0.02)


def test_pairs_won_lost_and_tied():
    rng = np.random.default_rng(0)
    square = rng.uniform(1, 2, (40, 40))
    assert nearer(square - 5 * np.eye(40), FEW).share == 1
    assert nearer(square + 5 * np.eye(40), FEW).share == 0
    assert nearer(np.ones((5, 5)), FEW).share == 0.5
    chance = nearer(square, FEW)
    assert chance.interval.low < 0.5 < chance.interval.high
    with pytest.raises(ConfigError, match="nobody"):
        nearer(np.ones((1, 1)))


def test_every_site_has_skin_and_lines_of_ten_millimetres_pass_it(model, sites):
    assert set(sites.sites) == set(SITES)
    atlas = model.face.atlas(64)
    y = atlas.bake(model.face.mean[None, :169])[0, ..., 1].numpy()
    lines = sites.lines(np.stack([0.2 * np.sin(2 * np.pi * y / 10), 0.2 * np.sin(2 * np.pi * y / 150), 0 * y + 3]))
    relief, rough = sites.relief(lines), sites.roughness(lines)
    for name in SITES:
        assert 0.25 < relief[name][0] < 0.45
        assert relief[name][1] < 0.06
        assert relief[name][2] < 1e-4
        assert rough[name][0] < relief[name][0]


def test_a_frown_changes_no_static_map(model, sites):
    identity, people = people_of_age(model, captures(), 60, 4)
    result = frowned(model, sites, identity, people)
    assert result.static_change == 0
    assert result.deepened.shape == (4,)
    assert np.isfinite(result.deepened).all()
    own = frowned(model, sites, identity, people, true_dynamic=True)
    assert not np.allclose(own.deepened, result.deepened)
    units = {model.face.expression_names[k] for k in frown(model)[0].nonzero()[:, 0].tolist()}
    assert units == {"browDownLeft", "browDownRight"}


def test_people_of_whom_static_detail_alone_is_known_have_no_dynamic_one(model):
    _, people = people_of_age(model, captures(), 40, 3)
    known = only(people, people.static[:2])
    assert len(known) == 2
    assert not known.compressed.any()
    assert known.stretched.shape == (2, 3)
