"""Flat things before a face: hands, and pieces of other pictures. They hide skin and points."""

from __future__ import annotations

import math

import cv2
import numpy as np
from jaxtyping import Float, UInt8

Picture = Float[np.ndarray, "S S 3"]
Cover = Float[np.ndarray, "S S"]


def hand(
    rng: np.random.Generator,
    picture: Picture,
    points68: Float[np.ndarray, "68 2"],
    colour: Float[np.ndarray, "3"],
) -> tuple[Picture, Cover]:
    """Fingers and a palm that come in from the jaw's side; `colour` in display values."""
    side = len(picture)
    reach = float(np.ptp(points68[:, 0])) + 1e-3
    start = points68[rng.integers(0, 17)]
    way = points68.mean(0) - start
    angle = math.atan2(way[1], way[0]) + rng.normal(0, 0.5)
    along = np.array([math.cos(angle), math.sin(angle)])
    across = np.array([-along[1], along[0]])
    shape = np.zeros((side * 2, side * 2), np.float32)
    width = reach * rng.uniform(0.14, 0.2)
    for finger in range(rng.integers(2, 5)):
        root = start + across * (finger - 1.5) * width * 1.25
        tip = root + along * reach * rng.uniform(0.3, 0.9)
        cv2.line(shape, _doubled(root - along * reach), _doubled(tip), 1.0, max(1, int(width * 2)))
    cv2.circle(shape, _doubled(start - along * reach * 0.5), max(1, int(reach)), 1.0, -1)
    cover = cv2.resize(shape, (side, side), interpolation=cv2.INTER_AREA)
    rounded = cv2.GaussianBlur(cover, (0, 0), max(reach * 0.03, 0.3))
    shadow = np.roll(cv2.GaussianBlur(cover, (0, 0), max(reach * 0.05, 0.3)), int(reach * 0.04), 0)
    picture = picture * (1 - 0.4 * shadow[..., None])
    own = colour * rng.uniform(0.7, 1.1) * (0.6 + 0.5 * rounded[..., None])
    return blend(picture, own, cover), cover


def _doubled(place: Float[np.ndarray, "2"]) -> tuple[int, int]:
    return int(np.clip(place[0] * 2, -4000, 4000)), int(np.clip(place[1] * 2, -4000, 4000))


def patch(
    rng: np.random.Generator, picture: Picture, points68: Float[np.ndarray, "68 2"],
    photos: list[UInt8[np.ndarray, "H W 3"]],
) -> tuple[Picture, Cover]:  # fmt: skip
    """A piece of another picture before the face: a leaf, a microphone, a cup."""
    side = len(picture)
    reach = float(np.ptp(points68[:, 0])) * rng.uniform(0.2, 0.6)
    middle = points68[rng.integers(0, 68)] + rng.normal(0, 0.15 * reach, 2)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 7))
    ring = np.stack([np.cos(angles), np.sin(angles)], 1) * reach * rng.uniform(0.6, 1, (7, 1))
    cover = np.zeros((side, side), np.float32)
    cv2.fillPoly(cover, [np.clip(middle + ring, -2000, 2000).astype(np.int32)], 1.0)
    cover = cv2.GaussianBlur(cover, (0, 0), 0.8)
    photo = photos[rng.integers(len(photos))]
    size = int(rng.integers(60, 200))
    y, x = rng.integers(0, photo.shape[0] - size), rng.integers(0, photo.shape[1] - size)
    piece = cv2.resize(photo[y : y + size, x : x + size], (side, side)).astype(np.float32) / 255
    return blend(picture, piece, cover), cover


def blend(picture: Picture, over: Picture, cover: Cover) -> Picture:
    """`over` laid on `picture` with straight alpha."""
    return np.asarray(picture * (1 - cover[..., None]) + over * cover[..., None], np.float32)
