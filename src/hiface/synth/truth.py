"""What is known exactly of a sample: points with their visibility, the skin mask, coefficients, camera and light."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

HIDDEN_BY_FACE, HIDDEN_BY_THING, OUTSIDE = 1, 2, 4
"""Bits of a point's `hidden` flag: behind the face itself; behind hair, a thing or a hand; outside the picture."""
_SLACK_MM = 4.0  # points of a landmark map may lie a little under the surface


def hidden_flags(
    points: Float[np.ndarray, "L 3"], body_depth: Float[np.ndarray, "S S"], depth: Float[np.ndarray, "S S"],
    side: int,
) -> UInt8[np.ndarray, "L"]:  # fmt: skip
    """Which points cannot be seen. `points`: x, y in pixels of the stored picture of `side`, and 1 / depth.

    The depth maps hold 1 / depth, 0 where empty, and may be several times as large as the picture. A point is
    hidden where everything within one sample is nearer by more than the slack; so contours count as seen.
    """
    samples = depth.shape[0] // side
    place = np.floor(points[:, :2] * samples).astype(int)
    outside = (place < 0).any(1) | (place >= depth.shape[0]).any(1)
    column, row = np.clip(place, 0, depth.shape[0] - 1).T
    limit = 1 / (1 / points[:, 2] - _SLACK_MM)
    by_face = _farthest(body_depth)[row, column] > limit
    by_any = _farthest(depth)[row, column] > limit
    flags = by_face * HIDDEN_BY_FACE + (by_any & ~by_face) * HIDDEN_BY_THING + outside * OUTSIDE
    return np.asarray(np.where(outside, OUTSIDE, flags), np.uint8)


def _farthest(depth: Float[np.ndarray, "S S"]) -> Float[np.ndarray, "S S"]:
    return np.asarray(cv2.erode(depth, np.ones((3, 3), np.uint8)))


def cover_points(
    flags: UInt8[np.ndarray, "L"], points: Float[np.ndarray, "L 3"], cover: Bool[np.ndarray, "S S"], bit: int
) -> UInt8[np.ndarray, "L"]:
    """The flags with `bit` set for points under `cover`, a map of the stored picture."""
    side = len(cover)
    place = np.clip(np.floor(points[:, :2]).astype(int), 0, side - 1)
    covered = cover[place[:, 1], place[:, 0]] & (flags & OUTSIDE == 0)
    return np.asarray(flags | (covered * bit).astype(np.uint8))


def pooled(mask: Bool[np.ndarray, "S S"], side: int) -> Bool[np.ndarray, "N N"]:
    """A mask of the stored picture from samples: at least half of a pixel's."""
    return np.asarray(cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA) >= 0.5)


def png(picture: np.ndarray) -> bytes:
    """A grey or BGR picture of 8 or 16 bits as PNG."""
    return bytes(cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 6])[1].tobytes())


def plain(value: Any) -> Any:
    """A value as JSON knows it; floats shortened to what they are worth."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(v) for v in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return round(float(value), 6)
    return value
