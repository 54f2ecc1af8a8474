"""Drawing detail of people: at the right age, of one person, varied but like the captures."""

import numpy as np
import pytest

from hiface.detail.basis import read_basis, write_basis
from hiface.detail.people import JITTER, Captures, draw_detail
from hiface.errors import AssetError


def captures(people: int = 400) -> Captures:
    """Coefficients that grow with age, and a trait that all three kinds share."""
    rng = np.random.default_rng(0)
    age = np.linspace(5, 90, people)
    trait = rng.normal(size=people)
    grown = (age - 47.5) / 24.5
    arrays = [np.stack([s * grown, s * trait, rng.normal(size=people)], 1) for s in (1, 2, -1)]
    return Captures(age, *arrays)


def draws(age: float, count: int = 300):
    rng, known = np.random.default_rng(1), captures()
    found = [draw_detail(known, age, rng) for _ in range(count)]
    return tuple(np.stack([getattr(d, n) for d in found]) for n in ("static", "compressed", "stretched"))


@pytest.mark.parametrize("age", [5, 30, 80, 100])
def test_age_is_met(age):
    static, _, _ = draws(age)
    expected = (np.clip(age, 8, 87) - 47.5) / 24.5
    assert static[:, 0].mean() == pytest.approx(expected, abs=0.15)


def test_the_three_kinds_belong_to_one_person():
    static, compressed, stretched = draws(50)
    assert np.corrcoef(static[:, 1], compressed[:, 1])[0, 1] > 0.9
    assert np.corrcoef(static[:, 1], stretched[:, 1])[0, 1] < -0.9


def test_variance_stays_and_nobody_is_a_copy():
    static, _, _ = draws(50, 400)
    assert static[:, 2].std() == pytest.approx(np.hypot(1, JITTER), rel=0.2)
    known = captures().static
    nearest = np.abs(static[:50, None] - known[None]).max(-1).min(1)
    assert nearest.min() > 1e-3


def test_a_seed_gives_the_same_face():
    known = captures()
    first, again = (draw_detail(known, 40, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first.static, again.static)


def test_a_basis_without_captures_is_named(tmp_path):
    ones = dict.fromkeys(("static", "compressed", "stretched"), np.ones((1, 4)))
    means = dict.fromkeys(ones, np.ones(4))
    path = tmp_path / "basis.safetensors"
    write_basis(path, np.ones((2, 2)), means, ones, {})
    with pytest.raises(AssetError, match="capture_age"):
        Captures.from_asset(read_basis(path))
