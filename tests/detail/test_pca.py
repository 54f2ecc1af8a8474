"""Principal components: exact on low-rank maps, unit variance, orthogonal under the weight."""

import numpy as np
import pytest

from hiface.detail.pca import fit
from hiface.errors import ConfigError


def low_rank(rank: int = 3, people: int = 40, texels: int = 60):
    rng = np.random.default_rng(0)
    maps = 2 + rng.normal(size=(people, rank)) * [3, 2, 1] @ rng.normal(size=(rank, texels))
    return maps, rng.uniform(0.2, 2, texels)


def test_low_rank_maps_come_back():
    maps, weight = low_rank()
    components = fit(maps, weight, 3)
    coefficients = components.coefficients(maps)
    np.testing.assert_allclose(components.mean + coefficients @ components.modes, maps, atol=1e-9)
    assert components.explained(maps, [3])[3] == pytest.approx(1)


def test_coefficients_have_mean_0_and_variance_1_and_modes_are_orthogonal():
    maps, weight = low_rank()
    components = fit(maps, weight, 3)
    coefficients = components.coefficients(maps)
    np.testing.assert_allclose(coefficients.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(coefficients.T @ coefficients / len(maps), np.eye(3), atol=1e-9)
    gram = (components.modes * weight) @ components.modes.T
    np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-8)
    assert (np.diff(np.diag(gram)) < 0).all()


def test_explained_share_grows_and_is_honest_on_other_maps():
    rng = np.random.default_rng(1)
    maps = rng.normal(size=(50, 30))
    components = fit(maps[:40], np.ones(30), 20)
    shares = list(components.explained(maps[40:], [1, 5, 20]).values())
    assert shares == sorted(shares)
    residual = maps[40:] - components.mean - components.coefficients(maps[40:]) @ components.modes
    total = maps[40:] - components.mean
    assert shares[-1] == pytest.approx(1 - (residual**2).sum() / (total**2).sum())


def test_a_heavier_texel_is_explained_first():
    rng = np.random.default_rng(2)
    maps = rng.normal(size=(100, 2))
    assert np.abs(fit(maps, np.array([100.0, 1.0]), 1).modes[0]).argmax() == 0
    assert np.abs(fit(maps, np.array([1.0, 100.0]), 1).modes[0]).argmax() == 1


def test_too_many_modes_are_refused():
    maps, weight = low_rank()
    with pytest.raises(ConfigError, match="need more than 40 usable maps"):
        fit(maps, weight, 40)
    with pytest.raises(ConfigError, match="only 3 independent modes"):
        fit(maps, weight, 5)
