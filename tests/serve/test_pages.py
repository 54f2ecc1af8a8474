"""Photos through the shipped weights to pages."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import hiface
from hiface.errors import NoFaceError, PhotoError
from hiface.serve.pages import page_maker

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


@pytest.fixture(scope="module")
def make():
    return page_maker(hiface.load(device="cpu"))


def test_every_face_of_a_photo_has_its_page(make):
    steps = []
    one = cv2.imread(str(PHOTO))
    two = cv2.imencode(".jpg", np.hstack([one, one[:, ::-1]]))[1].tobytes()
    pages = list(make(two, steps.append))
    assert len(pages) == 2
    assert pages[0] != pages[1]
    for page in pages:
        assert page.startswith(b"<!doctype html>")
        assert page.rstrip().endswith(b"</html>")
    assert steps[:3] == ["reading the photo", "looking for faces", "shaping face 1 of 2"]


def test_photos_that_are_none(make):
    empty = cv2.imencode(".png", np.full((300, 300, 3), 90, np.uint8))[1].tobytes()
    with pytest.raises(NoFaceError, match="no face found"):
        list(make(empty, print))
    with pytest.raises(PhotoError, match=r"damaged|decoded"):
        list(make(PHOTO.read_bytes()[:900], print))
