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
    light: Float[np.ndarray, "3"],
    into: float = 0.0,
) -> tuple[Picture, Cover]:
    """A hand that comes in from the jaw's side: a palm and fingers as rounded limbs, later ones over earlier ones.

    `colour` in display values; `light` the direction to the main light in the picture's frame (y up).
    `into`: face widths by which it lies farther in.
    """
    side = len(picture)
    reach = float(np.ptp(points68[:, 0])) + 1e-3
    start = points68[rng.integers(0, 17)]
    way = points68.mean(0) - start
    angle = math.atan2(way[1], way[0]) + rng.normal(0, 0.5)
    along = np.array([math.cos(angle), math.sin(angle)])
    across = np.array([-along[1], along[0]])
    width = reach * rng.uniform(0.075, 0.105)
    palm = start - along * reach * (0.25 - into)
    limbs = [(palm - along * reach * 1.5, palm, reach * 0.24), (palm, palm + along * reach * 0.3, width * 4.0)]
    reaches = np.array([0.72, 0.95, 1.0, 0.88]) * reach * rng.uniform(0.6, 1.0)
    spread = rng.uniform(0.0, 0.22)
    for finger in rng.permutation(4)[: rng.integers(3, 5)]:
        root = palm + along * reach * 0.3 + across * (finger - 1.5) * width * 2.05
        bend = along + across * (finger - 1.5) * spread + rng.normal(0, 0.04, 2)
        joint = root + bend * reaches[finger] * 0.5
        tip = joint + (bend + rng.normal(0, 0.12, 2)) * reaches[finger] * 0.45
        limbs += [(root, joint, width), (joint, tip, width * 0.92)]
    tone = colour * rng.uniform(0.75, 1.15)
    cover = np.zeros((side, side), np.float32)
    own = np.zeros((side, side, 3), np.float32)
    for first, last, radius in limbs:
        share, shade = _limb(side, first, last, radius, light)
        seam = np.clip(cover - share, 0, 1) * cv2.GaussianBlur(share, (0, 0), max(radius * 0.25, 0.5))
        own = own * (1 - 0.5 * seam[..., None])  # contact shade beside a limb that lies on another
        own = blend(own, tone * shade[..., None], share)
        cover = np.maximum(cover, share)
    shadow = np.roll(cv2.GaussianBlur(cover, (0, 0), max(reach * 0.05, 0.3)), int(reach * 0.05), 0)
    return blend(picture * (1 - 0.5 * shadow[..., None]), own, cover), cover


def _limb(
    side: int, first: Float[np.ndarray, "2"], last: Float[np.ndarray, "2"], radius: float, light: Float[np.ndarray, "3"]
) -> tuple[Cover, Cover]:
    """Cover and brightness of a round limb between two places: a capsule lit as a cylinder with round ends."""
    place = np.arange(side, dtype=np.float32) + np.float32(0.5)
    x, y = np.float32(first[0]) - place[None], np.float32(first[1]) - place[:, None]
    axis = (last - first).astype(np.float32)
    share = np.clip(-(x * axis[0] + y * axis[1]) / max(float(axis @ axis), 1e-3), 0, 1)
    dx, dy = -(x + share * axis[0]), -(y + share * axis[1])
    distance = np.sqrt(dx * dx + dy * dy)
    rim = np.minimum(distance / np.float32(radius), 1)
    up = np.sqrt(1 - rim * rim)
    scale = rim / np.maximum(distance, 1e-3)
    facing = dx * scale * light[0] - dy * scale * light[1] + up * light[2]
    shade = 0.42 + 0.2 * up + 0.42 * np.maximum(facing, 0)
    return np.clip(radius - distance + 0.5, 0, 1).astype(np.float32), shade.astype(np.float32)


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
