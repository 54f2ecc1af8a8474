"""One wide picture of a face: photo, overlay, coarse, detailed and textured side by side."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from hiface.errors import ConfigError
from hiface.export.pictures import FacePictures

CAPTIONS = ("photo", "overlay", "coarse", "detailed", "textured")
_MARGIN, _GAP, _FOOT = 1 / 20, 1 / 40, 1 / 12
"""Outer margin, gap between pictures and height of the captions' row, parts of a picture's side."""
_GROUND, _INK = (24, 25, 27), (168, 170, 174)
_CORNER = 1 / 50
"""Radius of the pictures' rounded corners."""
_FINER = 4


def overview(
    crop: UInt8[np.ndarray, "S S 3"], pictures: FacePictures, captions: Sequence[str] = CAPTIONS
) -> UInt8[np.ndarray, "H W 3"]:
    """The crop and its four pictures in a row, with captions, on a dark neutral ground; sRGB."""
    return row_of([crop, pictures.overlay, pictures.coarse, pictures.detailed, pictures.textured], captions)


def row_of(pictures: Sequence[UInt8[np.ndarray, "S S 3"]], captions: Sequence[str]) -> UInt8[np.ndarray, "H W 3"]:
    """Pictures of one size in a row, each with its caption below (ASCII; an empty one for none).

    Raises `ConfigError` when there are none, when sizes differ, or captions are of another number.
    """
    if not pictures or len(captions) != len(pictures) or len({p.shape for p in pictures}) > 1:
        shapes = [p.shape for p in pictures]
        raise ConfigError(f"expected pictures of one shape and a caption each, got {shapes} and {len(captions)}")
    side = len(pictures[0])
    margin, gap, foot = (round(part * side) for part in (_MARGIN, _GAP, _FOOT))
    width = 2 * margin + len(pictures) * side + (len(pictures) - 1) * gap
    sheet = np.full((margin + side + foot, width, 3), _GROUND, np.uint8)
    corners = _rounded(side)
    for k, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left = margin + k * (side + gap)
        place = sheet[margin : margin + side, left : left + side]
        place[:] = place + corners * (picture.astype(np.float32) - place) + 0.5
        _write(sheet[margin + side :, left : left + side], caption)
    return sheet


def _rounded(side: int) -> Float[np.ndarray, "S S 1"]:
    """1 inside a square with rounded corners, smooth at them."""
    radius = _CORNER * side
    axis = np.abs(np.arange(side) + 0.5 - side / 2) - (side / 2 - radius)
    x, y = np.meshgrid(np.maximum(axis, 0), np.maximum(axis, 0))
    return np.asarray(np.clip(radius - np.hypot(x, y) + 0.5, 0, 1)[..., None], np.float32)


def _write(strip: UInt8[np.ndarray, "H W 3"], text: str) -> None:
    """Text in the middle of a strip: drawn four times as large and averaged, which OpenCV's own smoothing
    is not fine enough for."""
    height, width = (_FINER * n for n in strip.shape[:2])
    font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(0.036 * height))
    size = 0.30 * height / cv2.getTextSize("x", font, 1.0, 1)[0][1]
    (wide, _), _ = cv2.getTextSize(text, font, size, thickness)
    large = np.zeros((height, width), np.uint8)
    cv2.putText(large, text, ((width - wide) // 2, round(0.62 * height)), font, size, 255, thickness, cv2.LINE_AA)
    cover = cv2.resize(large, strip.shape[1::-1], interpolation=cv2.INTER_AREA)[..., None] / np.float32(255)
    strip[:] = strip + cover * (np.array(_INK, np.float32) - strip) + 0.5
