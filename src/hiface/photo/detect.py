"""Where the faces are in a photo: YuNet through OpenCV, at several sizes and, where it is not sure, turned.

YuNet sees faces of about 10 to 300 px well, and fancies large ones where an enlarged picture is soft. So a
photo is looked at in three copies: a large one for its small faces alone, a small one with a border for the
others, and a tiny one for close-ups that fill the frame. Boxes and points come back in photo pixels.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from hiface.assets.store import locate
from hiface.photo.read import Photo

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Face:
    """One face that the detector found, in photo pixels."""

    box_xyxy: Float[np.ndarray, "4"]
    """Left, top, right, bottom; may reach beyond the photo."""
    points5: Float[np.ndarray, "5 2"]
    """The subject's right eye, left eye, nose tip, right and left mouth corner."""
    score: float
    """0 to 1."""

    @property
    def size(self) -> float:
        """Square root of the box's area, pixels."""
        left, top, right, bottom = self.box_xyxy
        return math.sqrt((right - left) * (bottom - top))


@dataclass(frozen=True)
class Pass:
    """One look at the photo."""

    longest: int
    """Longest side of the copy that is looked at, pixels, before the margin."""
    margin: float = 0.0
    """Grey border on each side, in longest sides: room round a face that fills the frame."""
    enlarge: float = 1.0
    """Greatest enlargement of a small photo."""
    sizes: tuple[float, float] = (0.0, math.inf)
    """Least and greatest size of a face that this pass is trusted with, pixels of the copy."""
    turn: int = 0
    """Clockwise turn of the copy, degrees."""
    score: float = 0.6
    """Least score of a face in this pass."""


UPRIGHT = (
    Pass(1280, sizes=(0.0, 128.0)),
    Pass(480, margin=0.25, enlarge=2.0, sizes=(24.0, math.inf)),
    Pass(160, margin=0.5, enlarge=2.0, sizes=(64.0, math.inf)),
)
TURNED = tuple(replace(UPRIGHT[1], turn=turn, score=0.75) for turn in (-45, 45, -90, 90, 180))
"""Only where no upright pass is sure; stricter, since five more looks find five times the false ones."""

SURE = 0.9
"""Score of an upright face from which on turned ones are not looked for. Of faces that lie on their side the
upright passes find half with 0.75 to 0.88, all their points wrong; of upright ones 6 % stay below 0.9."""

OVERLAP = 0.4
INSIDE = 0.7
_GREY = (127, 127, 127)


@dataclass
class FaceDetector:
    """YuNet with the passes it makes; made once, used for many photos; threads take turns."""

    upright: Sequence[Pass] = UPRIGHT
    turned: Sequence[Pass] = TURNED
    model: Path | None = None
    """YuNet's ONNX file; the shipped one by default."""
    _network: Any = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def detect(self, photo: Photo | UInt8[np.ndarray, "H W 3"]) -> list[Face]:
        """The faces in a photo (or RGB array), largest first; an empty list where there is none.

        The same photo gives the same faces. Photos of more than 1280 px are looked at in that size, so faces
        below about 1 % of the longest side are missed.
        """
        pixels = photo.pixels if isinstance(photo, Photo) else photo
        most = max(look.longest for look in (*self.upright, *self.turned))
        small, stretch = _shrunk(pixels, most)  # once: the passes start from here
        faces = self._found(small, stretch, self.upright)
        if not any(face.score >= SURE for face in faces):
            faces += self._found(small, stretch, self.turned)
        return sorted(without_repeats(faces), key=lambda face: (-face.size, *face.box_xyxy))

    def _found(self, small: Array, stretch: Array, passes: Iterable[Pass]) -> list[Face]:
        return [face for look in passes for face in self._look(small, stretch, look)]

    def _look(self, small: Array, stretch: Array, look: Pass) -> list[Face]:
        copy, small_from_copy = _prepared(small, look)
        photo_from_copy = stretch @ small_from_copy
        with self._lock:
            network = self._loaded()
            network.setInputSize((copy.shape[1], copy.shape[0]))
            rows = network.detect(copy)[1]
        rows = np.zeros((0, 15)) if rows is None else rows[rows[:, 14] >= look.score].astype(np.float64)
        sizes = np.sqrt(np.prod(rows[:, 2:4], axis=1))
        trusted = rows[(sizes >= look.sizes[0]) & (sizes <= look.sizes[1])]
        return [_face(row, photo_from_copy) for row in trusted]

    def _loaded(self) -> Any:
        if self._network is None:
            path = str(self.model or locate("yunet.onnx"))
            level = cv2.utils.logging.getLogLevel()
            cv2.utils.logging.setLogLevel(2)  # OpenCV 5 warns about its own default target
            self._network = cv2.FaceDetectorYN.create(path, "", (320, 320), 0.5, 0.3, 2000)
            cv2.utils.logging.setLogLevel(level)
        return self._network


