"""Portraits and sheets on the shipped face: same seed, same people; modes move what they should."""

from __future__ import annotations

import numpy as np
import pytest

from hiface.errors import ConfigError
from hiface.export.portrait import Studio, grid, grid_size, modes_sheet, people_sheet


@pytest.fixture(scope="module")
def studio():
    return Studio.load()


def test_a_seed_is_a_person_whatever_the_look_and_the_mood(studio):
    calm, moved = (studio.draw(np.random.default_rng([3, 1]), expressive) for expressive in (False, True))
    assert (calm.identity == moved.identity).all()
    assert (calm.detail.static == moved.detail.static).all()
    assert calm.eyes == moved.eyes
    assert calm.yaw == moved.yaw
    assert not calm.expression.any()
    assert moved.expression.any()


def test_the_head_is_in_the_middle_of_its_portrait(studio):
    person = studio.draw(np.random.default_rng(0), False)
    picture = studio.portrait(person, 64, "clay").astype(int).sum(2)
    columns = np.flatnonzero((picture[8:32] > 200).any(0))
    assert abs((columns.min() + columns.max()) / 2 - 31.5) < 4


def test_sheets_repeat_and_differ_by_seed(studio):
    first, again, other = (people_sheet(studio, 1, 2, seed, "clay", side=48) for seed in (0, 0, 1))
    assert first.shape == (48, 96, 3)
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("kind", ["identity", "expression", "albedo", "static"])
def test_a_row_of_a_mode_has_the_usual_face_and_two_others(studio, kind):
    cells = np.split(modes_sheet(studio, kind, 1, side=64), 3, axis=1)
    usual = 0 if kind == "expression" else 1
    for k, cell in enumerate(cells):
        assert (cell != cells[usual]).any() == (k != usual)


def test_what_is_no_look_mode_or_grid_is_refused(studio):
    with pytest.raises(ConfigError, match="oil"):
        studio.portrait(studio.usual(), 32, "oil")
    with pytest.raises(ConfigError, match="mood"):
        modes_sheet(studio, "mood")
    for text in ("6", "6x", "0x3", "axb"):
        with pytest.raises(ConfigError, match="ROWSxCOLUMNS"):
            grid_size(text)


def test_a_grid_fills_its_last_row():
    assert grid([np.zeros((4, 4, 3), np.uint8)] * 3, 2).shape == (8, 8, 3)
