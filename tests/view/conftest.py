"""One reconstructed face and its page, for all tests of the page."""

from pathlib import Path

import pytest

import hiface
from hiface.view.face_data import page_data
from hiface.view.html import page_text

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


@pytest.fixture(scope="session")
def face():
    return hiface.load(device="cpu").reconstruct(PHOTO)[0]


@pytest.fixture(scope="session")
def data(face):
    return page_data(face)


@pytest.fixture(scope="session")
def text(data):
    return page_text(data, "a <b>photo</b>.jpg")
