"""Disturbances: none changes nothing, two mirrors are none, and crop, points and photo move alike."""

import cv2
import numpy as np
import pytest

from hiface.evaluate.disturbances import (
    SERIES,
    Disturbance,
    box_in_disturbed,
    displaced,
    displaced_points,
    disturbed_photo,
    in_disturbed,
)
from hiface.photo.crop import MEAN68, CropBox, crop_from_landmarks, crop_pixels

RNG = np.random.default_rng(0)
PIXELS = cv2.GaussianBlur(RNG.integers(0, 255, (90, 120, 3), np.uint8), (0, 0), 3)
BOX = CropBox((58.0, 47.0), 60.0, 0.2)
MIRROR = Disturbance(mirror=True)


def size(pixels):
    return pixels.shape[1], pixels.shape[0]


def test_the_series_begins_with_none_and_none_changes_nothing():
    first = SERIES[0]
    assert first == Disturbance()
    assert displaced(BOX, first) == BOX
    np.testing.assert_array_equal(disturbed_photo(PIXELS, BOX, first), PIXELS)
    assert box_in_disturbed(BOX, size(PIXELS), size(PIXELS), first) == BOX
    assert len(set(SERIES)) == len(SERIES)


def test_two_mirrors_are_none():
    once = disturbed_photo(PIXELS, BOX, MIRROR)
    np.testing.assert_array_equal(disturbed_photo(once, BOX, MIRROR), PIXELS)
    box = box_in_disturbed(BOX, size(PIXELS), size(once), MIRROR)
    assert box.roll == -BOX.roll
    assert box_in_disturbed(box, size(once), size(PIXELS), MIRROR) == BOX


def test_a_mirrored_crop_is_the_crop_in_a_mirror():
    once = disturbed_photo(PIXELS, BOX, MIRROR)
    crop = crop_pixels(once, box_in_disturbed(BOX, size(PIXELS), size(once), MIRROR), 40)
    np.testing.assert_allclose(crop[:, ::-1].astype(int), crop_pixels(PIXELS, BOX, 40), atol=2)


@pytest.mark.parametrize("d", [Disturbance(side=30), Disturbance(side=30, mirror=True)])
def test_a_reduced_crop_shows_the_same(d):
    small = disturbed_photo(PIXELS, BOX, d)
    box = box_in_disturbed(BOX, size(PIXELS), size(small), d)
    assert box.side == pytest.approx(30, rel=0.03)
    (centre,) = in_disturbed(np.array([BOX.centre]), size(PIXELS), size(small), d)
    np.testing.assert_allclose(box.centre, centre)
    crop, whole = crop_pixels(small, box, 20).astype(float), crop_pixels(PIXELS, BOX, 20).astype(float)
    assert np.abs((crop[:, ::-1] if d.mirror else crop) - whole).mean() < 6


def test_a_small_photo_is_not_enlarged():
    assert disturbed_photo(PIXELS, BOX, Disturbance(side=500)).shape == PIXELS.shape


def test_worse_quality_is_worse():
    errors = [np.abs(disturbed_photo(PIXELS, BOX, Disturbance(quality=q)).astype(int) - PIXELS).mean() for q in (90, 5)]
    assert 0 < errors[0] < errors[1]


@pytest.mark.parametrize("d", [d for d in SERIES if not d.of_photo], ids=lambda d: f"{d.kind} {d.strength}")
def test_points_move_as_the_crop_does(d):
    points = 60 + 0.3 * MEAN68[:, :2] * [1, -1] + RNG.normal(0, 0.3, (68, 2))
    box = crop_from_landmarks(points)
    moved, expected = crop_from_landmarks(displaced_points(points, box, d)), displaced(box, d)
    np.testing.assert_allclose(moved.centre, expected.centre, atol=1e-6)
    assert moved.side == pytest.approx(expected.side)
    assert moved.roll == pytest.approx(expected.roll)
