"""The one crop rule: which square of a picture the network sees, for photos and synthetic pictures alike.

**Framing.** A crop is 220 mm wide at the size of the mean face, upright, and centred on the projection of a
point at the height of the nose tip, 80 mm behind it: half way between hairline and chin, and where the
outline of a turned head is centred too. On 5,184 photos the median face outline (MediaPipe's) ends 27 of
the 110 mm before the upper and lower edge, and the nearest in twenty 19 mm.

**Rule.** Landmarks p_i (pixels) are fitted by an affine view of the same points X_i of the mean face (mm),

    p_i ≈ A X_i + t,   A (2, 3) by least squares with a ridge on the column of depth,

and everything is read off A: pixels per millimetre s = |A| / √2 (root mean square of its singular values),
centre A X_0 + t, side 220 s, roll the rotation nearest to A's first two columns. Size and centre so fitted
hold still when the head turns, where the spread of the inner points shrinks by 10 %. The roll levels the
eyes of a frontal face (to 0.6 degrees, median); for a turned and nodding one it halves the angle between
the line of the eyes and the upright of the face, which is never ill-conditioned. The ridge is there because
depth is what faces differ in and landmarks err in; it was chosen so that size has no trend with yaw.

**Other sources** aim at the same square: MediaPipe's 478 points through their 68; YuNet's five points by
the same fit, with five points of the mean face that were solved for on 1,843 photos, averaged with its box;
a box alone. Disagreement with the 68 points on those photos, median and 90th percentile: five points 2.4
and 5.1 % of the side in the centre, 2.6 and 7.4 % in the side, 2.2 and 5.7 degrees in roll; a box alone 2.4
and 5.4 % in the centre, 3.0 and 8.0 % in the side, and it knows no roll.

Pixel (0, 0) of photo and crop is the top-left one and its centre lies at (0.5, 0.5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from hiface.errors import PhotoError
from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE

Array = np.ndarray[Any, np.dtype[Any]]

SIDE_MM = 220.0
"""Side of a crop on the mean face."""
CENTRE_MM = np.array([0.0, 0.0, 50.0])

MEAN68 = np.array([
    (-74, 30, 36), (-73, 15, 36), (-68, -18, 40), (-64, -35, 46), (-57, -49, 54), (-49, -58, 65),
    (-39, -65, 78), (-23, -73, 94), (0, -76, 104), (23, -73, 94), (39, -65, 78), (49, -58, 65),
    (57, -49, 54), (64, -35, 46), (68, -18, 40), (73, 15, 36), (74, 30, 36),
    (-60, 51, 76), (-54, 57, 85), (-44, 59, 95), (-31, 58, 102), (-16, 54, 106),
    (16, 54, 106), (31, 58, 102), (44, 59, 95), (54, 57, 85), (60, 51, 76),
    (0, 36, 108), (0, 22, 117), (0, 16, 122), (0, 3, 130),
    (-12, -7, 114), (-7, -10, 115), (0, -10, 118), (7, -10, 115), (12, -7, 114),
    (-45, 35, 89), (-39, 39, 93), (-28, 39, 94), (-17, 32, 94), (-27, 30, 94), (-37, 30, 93),
    (17, 32, 94), (28, 39, 94), (39, 39, 93), (45, 35, 89), (37, 30, 93), (27, 30, 94),
    (-25, -34, 103), (-19, -29, 109), (-7, -24, 117), (0, -25, 118), (7, -24, 117), (19, -29, 109),
    (25, -34, 103), (19, -39, 107), (8, -43, 114), (0, -44, 116), (-8, -43, 114), (-19, -39, 107),
    (-23, -34, 103), (-6, -32, 113), (0, -32, 115), (6, -32, 113), (23, -34, 103), (6, -33, 113),
    (0, -33, 115), (-6, -33, 113),
], float)  # fmt: skip
"""The 68 points of the mean face, mm, rounded, symmetric (+x the subject's left, +y up, +z forwards)."""
RIDGE68 = 6000.0

MEAN5 = np.array([
    (-32.6, 36.6, 94.4), (32.6, 36.6, 94.4), (0, 0.4, 129.4), (-28, -31.1, 99.5), (28, -31.1, 99.5),
])  # fmt: skip
"""Where YuNet's five points lie in the same frame: eyes, nose tip, mouth corners."""
RIDGE5 = 100.0

SIDE_OF_BOX = 1.34
"""Crop side in square roots of the area of YuNet's box."""
CENTRE_BELOW_BOX = 0.059
"""Crop centre below the middle of YuNet's box, in its heights."""
_LARGEST_SUPERSAMPLING = 8


@dataclass(frozen=True)
class CropBox:
    """A square in a photo."""

    centre: tuple[float, float]
    """Photo pixels."""
    side: float
    """Photo pixels."""
    roll: float
    """Radians; the crop's x axis points along (cos roll, sin roll) in the photo, whose y points down."""


def photo_from_crop(box: CropBox, side: int) -> Float[np.ndarray, "3 3"]:
    """The matrix that takes pixel coordinates of a crop of `side` pixels to photo pixel coordinates."""
    along = np.array([math.cos(box.roll), math.sin(box.roll)]) * (box.side / side)
    linear = np.array([[along[0], -along[1]], [along[1], along[0]]])
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = np.asarray(box.centre) - linear @ np.full(2, side / 2)
    return matrix


def transform_points(matrix: Float[np.ndarray, "3 3"], points: Float[np.ndarray, "*N 2"]) -> Float[np.ndarray, "*N 2"]:
    """Points under an affine 3 x 3 matrix such as `photo_from_crop` or its inverse."""
    moved: Array = points @ matrix[:2, :2].T + matrix[:2, 2]
    return moved


def crop_pixels(pixels: UInt8[np.ndarray, "H W 3"], box: CropBox, side: int) -> UInt8[np.ndarray, "side side 3"]:
    """The crop, `side` pixels wide; outside the photo its edge pixels are repeated.

    Enlarging is bilinear. Shrinking averages: whole blocks of photo pixels first, the rest by supersampling.
    """
    shrink = box.side / side
    block = max(1, min(math.floor(shrink), *pixels.shape[:2]))
    samples = min(_LARGEST_SUPERSAMPLING, math.ceil(shrink / block - 1e-9)) if shrink > 1 else 1
    part, origin = _around(pixels, box, block)
    matrix = photo_from_crop(box, side * samples)
    matrix[:2, 2] -= origin
    matrix[:2] /= block
    matrix[:2, 2] += matrix[:2, :2] @ [0.5, 0.5] - 0.5  # OpenCV counts pixel centres as whole numbers
    size, flags = (side * samples, side * samples), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fine: Array = cv2.warpAffine(part, matrix[:2], size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return fine if samples == 1 else cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA)


def _around(pixels: Array, box: CropBox, block: int) -> tuple[Array, Array]:
    """The part of the photo that the crop needs, averaged over blocks of pixels, and its top-left corner."""
    height, width = pixels.shape[:2]
    reach = box.side * (abs(math.cos(box.roll)) + abs(math.sin(box.roll))) / 2 + 2 * block
    low = np.clip(np.floor(np.asarray(box.centre) - reach), 0, [width - 1, height - 1]).astype(int)
    high = np.clip(np.ceil(np.asarray(box.centre) + reach), low + 1, [width, height]).astype(int)
    part = pixels[low[1] : high[1], low[0] : high[0]]
    if block == 1:
        return np.ascontiguousarray(part), low
    right, bottom = -(high - low) % block
    part = cv2.copyMakeBorder(part, 0, int(bottom), 0, int(right), cv2.BORDER_REPLICATE)
    small_wh = (part.shape[1] // block, part.shape[0] // block)
    return cv2.resize(part, small_wh, interpolation=cv2.INTER_AREA), low


def crop_from_landmarks(points68: Float[np.ndarray, "68 2"]) -> CropBox:
    """The crop of a face by its 68 points, photo pixels. Raises `PhotoError` where they are no face's."""
    return _read_off(*_affine_view(points68, MEAN68, RIDGE68))


def crop_from_landmarks478(points: Float[np.ndarray, "478 2"]) -> CropBox:
    """The crop of a face by MediaPipe's 478 points, photo pixels: exactly that of the 68 among them."""
    return crop_from_landmarks(np.asarray(points)[list(IBUG68_OF_MEDIAPIPE)])


def crop_from_points5(points5: Float[np.ndarray, "5 2"], box_xyxy: Float[np.ndarray, "4"]) -> CropBox:
    """The crop of a face by what YuNet says: eyes, nose tip, mouth corners, and its box; photo pixels."""
    fitted = _read_off(*_affine_view(points5, MEAN5, RIDGE5))
    boxed = crop_from_box(box_xyxy, fitted.roll)
    centre = (np.asarray(fitted.centre) + boxed.centre) / 2
    return CropBox((float(centre[0]), float(centre[1])), math.sqrt(fitted.side * boxed.side), fitted.roll)


def crop_from_box(box_xyxy: Float[np.ndarray, "4"], roll: float = 0.0) -> CropBox:
    """The crop of a face by a box as YuNet draws it (forehead to chin), for a face of known roll."""
    left, top, right, bottom = (float(x) for x in box_xyxy)
    if not (right > left and bottom > top):  # false for NaN too
        raise PhotoError(f"box {left, top, right, bottom}: expected left < right and top < bottom")
    below = CENTRE_BELOW_BOX * (bottom - top)
    centre = ((left + right) / 2 - below * math.sin(roll), (top + bottom) / 2 + below * math.cos(roll))
    return CropBox(centre, SIDE_OF_BOX * math.sqrt((right - left) * (bottom - top)), roll)


def _affine_view(points: Array, mean: Array, ridge: float) -> tuple[Array, Array]:
    """A (2, 3) and t (2,) of the affine view that takes `mean` to `points`."""
    points = np.asarray(points, float)
    if points.shape != (len(mean), 2) or not np.isfinite(points).all():
        raise PhotoError(f"landmarks: expected {len(mean)} finite points (x, y), got shape {points.shape}")
    offset = mean - mean.mean(0)
    normal = offset.T @ offset + np.diag([0.0, 0.0, ridge])
    view = np.linalg.solve(normal, offset.T @ (points - points.mean(0))).T
    return view, points.mean(0) - view @ mean.mean(0)


def _read_off(view: Array, shift: Array) -> CropBox:
    pixels_per_mm = math.sqrt((view**2).sum() / 2)
    if pixels_per_mm < 1e-6:
        raise PhotoError("landmarks: all in one place, which is no face")
    centre = view @ CENTRE_MM + shift
    # The rotation nearest to the first two columns; the face's y points up, the photo's down.
    roll = math.atan2(view[1, 0] + view[0, 1], view[0, 0] - view[1, 1])
    return CropBox((float(centre[0]), float(centre[1])), SIDE_MM * pixels_per_mm, roll)
