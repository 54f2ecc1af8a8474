"""Labelled photos in memory: canonical pictures with MediaPipe's points, expression scores and age groups."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE
from hiface.network.age import age_group
from hiface.photo.crop import CropBox, crop_from_landmarks, crop_pixels, photo_from_crop
from hiface.photo.packs import read_pack
from hiface.train.shards import decoded

PICTURE = 192
"""Side of a stored picture, pixels."""
MARGIN = 1.45
"""A stored picture shows this many crop sides, so that a jittered crop still finds pixels."""


@dataclass(frozen=True)
class PhotoSet:
    """Photos whose face MediaPipe found, each cut to an upright picture round the face."""

    pictures: UInt8[np.ndarray, "N H W 3"]
    points: Float[np.ndarray, "N 478 2"]
    """MediaPipe's points in picture pixels."""
    scores: Float[np.ndarray, "N 52"]
    """MediaPipe's expression scores, in the order of the ARKit units; tongueOut is 0."""
    age: Int[np.ndarray, "N"]
    """Age group, -1 unknown."""
    yaw: Float[np.ndarray, "N"]
    """Degrees, from MediaPipe's matrix."""
    source: np.ndarray
    gender: np.ndarray
    race: np.ndarray
    name: np.ndarray

    def __len__(self) -> int:
        return len(self.pictures)

    def take(self, chosen: np.ndarray) -> PhotoSet:
        return PhotoSet(*(getattr(self, f)[chosen] for f in self.__dataclass_fields__))


def load_packs(data: str | Path, packs: Iterable[str], part: str) -> PhotoSet:
    """Photos of labelled packs (`fairface`, `more`, `portraits`, `wild`), `part` "train" or "val"; found faces only."""
    sets = [_load_pack(Path(data) / pack, part) for pack in packs]
    return PhotoSet(*(np.concatenate([getattr(s, f) for s in sets]) for f in PhotoSet.__dataclass_fields__))


def _load_pack(folder: Path, part: str) -> PhotoSet:
    pack = read_pack(folder, part)
    with ThreadPoolExecutor(2) as pool:
        cut = list(pool.map(_cut, pack.encoded, pack.fractions))
    return PhotoSet(
        pictures=np.stack([c[0] for c in cut]),
        points=np.stack([c[1] for c in cut]).astype(np.float32),
        scores=pack.scores,
        age=np.array([age_group(a, float(y)) for a, y in zip(pack.age, pack.years, strict=True)]),
        yaw=pack.yaw,
        source=pack.source,
        gender=pack.gender,
        race=pack.race,
        name=pack.name,
    )


def _cut(encoded: bytes, fractions: Float[np.ndarray, "478 2"]) -> tuple[np.ndarray, np.ndarray]:
    """The canonical picture of a photo and the points in its pixels."""
    photo = decoded(encoded)
    points = fractions * [photo.shape[1], photo.shape[0]]
    box = crop_from_landmarks(points[list(IBUG68_OF_MEDIAPIPE)])
    wide = CropBox(box.centre, box.side * MARGIN, box.roll)
    from_photo = np.linalg.inv(photo_from_crop(wide, PICTURE))
    moved = points @ from_photo[:2, :2].T + from_photo[:2, 2]
    return crop_pixels(photo, wide, PICTURE), moved
