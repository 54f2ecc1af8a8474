"""Clay pictures in which wrinkles show: any pose, a light that grazes the face, close-ups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from hiface.export.clay import RAKING, key_shadow, openness
from hiface.export.pictures import cavity, clay, on_ground, overlay, srgb
from hiface.export.seen import look_at, with_relief
from hiface.face.model import FaceModel


@dataclass(frozen=True)
class Frame:
    """What a picture shows of a posed face: a square of `width_mm` round a centre, mm."""

    centre: tuple[float, float]
    width_mm: float


def sculpture(
    face: FaceModel,
    posed: Float[np.ndarray, "V 3"],
    displacement: Float[np.ndarray, "R R"] | None,
    frame: Frame,
    side: int = 384,
    towards: Float[np.ndarray, "3"] = RAKING,
) -> UInt8[np.ndarray, "S S 3"]:
    """The face in clay on a dark ground, sRGB; `displacement` (mm, face tile) as relief, None for the coarse face.
    `towards` is the unit direction of the key light."""
    moved = np.asarray(posed, np.float32) - np.array([*frame.centre, 0], np.float32)
    seen = look_at(face, moved, 1 / frame.width_mm, side)
    lit, share = key_shadow(seen, towards), openness(seen)
    if displacement is None:
        return on_ground(srgb(clay(seen, seen.normal, share, lit, towards)), seen)
    share = share * cavity(seen, displacement)
    return on_ground(srgb(clay(seen, with_relief(seen, face, displacement), share, lit, towards)), seen)


def whole_face(face: FaceModel, posed: Float[np.ndarray, "V 3"], margin: float = 1.06) -> Frame:
    """The frame that holds the posed face, ears and neck left out."""
    return _round(posed[face.region("face_narrow")], margin)


def over_photo(
    face: FaceModel, posed: Float[np.ndarray, "V 3"], frame: Frame, crop: UInt8[np.ndarray, "S S 3"]
) -> UInt8[np.ndarray, "S S 3"]:
    """The coarse face in clay over the photo that it was posed to; `frame` is the crop's."""
    moved = np.asarray(posed, np.float32) - np.array([*frame.centre, 0], np.float32)
    seen = look_at(face, moved, 1 / frame.width_mm, len(crop))
    return overlay(crop, seen, face, clay(seen, seen.normal, openness(seen), key_shadow(seen)))


def _round(points: Float[np.ndarray, "N 3"], margin: float) -> Frame:
    low, high = points.min(0)[:2], points.max(0)[:2]
    middle = (low + high) / 2
    return Frame((float(middle[0]), float(middle[1])), margin * float((high - low).max()))