def without_repeats(faces: Iterable[Face]) -> list[Face]:
    """The faces of which no better scored one covers the same place (or most of it: a part of a face)."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: (-face.score, *face.box_xyxy)):
        if not any(_same_place(face, other) for other in kept):
            kept.append(face)
    return kept


def overlap(a: Float[np.ndarray, "4"], b: Float[np.ndarray, "4"]) -> float:
    """Intersection over union of two boxes, left, top, right, bottom."""
    common = _common_area(a, b)
    return common / (_area(a) + _area(b) - common)


def _same_place(face: Face, other: Face) -> bool:
    a, b = face.box_xyxy, other.box_xyxy
    return overlap(a, b) > OVERLAP or _common_area(a, b) > INSIDE * min(_area(a), _area(b))


def _common_area(a: Array, b: Array) -> float:
    width, height = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    return float(max(width, 0.0) * max(height, 0.0))


def _area(box: Array) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _shrunk(pixels: Array, longest: int, enlarge: float = 1.0) -> tuple[Array, Array]:
    """A copy with the given longest side, and the (2, 2) matrix from its pixels to those of `pixels`."""
    height, width = pixels.shape[:2]
    scale = min(longest / max(height, width), enlarge)
    wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    copy: Array = cv2.resize(np.ascontiguousarray(pixels), wh, interpolation=kind)
    return copy, np.diag([width / wh[0], height / wh[1]])


def _prepared(pixels: Array, look: Pass) -> tuple[Array, Array]:
    """The BGR copy to look at, and the (2, 3) matrix from its pixels to those of `pixels`."""
    small, stretch = _shrunk(pixels, look.longest, look.enlarge)
    padded = _padded(cv2.cvtColor(small, cv2.COLOR_RGB2BGR), look.margin)
    copy, padded_from_copy = _turned(padded, look.turn)
    border = (padded.shape[0] - small.shape[0]) // 2
    return copy, stretch @ (padded_from_copy - np.array([[0.0, 0.0, border], [0.0, 0.0, border]]))


def _padded(image: Array, margin: float) -> Array:
    n = round(margin * max(image.shape[:2]))
    if n == 0:
        return image
    padded: Array = cv2.copyMakeBorder(image, n, n, n, n, cv2.BORDER_CONSTANT, value=_GREY)
    return padded


def _turned(image: Array, turn: int) -> tuple[Array, Array]:
    """`image` turned clockwise about its centre, in a canvas that holds it all, and the matrix back."""
    height, width = image.shape[:2]
    cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    new_w = math.ceil(abs(width * cosine) + abs(height * sine) - 1e-6)
    new_h = math.ceil(abs(width * sine) + abs(height * cosine) - 1e-6)
    linear = np.array([[cosine, sine], [-sine, cosine]])
    back = np.c_[linear, np.array([width, height]) / 2 - linear @ np.array([new_w, new_h]) / 2]
    if turn == 0:
        return image, back
    centres = back.copy()
    centres[:, 2] += linear @ [0.5, 0.5] - 0.5  # OpenCV counts pixel centres as whole numbers
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, centres, (new_w, new_h), flags=flags, borderValue=_GREY), back


def _face(row: Array, photo_from_copy: Array) -> Face:
    """A row of YuNet (x, y, w, h, five points, score) in photo pixels."""
    linear, shift = photo_from_copy[:, :2], photo_from_copy[:, 2]
    points = row[4:14].reshape(5, 2) @ linear.T + shift
    centre = linear @ (row[:2] + row[2:4] / 2) + shift
    # A turned box is no box: its sides are mixed so that a quarter turn swaps them and none leaves them.
    squares = linear**2 / np.abs(np.linalg.det(linear))
    half = squares @ row[2:4] / 2 * math.sqrt(abs(np.linalg.det(linear)))
    return Face(np.concatenate([centre - half, centre + half]), points, float(row[14]))
