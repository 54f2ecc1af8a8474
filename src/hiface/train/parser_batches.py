"""Crops for the face parser as a function of seed and step: drawn faces with their part maps, photos with hints."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE
from hiface.face.parts import Part
from hiface.photo.crop import CropBox, crop_from_landmarks, photo_from_crop
from hiface.train.augment import Jitter, crop_and_matrix, jittered, spoil
from hiface.train.parser_hints import hints
from hiface.train.photos import PhotoSet
from hiface.train.shards import ShardSet

_68 = list(IBUG68_OF_MEDIAPIPE)
_COVERED = 0.15
_JITTER = Jitter(scale=0.16, shift=0.06, roll=0.15)


@dataclass(frozen=True)
class ParserFaces:
    """Drawn faces in memory."""

    pictures: UInt8[np.ndarray, "N H W 3"]
    parts: UInt8[np.ndarray, "N H W"]
    points68: Float[np.ndarray, "N 68 2"]
    """Picture pixels."""

    def __len__(self) -> int:
        return len(self.pictures)


def load_faces(shards: ShardSet, chosen: range) -> ParserFaces:
    """Decode samples of a set drawn with `--truth parts`."""
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(shards.parts, chosen))
    points = np.stack([shards.truth(i, "mediapipe478")[_68] for i in chosen])
    return ParserFaces(np.stack([b[0] for b in both]), np.stack([b[1] for b in both]), points)


@dataclass(frozen=True)
class ParserBatch:
    """Crops, 0 to 255, first drawn faces with `parts`, then photos with numbers of rules; H = S / 2."""

    crops: UInt8[Tensor, "B 3 S S"]
    parts: UInt8[Tensor, "N H H"]
    rules: UInt8[Tensor, "M H H"]


def parser_batch(
    faces: ParserFaces, photos: PhotoSet | None, rng: np.random.Generator, side: int, drawn: int, taken: int
) -> ParserBatch:
    """A batch of `drawn` faces and, where there are photos, `taken` photos."""
    rows = [_drawn(faces, int(rng.integers(len(faces))), side, rng) for _ in range(drawn)]
    crops, parts = [r[0] for r in rows], [r[1] for r in rows]
    rules = [np.zeros((0, side // 2, side // 2), np.uint8)]
    for _ in range(taken if photos is not None else 0):
        assert photos is not None
        crop, rule = _photo(photos, int(rng.integers(len(photos))), side, rng)
        crops.append(crop)
        rules.append(rule[None])
    together = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
    return ParserBatch(together, torch.from_numpy(np.stack(parts)), torch.from_numpy(np.concatenate(rules)))


def _drawn(
    faces: ParserFaces, index: int, side: int, rng: np.random.Generator
) -> tuple[UInt8[np.ndarray, "S S 3"], UInt8[np.ndarray, "S S"]]:
    box = jittered(crop_from_landmarks(faces.points68[index].astype(np.float64)), rng, _JITTER)
    crop, parts = cut(faces, index, box, side, side // 2)
    if rng.random() < _COVERED:
        _cover(crop, parts, rng)
    crop = _dimmed(crop, rng)
    if rng.random() < 0.7:  # the generator's camera has spoilt its pictures already
        crop = spoil(crop, rng, covered=0.0)
    if rng.random() < 0.5:
        crop, parts = crop[:, ::-1], parts[:, ::-1]
    return crop, parts


def cut(
    faces: ParserFaces, index: int, box: CropBox, side: int, fine: int
) -> tuple[UInt8[np.ndarray, "S S 3"], UInt8[np.ndarray, "S S"]]:
    """A crop of `side` pixels and its part map of `fine` pixels."""
    crop, _ = crop_and_matrix(faces.pictures[index], box, side)
    matrix = photo_from_crop(box, fine)
    matrix[:2, 2] += matrix[:2, :2] @ [0.5, 0.5] - 0.5  # OpenCV counts pixel centres as whole numbers
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    parts = cv2.warpAffine(
        faces.parts[index], matrix[:2], (fine, fine), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )  # fmt: skip
    return np.ascontiguousarray(crop), np.asarray(parts)


def _dimmed(crop: UInt8[np.ndarray, "S S 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "S S 3"]:
    """Now and then as if taken in low light: dark skin must not be told from hair by brightness alone."""
    if rng.random() > 0.2:
        return crop
    return np.asarray((crop * rng.uniform(0.2, 0.7)).astype(np.uint8))


def _cover(crop: UInt8[np.ndarray, "S S 3"], parts: UInt8[np.ndarray, "S S"], rng: np.random.Generator) -> None:
    """An ellipse or box of one colour, smooth or grained, before the face."""
    side = len(crop)
    middle, half = rng.uniform(0.1, 0.9, 2) * side, rng.uniform(0.05, 0.2, 2) * side
    shape = np.zeros((side, side), np.uint8)
    corners = cv2.boxPoints((tuple(map(float, middle)), tuple(map(float, 2 * half)), float(rng.uniform(0, 180))))
    if rng.random() < 0.5:
        cv2.fillPoly(shape, [corners.astype(np.int32)], 1)
    else:
        axes = (int(half[0]) + 1, int(half[1]) + 1)
        cv2.ellipse(shape, (int(middle[0]), int(middle[1])), axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    where = shape == 1
    grain = rng.normal(0, rng.uniform(0, 40), (int(where.sum()), 3))
    crop[where] = np.clip(rng.integers(0, 256, 3) + grain, 0, 255).astype(np.uint8)
    parts[cv2.resize(shape, parts.shape[::-1], interpolation=cv2.INTER_AREA) > 0] = Part.OTHER


def _photo(
    photos: PhotoSet, index: int, side: int, rng: np.random.Generator
) -> tuple[UInt8[np.ndarray, "S S 3"], UInt8[np.ndarray, "S S"]]:
    points = photos.points[index].astype(np.float64)
    box = jittered(crop_from_landmarks(points[_68]), rng, _JITTER)
    crop, matrix = crop_and_matrix(photos.pictures[index], box, side)
    rules = hints((points @ matrix[:2, :2].T + matrix[:2, 2]) * (side // 2), side // 2)
    crop = _dimmed(crop, rng)
    if rng.random() < 0.6:
        crop = spoil(crop, rng, covered=0.0)
    if rng.random() < 0.5:  # the hints know no left and right
        crop, rules = crop[:, ::-1], rules[:, ::-1]
    return np.ascontiguousarray(crop), np.ascontiguousarray(rules)
