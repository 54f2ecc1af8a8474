"""The crop rule: pixels land where the matrix says, and the square follows the face however it lies."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hiface.errors import PhotoError
from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE
from hiface.photo import crop as rule
from hiface.photo.crop import (
    CropBox,
    crop_from_box,
    crop_from_landmarks,
    crop_from_landmarks478,
    crop_from_points5,
    crop_pixels,
    photo_from_crop,
    transform_points,
)


def view(yaw: float = 0, pitch: float = 0, roll: float = 0, scale: float = 1.0) -> np.ndarray:
    """A (2, 3): orthographic camera, degrees; image y points down."""
    y, p, r = np.radians([yaw, pitch, roll])
    turn = np.array([[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]])
    nod = np.array([[1, 0, 0], [0, math.cos(p), -math.sin(p)], [0, math.sin(p), math.cos(p)]])
    tilt = np.array([[math.cos(r), -math.sin(r)], [math.sin(r), math.cos(r)]])
    return scale * tilt @ np.diag([1, -1]) @ (nod @ turn)[:2]


def seen(points: np.ndarray, camera: np.ndarray, shift=(300.0, 200.0)) -> np.ndarray:
    return points @ camera.T + shift


boxes = st.builds(
    CropBox,
    st.tuples(st.floats(-50, 250), st.floats(-50, 250)),
    st.floats(5, 900),
    st.floats(-math.pi, math.pi),
)


@given(boxes, st.integers(8, 300))
@settings(max_examples=50, deadline=None)
def test_the_matrix_takes_the_square_to_the_photo(box, side):
    matrix = photo_from_crop(box, side)
    middle = transform_points(matrix, np.full((1, 2), side / 2))[0]
    assert np.allclose(middle, box.centre)
    corners = transform_points(matrix, np.array([[0.0, 0], [side, 0], [0, side]]))
    right, down = corners[1] - corners[0], corners[2] - corners[0]
    assert np.allclose([np.linalg.norm(right), np.linalg.norm(down)], box.side)
    assert np.allclose(right, box.side * np.array([math.cos(box.roll), math.sin(box.roll)]))
    assert abs(right @ down) < 1e-6 * box.side**2
    back = transform_points(np.linalg.inv(matrix), corners)
    assert np.allclose(back, [[0, 0], [side, 0], [0, side]], atol=1e-6 * side)


@pytest.mark.parametrize("ratio", [0.4, 1.0, 1.3, 1.999, 2.0, 3.7, 9.5])
@pytest.mark.parametrize("roll", [0.0, 0.4, -2.2])
def test_a_dot_lands_where_the_matrix_says(ratio, roll):
    side = 64
    box = CropBox((430.3, 391.7), side * ratio, roll)
    target = np.array([side * 0.62, side * 0.37])
    x, y = transform_points(photo_from_crop(box, side), target)
    rows, columns = np.mgrid[0:800, 0:800] + 0.5
    spread = max(1.5 * ratio, 1.2)
    dot = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * spread**2))
    photo = np.repeat(dot.round().astype(np.uint8)[:, :, None], 3, axis=2)
    crop = crop_pixels(photo, box, side).astype(float)
    rows, columns = np.mgrid[0:side, 0:side] + 0.5
    weight = crop[:, :, 1] / crop[:, :, 1].sum()
    assert np.hypot((weight * columns).sum() - target[0], (weight * rows).sum() - target[1]) < 0.1


def test_a_crop_of_whole_pixels_is_the_photo_itself():
    photo = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    assert np.array_equal(crop_pixels(photo, CropBox((21.0, 17.0), 16.0, 0.0), 16), photo[9:25, 13:29])
    quarter = crop_pixels(photo, CropBox((21.0, 17.0), 16.0, math.pi / 2), 16)
    assert np.array_equal(quarter, np.rot90(photo[9:25, 13:29]))


def test_turning_the_photo_turns_the_box_and_leaves_the_crop():
    photo = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)
    box = CropBox((35.0, 28.0), 40.0, 0.3)
    turned = np.ascontiguousarray(np.rot90(photo, -1))  # clockwise: (x, y) goes to (60 - y, x)
    turned_box = CropBox((60 - 28.0, 35.0), 40.0, 0.3 + math.pi / 2)
    difference = crop_pixels(photo, box, 32).astype(int) - crop_pixels(turned, turned_box, 32)
    assert np.abs(difference).max() <= 12  # OpenCV rounds positions to 1/32 px, and this is noise
    assert np.abs(difference).mean() < 1.5


@pytest.mark.parametrize("side", [16, 100])
def test_edge_pixels_are_repeated_outside_the_photo(side):
    photo = np.zeros((60, 50, 3), np.uint8)
    photo[:, 0], photo[:, -1] = (200, 10, 60), (30, 220, 90)
    left = crop_pixels(photo, CropBox((-40.0, 30.0), 60.0, 0.0), side)
    right = crop_pixels(photo, CropBox((95.0, 30.0), 60.0, 0.2), side)
    assert (left == (200, 10, 60)).all()
    assert (right == (30, 220, 90)).all()


def test_shrinking_averages_instead_of_sampling():
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    for side in (200, 128, 51):
        crop = crop_pixels(stripes, CropBox((256.0, 256.0), 500.0, 0.1), side)
        assert np.abs(crop.astype(float) - 127.5).max() < 45
        assert abs(crop.mean() - 127.5) < 2


def test_a_square_much_larger_than_the_photo_stays_cheap_and_right():
    photo = np.full((40, 30, 3), 90, np.uint8)
    assert (crop_pixels(photo, CropBox((15.0, 20.0), 1e6, 0.7), 32) == 90).all()


@given(st.floats(-180, 180), st.floats(0.2, 8), st.floats(-500, 500), st.floats(-500, 500))
@settings(max_examples=50, deadline=None)
def test_the_box_follows_turn_scale_and_shift_of_the_picture(roll, scale, x, y):
    box = crop_from_landmarks(seen(rule.MEAN68, view(roll=roll, scale=scale), (x, y)))
    plain = crop_from_landmarks(seen(rule.MEAN68, view(), (0, 0)))
    r = math.radians(roll)
    turn = scale * np.array([[math.cos(r), -math.sin(r)], [math.sin(r), math.cos(r)]])
    assert np.allclose(box.centre, turn @ plain.centre + [x, y], atol=1e-6)
    assert math.isclose(box.side, scale * plain.side, rel_tol=1e-9)
    assert math.cos(box.roll - r) > 1 - 1e-9


@pytest.mark.parametrize("yaw", [0, 20, -45, 70])
@pytest.mark.parametrize("pitch", [0, 20, -25])
def test_size_and_centre_hold_still_when_the_head_turns(yaw, pitch):
    camera = view(yaw, pitch)
    for points, call in ((rule.MEAN68, crop_from_landmarks), (rule.MEAN5, _by_fit5)):
        box = call(seen(points, camera))
        assert abs(box.side / rule.SIDE_MM - 1) < 0.09
        shift = np.asarray(box.centre) - seen(rule.CENTRE_MM, camera)
        assert np.linalg.norm(shift) < 0.06 * rule.SIDE_MM


def _by_fit5(points):
    return rule._read_off(*rule._affine_view(points, rule.MEAN5, rule.RIDGE5))


@pytest.mark.parametrize("roll", [0, 33, -120])
def test_all_sources_agree_on_a_frontal_face(roll):
    camera = view(roll=roll, scale=2.0)
    truth = crop_from_landmarks(seen(rule.MEAN68, camera))
    points478 = np.zeros((478, 2))
    points478[list(IBUG68_OF_MEDIAPIPE)] = seen(rule.MEAN68, camera)
    assert crop_from_landmarks478(points478) == truth
    middle = seen(np.array([0.0, 13.0, 50.0]), camera)
    half = np.array([73.0, 92.0]) * 2
    box = np.concatenate([middle - half, middle + half])
    assert _difference(crop_from_points5(seen(rule.MEAN5, camera), box), truth, rule.SIDE_MM * 2) < 0.04
    assert _difference(crop_from_box(box, math.radians(roll)), truth, rule.SIDE_MM * 2) < 0.04


def _difference(box: CropBox, truth: CropBox, side: float) -> float:
    apart = math.dist(box.centre, truth.centre) / side
    return max(apart, abs(math.log(box.side / truth.side)), 1 - math.cos(box.roll - truth.roll))


def test_every_landmark_is_inside_with_a_margin():
    for yaw, pitch in ((0, 0), (60, 0), (-60, 20), (0, -30)):
        points = seen(rule.MEAN68, view(yaw, pitch, 25, 1.7))
        inside = transform_points(np.linalg.inv(photo_from_crop(crop_from_landmarks(points), 100)), points)
        assert inside.min() > 5
        assert inside.max() < 95


def test_mirrored_faces_have_mirrored_boxes():
    points = seen(rule.MEAN68, view(30, 10, 12))
    mirrored = np.array([600.0, 0]) + seen(rule.MEAN68, view(-30, 10, -12), (0, 200)) + [-300.0, 0]
    a, b = crop_from_landmarks(points), crop_from_landmarks(mirrored)
    assert np.allclose([600 - a.centre[0], a.centre[1], a.side, -a.roll], [*b.centre, b.side, b.roll])


def test_what_is_no_face_is_refused():
    for points in (np.zeros((67, 2)), np.full((68, 2), np.nan), np.zeros((68, 2))):
        with pytest.raises(PhotoError, match="landmarks"):
            crop_from_landmarks(points)
    for box in ((5.0, 0.0, 5.0, 9.0), (0.0, 0.0, np.nan, 9.0)):
        with pytest.raises(PhotoError, match="box"):
            crop_from_box(np.array(box))
