"""What is behind a person: photos without people, environments, gradients and made-up scenes."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8

Picture = Float[np.ndarray, "N N 3"]


def draw_background(
    rng: np.random.Generator, photos: list[UInt8[np.ndarray, "H W 3"]],
    environments: list[Float[np.ndarray, "H W 3"]], side: int,
) -> Picture:  # fmt: skip
    """A background, display values 0 to 1, `side` pixels square."""
    kind = rng.random()
    if kind < 0.4 and photos:
        picture = photo_behind(rng, photos, side)
    elif kind < 0.5:
        picture = _environment(rng, environments, side)
    elif kind < 0.7:
        picture = _gradient(rng, side)
    else:
        picture = _blocks(rng, side)
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    gain = (rng.uniform(0.5, 1.15) * (1 + rng.normal(0, 0.06, 3))).astype(np.float32)
    return np.ascontiguousarray(np.clip(picture * gain, 0, 1), np.float32)


def photo_behind(rng: np.random.Generator, photos: list[UInt8[np.ndarray, "H W 3"]], side: int) -> Picture:
    """A piece of a photo, mostly out of focus."""
    photo = photos[rng.integers(len(photos))]
    height, width = photo.shape[:2]
    size = int(rng.uniform(0.25, 1) * min(height, width))
    y, x = rng.integers(0, height - size + 1), rng.integers(0, width - size + 1)
    piece = cv2.resize(photo[y : y + size, x : x + size], (side, side), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.65:
        piece = cv2.GaussianBlur(piece, (0, 0), rng.uniform(0.7, 6))
    if rng.random() < 0.2:
        piece = piece[..., rng.permutation(3)]
    return np.asarray(piece.astype(np.float32) / 255)


def _environment(rng: np.random.Generator, environments: list[Float[np.ndarray, "H W 3"]], side: int) -> Picture:
    radiance = environments[rng.integers(len(environments))]
    turned = np.roll(radiance, rng.integers(0, radiance.shape[1]), 1)
    view = np.clip(turned[16:48, :32] * rng.uniform(0.3, 0.9), 0, 1) ** 0.45
    return np.asarray(cv2.resize(np.ascontiguousarray(view), (side, side), interpolation=cv2.INTER_CUBIC))


def _gradient(rng: np.random.Generator, side: int) -> Picture:
    """A studio wall: two close colours, a spot of light, faint clouds."""
    grey = rng.uniform(0.03, 0.97)
    first = np.clip(grey + rng.normal(0, 0.12, 3), 0, 1)
    second = np.clip(first + rng.normal(0, 0.12, 3), 0, 1)
    x = (np.arange(side) / side).astype(np.float32)
    weights = rng.uniform([-1, -1, 0], [1, 1, 1]).astype(np.float32)
    share = x[None] * weights[0] + x[:, None] * weights[1] + weights[2]
    picture = first.astype(np.float32) + share[..., None] * (second - first).astype(np.float32)
    middle, width = rng.uniform(0, 1, 2).astype(np.float32), rng.uniform(0.1, 0.6)
    spot = np.outer(np.exp(-((x - middle[1]) ** 2) / width), np.exp(-((x - middle[0]) ** 2) / width))
    light = 1 + np.float32(rng.uniform(-0.3, 0.5)) * spot.astype(np.float32)
    if rng.random() < 0.5:
        light *= 1 + np.float32(rng.uniform(0.02, 0.12)) * _clouds(rng, side, 8)
    return np.asarray(picture * light[..., None])


def _clouds(rng: np.random.Generator, side: int, cells: int) -> Float[np.ndarray, "N N"]:
    coarse = rng.standard_normal((cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC))


def _blocks(rng: np.random.Generator, side: int) -> Picture:
    """A made-up scene out of focus: walls, windows, shelves, leaves and lamps as boxes, stripes and discs."""
    picture = np.array(_gradient(rng, side))
    base = rng.uniform(0, 1, 3)
    for _ in range(rng.integers(3, 22)):
        colour = np.clip(base * 0.5 + rng.uniform(0, 1, 3) * rng.uniform(0.2, 1.0), 0, 1)
        _draw_shape(rng, picture, tuple(float(c) for c in colour))
    if rng.random() < 0.5:  # foliage, gravel, fabric
        grain = _clouds(rng, side, int(rng.integers(12, 60)))[..., None]
        picture = picture * (1 + rng.uniform(0.05, 0.45) * grain)
    return np.asarray(cv2.GaussianBlur(np.clip(picture, 0, 1.3).astype(np.float32), (0, 0), rng.uniform(0.6, 7)))


def _draw_shape(rng: np.random.Generator, picture: Picture, colour: tuple[float, ...]) -> None:
    side = len(picture)
    kind = rng.integers(4)
    if kind == 0:  # a box, upright as most of what people build
        corner = rng.uniform(-0.2, 1, 2) * side
        size = rng.uniform(0.04, 0.8, 2) * side
        cv2.rectangle(picture, _pixel(corner), _pixel(corner + size), colour, -1)
    elif kind == 1:  # a post, a branch, a cable
        ends = rng.uniform(-0.1, 1.1, (2, 2)) * side
        cv2.line(picture, _pixel(ends[0]), _pixel(ends[1]), colour, int(rng.integers(1, max(2, side // 12))))
    elif kind == 2:  # a lamp, a plate, a head far away
        bright = tuple(min(c * rng.uniform(1, 2.5), 1.3) for c in colour)
        cv2.circle(picture, _pixel(rng.uniform(0, 1, 2) * side), int(rng.uniform(0.01, 0.15) * side), bright, -1)
    else:
        points = (rng.uniform(0, 1, 2) + rng.normal(0, 0.25, (5, 2))) * side
        cv2.fillPoly(picture, [points.astype(np.int32)], colour)


def _pixel(place: Float[np.ndarray, "2"]) -> tuple[int, int]:
    return int(place[0]), int(place[1])
