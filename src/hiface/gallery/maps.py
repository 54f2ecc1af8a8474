"""Displacement and tension maps in colour: blue below 0, pale at 0, red above, with a scale."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from hiface.gallery.sheets import GROUND

_STOPS = np.array([(33, 70, 140), (103, 155, 205), (238, 236, 230), (222, 138, 100), (150, 36, 46)], np.float32)


def coloured(
    values: Float[np.ndarray, "R R"], mask: Bool[np.ndarray, "R R"], most: float, side: int, unit: str = ""
) -> UInt8[np.ndarray, "S S 3"]:
    """The face's part of a map between −`most` and `most`, with its scale; the ground's colour outside the mask."""
    cover, (top, left, width) = _face_of(mask)
    place = np.clip(values / most, -1, 1) * 0.5 + 0.5
    colours = np.stack([np.interp(place, np.linspace(0, 1, len(_STOPS)), _STOPS[:, k]) for k in range(3)], -1)
    picture = np.array(GROUND) + cover[..., None] * (colours - np.array(GROUND))
    cut = np.ascontiguousarray(picture[top : top + width, left : left + width], np.float32)
    foot = side // 9
    inner = side - foot
    how = cv2.INTER_AREA if width > inner else cv2.INTER_CUBIC
    result = np.full((side, side, 3), GROUND, np.uint8)
    at = (side - inner) // 2
    result[:inner, at : at + inner] = np.clip(cv2.resize(cut, (inner, inner), interpolation=how), 0, 255)
    _legend(result, most, unit)
    return result


def _face_of(mask: Bool[np.ndarray, "R R"]) -> tuple[Float[np.ndarray, "R R"], tuple[int, int, int]]:
    """The largest patch of the mask with a soft border, and the square round it: top, left, width."""
    kernel = np.ones((3, 3), np.uint8)
    whole = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(whole)
    if count < 2:
        return mask.astype(np.float32), (0, 0, len(mask))
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    face = (labels == largest).astype(np.float32)
    cover = np.clip(2 * cv2.GaussianBlur(face, (0, 0), 1.2) - 0.5, 0, 1)
    left, top, wide, high = (int(n) for n in stats[largest, :4])
    width = min(len(mask), max(wide, high) + 4)
    corner = [int(np.clip(c + n / 2 - width / 2, 0, len(mask) - width)) for c, n in ((top, high), (left, wide))]
    return cover, (corner[0], corner[1], width)


def _legend(picture: UInt8[np.ndarray, "S S 3"], most: float, unit: str) -> None:
    side = len(picture)
    wide, high, top = side // 3, max(4, side // 45), side - side // 14
    left = (side - wide) // 2
    strip = np.stack([np.interp(np.linspace(0, 4, wide), np.arange(5), _STOPS[:, k]) for k in range(3)], -1)
    picture[top : top + high, left : left + wide] = strip
    for text, x in ((f"-{most:g}", left - side // 8), (f"{most:g} {unit}".strip(), left + wide + side // 40)):
        size = side / 750
        cv2.putText(picture, text, (x, top + high), cv2.FONT_HERSHEY_SIMPLEX, size, (210, 212, 216), 1, cv2.LINE_AA)
