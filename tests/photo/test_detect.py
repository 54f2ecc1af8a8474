"""The face detector on a known photo: it finds the face wherever, however large and however turned it is."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import skimage.data

from hiface.photo.detect import Face, FaceDetector, overlap, without_repeats
from hiface.photo.read import read_photo

BOX = np.array([175.0, 62.0, 273.0, 197.0])
"""Of the astronaut's face in the half of the photo that `photo` holds, drawn by hand."""
RIGHT_EYE, LEFT_EYE, NOSE = (200, 112), (245, 112), (222, 135)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.ascontiguousarray(skimage.data.astronaut()[:320, :420])


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


def only(faces: list[Face]) -> Face:
    assert len(faces) == 1
    return faces[0]


def test_finds_the_astronaut(photo, detector):
    face = only(detector.detect(read_photo(photo)))
    assert overlap(face.box_xyxy, BOX) > 0.6
    assert face.score > 0.85
    assert face.points5[0, 0] < face.points5[1, 0]  # the subject's right eye is at the left of the picture
    assert face.points5[:2, 1].max() < face.points5[2, 1] < face.points5[3:, 1].min()


@pytest.mark.parametrize("scale", [0.2, 0.5, 2.5, 6.0])
def test_size_of_the_photo_does_not_matter(photo, detector, scale):
    plain = only(detector.detect(photo))
    face = only(detector.detect(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)))
    assert overlap(face.box_xyxy / scale, plain.box_xyxy) > 0.75
    assert np.abs(face.points5 / scale - plain.points5).max() < 0.12 * plain.size


def test_a_face_that_fills_the_frame(photo, detector):
    left, top, right, bottom = (BOX + np.array([8, 15, -8, -5])).astype(int)
    close = cv2.resize(photo[top:bottom, left:right], None, fx=10, fy=10, interpolation=cv2.INTER_CUBIC)
    face = detector.detect(close)[0]
    assert overlap(face.box_xyxy / 10 + [left, top, left, top], BOX) > 0.5


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_photo_that_lies_on_its_side(photo, detector, quarters):
    plain = only(detector.detect(photo))
    face = detector.detect(np.rot90(photo, quarters))[0]
    back = _turned_back(face.points5, quarters, photo.shape[1], photo.shape[0])
    assert np.linalg.norm(back - plain.points5, axis=1).max() < 0.15 * plain.size
    corners = _turned_back(face.box_xyxy.reshape(2, 2), quarters, photo.shape[1], photo.shape[0])
    assert overlap(np.concatenate([corners.min(0), corners.max(0)]), plain.box_xyxy) > 0.65


def _turned_back(points: np.ndarray, quarters: int, width: int, height: int) -> np.ndarray:
    """Points of `np.rot90(photo, quarters)` (anticlockwise) in the photo."""
    for k in range(quarters, 0, -1):
        wide = width if k % 2 else height  # of the photo before this quarter turn
        points = np.stack([wide - points[:, 1], points[:, 0]], axis=1)
    return points


def test_nothing_where_there_is_nobody(detector):
    assert detector.detect(np.full((200, 300, 3), 128, np.uint8)) == []
    assert detector.detect(np.ascontiguousarray(skimage.data.coffee()[:300, :300])) == []


def test_odd_shapes_are_no_obstacle(detector):
    assert detector.detect(np.zeros((32, 4000, 3), np.uint8)) == []
    assert detector.detect(np.zeros((4000, 32, 3), np.uint8)) == []


def test_several_faces_come_largest_first(photo, detector):
    canvas = np.full((420, 900, 3), 90, np.uint8)
    small = cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    canvas[:160, :210] = small
    canvas[60:380, 400:820] = photo
    first, second = detector.detect(canvas)
    assert overlap(first.box_xyxy - [400, 60, 400, 60], BOX) > 0.6
    assert overlap(second.box_xyxy * 2, BOX) > 0.6


def test_same_answer_every_time_and_from_every_thread(photo, detector):
    plain = only(detector.detect(photo))
    with ThreadPoolExecutor(3) as pool:
        for faces in pool.map(detector.detect, [photo] * 4):
            face = only(faces)
            assert np.array_equal(face.box_xyxy, plain.box_xyxy)
            assert np.array_equal(face.points5, plain.points5)


def test_repeats_and_parts_of_a_face_are_dropped():
    def face(box, score):
        return Face(np.array(box, float), np.zeros((5, 2)), score)

    whole, shifted = face([0, 0, 100, 100], 0.9), face([5, 0, 105, 100], 0.8)
    part = face([10, 10, 50, 50], 0.7)
    neighbour = face([90, 0, 190, 100], 0.65)
    assert without_repeats([part, shifted, neighbour, whole]) == [whole, neighbour]
    assert overlap(whole.box_xyxy, neighbour.box_xyxy) == pytest.approx(10 / 190)
    assert overlap(whole.box_xyxy, np.array([200.0, 0, 300, 100])) == 0
