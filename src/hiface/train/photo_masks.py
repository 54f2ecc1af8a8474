"""The skin of photos as a face parser sees it, for the photometric loss."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import UInt8
from rich.console import Console
from rich.progress import track

from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE
from hiface.face.parts import Part
from hiface.network.parser import FaceParser
from hiface.photo.crop import crop_from_landmarks
from hiface.photo.parse import parse_face, sampled
from hiface.train.batches import photo_skin
from hiface.train.photos import PhotoSet

SKIN = (Part.SKIN, Part.BROWS, Part.LIPS, Part.BEARD)
"""What the albedo model paints."""
_68 = list(IBUG68_OF_MEDIAPIPE)


def parsed_skin(parser: FaceParser, photos: PhotoSet) -> UInt8[np.ndarray, "N H W"]:
    """255 on pixels that the landmarks enclose and the parser takes for skin, brows, lips or beard, 0 elsewhere."""
    rows = track(range(len(photos)), "skin of photos", console=Console(stderr=True), disable=len(photos) < 100)
    return np.stack([_skin(parser, photos, k) for k in rows])


def _skin(parser: FaceParser, photos: PhotoSet, index: int) -> UInt8[np.ndarray, "H W"]:
    picture, points = photos.pictures[index], photos.points[index].astype(np.float64)
    parsed = parse_face(parser, picture, crop_from_landmarks(points[_68]))
    side = len(picture)
    y, x = np.mgrid[:side, :side] + 0.5
    places = parsed.places(np.stack([x, y], -1).reshape(-1, 2)).reshape(side, side, 2)
    share = cv2.GaussianBlur(sampled(parsed.of(SKIN), places, beyond=0.0), (0, 0), 0.7)
    return np.asarray(photo_skin(points, side) * (share > 0.5), np.uint8)
