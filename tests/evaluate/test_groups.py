"""Figures by group: they are those of the values, a copied group has no gap, and chance is told from truth."""

import numpy as np
import pytest

from hiface.errors import ConfigError
from hiface.evaluate.groups import FEW, Measured, drawn_statistics, figures, in_order, interval, largest_gap
from hiface.evaluate.statistics import Bootstrap

BOOTSTRAP = Bootstrap(draws=300)
RNG = np.random.default_rng(0)


def measured(values, names, subjects=None, statistic="median"):
    subjects = np.array([""] * len(values)) if subjects is None else subjects
    return Measured("figure", "mm", np.asarray(values, float), subjects, {"kind": np.asarray(names)}, statistic)


@pytest.mark.parametrize("statistic", ["median", "mean"])
def test_figures_are_those_of_the_values(statistic):
    values, names = RNG.uniform(0, 9, 60), np.repeat(["a", "b", ""], [10, 20, 30])
    found = figures(measured(values, names, statistic=statistic), BOOTSTRAP)
    assert [(f.group, f.subjects) for f in found] == [("all", 60), ("unknown", 30), ("a", 10), ("b", 20)]
    assert found[0].value == getattr(np, statistic)(values)
    assert found[2].value == getattr(np, statistic)(values[:10])
    assert [f.few for f in found[1:]] == [False, True, False]
    assert all(f.interval.low <= f.value <= f.interval.high for f in found)


def test_ages_are_in_order():
    names = ["70+", "3-9", "unknown", "10-19", "0-2"]
    assert sorted(names, key=in_order) == ["unknown", "0-2", "3-9", "10-19", "70+"]


def test_a_group_copied_twice_has_no_gap():
    values = RNG.gamma(2, 1, 50)
    gap = largest_gap(measured(np.tile(values, 2), np.repeat(["a", "b"], 50)), "kind", BOOTSTRAP)
    assert gap.gap == 0
    assert gap.high != gap.low
    assert not gap.excludes_zero
    assert not gap.beyond_chance


def test_a_real_gap_is_beyond_chance_and_an_imagined_one_is_not():
    values = RNG.normal(5, 1, 90)
    names = np.repeat(["a", "b", "c"], 30)
    by_chance = largest_gap(measured(values, names), "kind", BOOTSTRAP)
    assert not by_chance.beyond_chance
    real = largest_gap(measured(values + 3 * (names == "b"), names), "kind", BOOTSTRAP)
    assert real.high == "b"
    assert real.beyond_chance
    assert real.interval.low < real.gap < real.interval.high


def test_small_and_unknown_groups_make_no_gap():
    values, names = RNG.uniform(0, 1, 99), np.repeat(["a", "b", ""], [50, FEW - 1, 30])
    assert largest_gap(measured(values, names), "kind", BOOTSTRAP) is None


def test_many_photos_of_few_people_are_few():
    subjects = np.array([f"person {k % 5}" for k in range(60)])
    found = figures(measured(RNG.uniform(0, 1, 60), ["a"] * 60, subjects), BOOTSTRAP)
    assert found[0].subjects == 5
    assert found[0].few


def test_photos_of_one_person_are_drawn_together():
    values = np.repeat(RNG.normal(0, 1, 12), 30)
    together = interval(values, np.repeat([str(k) for k in range(12)], 30), "mean", BOOTSTRAP)
    apart = interval(values, np.array([""] * 360), "mean", BOOTSTRAP)
    assert together.high - together.low > 3 * (apart.high - apart.low)


def test_drawn_medians_are_medians_of_the_draws():
    values, bootstrap = RNG.uniform(0, 1, 8), Bootstrap(draws=20, seed=3)
    weights = np.random.default_rng(3).multinomial(8, np.full(8, 1 / 8), 20)
    expected = [np.median(np.repeat(values, w)) for w in weights]
    found = drawn_statistics(values, np.arange(8).astype(str), "median", bootstrap)
    np.testing.assert_allclose(found, expected)


def test_a_figure_that_is_no_number_is_refused():
    with pytest.raises(ConfigError, match="finite"):
        measured([1.0, np.nan], ["a", "b"])
