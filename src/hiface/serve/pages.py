"""What the server makes of one photo: a page for each face."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hiface.errors import NoFaceError
from hiface.model import FaceHint, HiFace
from hiface.photo.read import read_photo
from hiface.view.face_data import page_data
from hiface.view.html import page_text

MOST_FACES = 8
"""Pages made of one photo, largest faces first: a photo of a crowd may not hold up everybody else."""

Step = Callable[[str], None]
MakePages = Callable[[bytes, Step], Iterator[bytes]]
"""A photo's bytes, and whom to tell what is being done; gives one HTML page after another."""


def page_maker(model: HiFace) -> MakePages:
    """Pages by a model."""

    def make(data: bytes, step: Step) -> Iterator[bytes]:
        step("reading the photo")
        photo = read_photo(data)
        step("looking for faces")
        found = model.detector.detect(photo)[:MOST_FACES]
        if not found:
            raise NoFaceError("no face found; crop closer to the face, or take a photo with more light on it")
        for k, face in enumerate(found, 1):
            one = "the face" if len(found) == 1 else f"face {k} of {len(found)}"
            step(f"shaping {one}")
            hint = FaceHint(box_xyxy=face.box_xyxy, points5=face.points5)
            result = model.reconstruct(photo.pixels, hint=hint)[0]
            step(f"writing the page of {one}")
            yield page_text(page_data(result), "your photo" if len(found) == 1 else f"face {k}").encode()

    return make
