"""What happens to a picture between a shard and the network: a jittered crop, then what cameras do to pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from hiface.photo.crop import CropBox, crop_pixels, photo_from_crop


@dataclass(frozen=True)
class Jitter:
    """How far a training crop may stray from the crop rule: it covers a detector's sloppy box and a refined one."""

    scale: float = 0.13
    """Standard deviation of the logarithm of the side."""
    shift: float = 0.05
    """Standard deviation of the centre, crop sides."""
    roll: float = 0.12
    """Standard deviation, radians."""


def jittered(box: CropBox, rng: np.random.Generator, jitter: Jitter) -> CropBox:
    """A box near `box`; half of the draws stay within a third of the jitter, as refined crops do."""
    amount = 1.0 if rng.random() < 0.6 else 0.33
    side = box.side * float(np.exp(np.clip(rng.normal(0, jitter.scale), -0.3, 0.35) * amount))
    centre = np.asarray(box.centre) + rng.normal(0, jitter.shift, 2) * amount * box.side
    roll = box.roll + float(rng.normal(0, jitter.roll)) * amount
    return CropBox((float(centre[0]), float(centre[1])), side, roll)


def crop_and_matrix(
    picture: UInt8[np.ndarray, "H W 3"], box: CropBox, side: int
) -> tuple[UInt8[np.ndarray, "S S 3"], Float[np.ndarray, "3 3"]]:
    """The crop, and the matrix from picture pixels to crop sides (0 to 1 across the crop)."""
    to_picture = photo_from_crop(box, side)
    return crop_pixels(picture, box, side), np.diag([1 / side, 1 / side, 1.0]) @ np.linalg.inv(to_picture)


def spoil(
    crop: UInt8[np.ndarray, "S S 3"], rng: np.random.Generator, covered: float = 0.15
) -> UInt8[np.ndarray, "S S 3"]:
    """Light, colour, blur, noise, compression and small occluders, each with its own probability; `covered` is that
    of the occluders."""
    side = len(crop)
    if rng.random() < 0.3:
        crop = _shrink(crop, rng)
    if rng.random() < 0.3:
        crop = cv2.GaussianBlur(crop, (0, 0), float(rng.uniform(0.3, 1.3)))
    if rng.random() < 0.08:
        crop = _motion(crop, rng)
    value = _tone(crop.astype(np.float32) / 255, rng)
    if rng.random() < 0.5:
        value += rng.standard_normal(value.shape, np.float32) * np.float32(abs(rng.normal(0, 0.02)))
    crop = np.clip(value * 255 + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < covered:
        _cover(crop, rng, side)
    if rng.random() < 0.35:
        quality = int(rng.integers(20, 95))
        encoded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        crop = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
    return crop


def _shrink(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side = len(crop)
    small = int(side * rng.uniform(0.22, 0.9))
    reduced = cv2.resize(crop, (small, small), interpolation=cv2.INTER_AREA)
    return cv2.resize(reduced, (side, side), interpolation=int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC])))


def _motion(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    length = int(rng.integers(3, 8))
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    end = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    middle = (length - 1) / 2
    start, stop = (int(v) for v in middle - end), (int(v) for v in middle + end)
    cv2.line(kernel, tuple(start), tuple(stop), 1.0)
    return cv2.filter2D(crop, -1, kernel / max(float(kernel.sum()), 1e-6))


def _tone(value: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.1:
        value = np.repeat(value @ np.array([[0.299], [0.587], [0.114]], np.float32), 3, axis=2)
    elif rng.random() < 0.6:
        value = value * np.exp(rng.normal(0, 0.07, 3)).astype(np.float32)
    value = np.clip(value, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.22)))
    contrast, offset = np.exp(rng.normal(0, 0.18)), rng.normal(0, 0.06)
    return ((value - 0.45) * contrast + 0.45 + offset).astype(np.float32)


def _cover(crop: np.ndarray, rng: np.random.Generator, side: int) -> None:
    """A flat or noisy box somewhere over the face."""
    w, h = (rng.uniform(0.12, 0.42, 2) * side).astype(int)
    x, y = int(rng.uniform(0, side - w)), int(rng.uniform(0, side - h))
    patch = np.broadcast_to(rng.integers(0, 256, 3), (h, w, 3)).astype(np.float32)
    crop[y : y + h, x : x + w] = np.clip(patch + rng.normal(0, rng.uniform(0, 40), (h, w, 3)), 0, 255)
