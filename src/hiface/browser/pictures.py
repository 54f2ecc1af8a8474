"""Pictures that are the same for all faces: lashes, and the eyes in every colour."""

from __future__ import annotations

from typing import Any

from hiface.export.eye_colour import white_of
from hiface.export.eyes import IRIS_RADIUS, PUPIL_RADIUS, EyeTextures
from hiface.export.folder import EYES
from hiface.export.lashes import lash_texture
from hiface.view.face_pictures import jpeg, png


def pictures_for_all() -> dict[str, bytes]:
    """Encoded, by name: `lashes`, `eyes.COLOUR`."""
    eyes = EyeTextures.load()
    return {
        "lashes": png(lash_texture()),
        **{f"eyes.{colour}": jpeg(eyes.map(colour, EYES)) for colour in eyes.colours},
    }


def eye_constants() -> dict[str, Any]:
    """Colours by name, the linear colour of the white, and the radii of iris and pupil in the tile."""
    eyes = EyeTextures.load()
    return {
        "colours": list(eyes.colours), "white": white_of(eyes).tolist(), "iris": IRIS_RADIUS, "pupil": PUPIL_RADIUS,
    }  # fmt: skip
