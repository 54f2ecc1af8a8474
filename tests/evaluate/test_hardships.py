"""Hardships: each hides or spoils what it says, more at higher strengths, the same again for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from hiface.evaluate.hardship_things import THINGS, Frame, filled, smoothed, worn
from hiface.evaluate.hardship_yaw import EDGES, yaw_degrees, yaw_table
from hiface.evaluate.hardships import SERIES, STEPS, UNITS, Hardship, darkened, hardened, reduced
from hiface.evaluate.plots import Panel, plot_panels
from hiface.face.landmarks import FACE_OVAL, IBUG68_OF_MEDIAPIPE, LEFT_EYE, RIGHT_EYE
from hiface.geometry.colour import linear_from_srgb
from hiface.photo.crop import MEAN68
from hiface.synth.people import axis_angle, turn

SIDE = 240


@pytest.fixture(scope="module")
def points():
    """Something like a frontal face: an oval, two eyes, a line from chin to forehead, and the 68."""
    middle, found = np.array([120.0, 120.0]), np.full((478, 2), 120.0)
    found[list(IBUG68_OF_MEDIAPIPE)] = middle + MEAN68[:, :2] * [1, -1] * 0.9
    angle = np.linspace(0, 2 * np.pi, len(FACE_OVAL), endpoint=False)
    found[list(FACE_OVAL)] = middle + np.stack([60 * np.sin(angle), -80 * np.cos(angle)], 1)
    for contour, x in ((RIGHT_EYE, 92), (LEFT_EYE, 148)):
        turn_ = np.linspace(0, 2 * np.pi, len(contour), endpoint=False)
        found[list(contour)] = np.stack([x + 12 * np.cos(turn_), 100 + 5 * np.sin(turn_)], 1)
    heights = {9: 88, 197: 108, 5: 118, 2: 132, 17: 160, 10: 40, 152: 200, 1: 125}
    for k, y in heights.items():
        found[k] = [120, y]
    sides = {101: 118, 330: 118, 50: 126, 280: 126, 206: 138, 426: 138, 204: 160, 424: 160}
    for k, y in sides.items():
        found[k] = [95 if k < 250 else 145, y]
    return found


@pytest.fixture(scope="module")
def photo():
    rng = np.random.default_rng(0)
    return rng.integers(90, 160, (SIDE, SIDE, 3), np.uint8)


def changed(photo, points, kind, strength, part):
    """Which part of a region is no longer the photo's."""
    hard = hardened(photo, points, Hardship(kind, strength), seed=5)
    return float((np.abs(hard.astype(int) - photo).max(-1) > 8)[part].mean())


@pytest.mark.parametrize("kind", ["mask", "hat", "hand"])
def test_things_hide_more_of_the_face_at_higher_strengths(photo, points, kind):
    face = filled(photo.shape, points[list(FACE_OVAL)]) > 0.5
    hidden = [changed(photo, points, kind, s, face) for s in (0.25, 0.5, 1.0)]
    assert hidden[0] < hidden[1] < hidden[2]
    assert hidden[2] > 0.25


def test_a_full_mask_hides_the_mouth_and_leaves_the_eyes(photo, points):
    rows = np.zeros((SIDE, SIDE), bool)
    mouth, eyes = rows.copy(), rows.copy()
    mouth[140:170, 100:140] = True
    eyes[92:104, 80:160] = True
    assert changed(photo, points, "mask", 1.0, mouth) > 0.9
    assert changed(photo, points, "mask", 1.0, eyes) < 0.05
    assert changed(photo, points, "sunglasses", 1.0, eyes) > 0.7
    assert changed(photo, points, "sunglasses", 1.0, mouth) == 0


@pytest.mark.parametrize("kind", THINGS)
def test_a_seed_draws_the_same_again(photo, points, kind):
    first, again, other = (worn(photo, points, kind, 0.75, np.random.default_rng(s)) for s in (1, 1, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == photo.shape


def test_darkness_takes_the_light_it_says(photo):
    for stops in STEPS["low light"]:
        dark = darkened(photo, 2.0**stops, np.random.default_rng(0))
        light = [linear_from_srgb(p.astype(np.float64) / 255).mean() for p in (dark, photo)]
        assert light[0] / light[1] == pytest.approx(2.0**stops, rel=0.05)


def test_small_faces_have_the_pixels_they_say(photo, points):
    for pixels in STEPS["small"]:
        hard = hardened(photo, points, Hardship("small", pixels), 0)
        assert np.ptp(points, 0).max() * hard.shape[0] / SIDE == pytest.approx(pixels, rel=0.03)
    assert reduced(photo, 1.2) is photo


def test_blur_takes_contrast_and_nothing_leaves_the_photo(photo, points):
    spread = [hardened(photo, points, Hardship("blur", s), 0).std() for s in STEPS["blur"]]
    assert spread == sorted(spread, reverse=True)
    assert hardened(photo, points, SERIES[0], 0) is photo


def test_the_series_begins_clean_and_names_are_its_own():
    assert SERIES[0] == Hardship()
    assert len({h.title for h in SERIES}) == len(SERIES)
    assert set(STEPS) == set(UNITS)
    assert not any(h.mirror for h in SERIES)


def test_a_face_frame_turns_with_the_face(points):
    angle = np.radians(20)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    upright, turned = Frame.of(points), Frame.of(points @ rotation.T)
    assert turned.right == pytest.approx(rotation @ upright.right)
    assert turned.up == pytest.approx(rotation @ upright.up)
    assert turned.apart == pytest.approx(upright.apart)


def test_smoothing_keeps_the_ends_of_a_line():
    line = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0]])
    soft = smoothed(line, closed=False)
    assert soft[0] == pytest.approx(line[0])
    assert soft[-1] == pytest.approx(line[-1])
    assert len(soft) > len(line)


@pytest.mark.parametrize("yaw", [-50.0, 0.0, 35.0])
def test_yaw_is_read_off_whatever_pitch_and_roll(yaw):
    vectors = [axis_angle(turn(*np.radians([yaw, pitch, roll]))) for pitch, roll in ((0, 0), (20, -15), (-10, 25))]
    assert yaw_degrees(np.stack(vectors)) == pytest.approx([yaw] * 3, abs=1e-3)


def test_bins_of_yaw_hold_every_face_of_their_range_once():
    yaw = np.array([-70.0, -50.0, -1.0, 1.0, 20.0, 59.0, 60.0])
    ones = np.ones(len(yaw))
    rows = {"yaw": yaw, "points": 2 * ones, "shape": ones, "mean_shape": 2 * ones, "rotation": ones}
    table = yaw_table(rows)
    assert table[0]["faces"] == 5 == sum(r["faces"] for r in table[1:])
    assert {r["of the mean face's"] for r in table} == {0.5}
    assert len(table) == 1 + 5
    assert EDGES[0] == -EDGES[-1]


def test_panels_are_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    panel = Panel("a", "x", "y", np.arange(3), np.arange(3.0), np.arange(3.0) + 1, ["1", "2", "3"], 0.5)
    assert plot_panels(tmp_path / "a.png", [[panel, panel], [panel, panel]], "title").stat().st_size > 1000
