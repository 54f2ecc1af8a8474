"""Clay pictures of any vertices on our topology, for looking at what the tools make."""

from __future__ import annotations

import cv2
import numpy as np

from hiface.export.clay import key_shadow, openness
from hiface.export.lashes import lash_cover
from hiface.export.pictures import cavity, clay, on_ground, srgb, with_lashes
from hiface.export.seen import look_at
from hiface.face.model import FaceModel


def portrait(
    face: FaceModel,
    vertices: np.ndarray,
    yaw: float = 0.0,
    side: int = 256,
    span_mm: float = 300.0,
    centre: tuple[float, float, float] | None = None,
) -> np.ndarray:
    """A clay picture (side, side, 3). `yaw` in radians; `centre` is what lies in the middle, else the head's own."""
    head = face.region("face") | face.region("scalp")
    middle = np.array(centre) if centre else (vertices[head].min(0) + vertices[head].max(0)) / 2 - [0, 15, 0]
    c, s = np.cos(yaw), np.sin(yaw)
    turned = (vertices - middle) @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T
    seen = look_at(face, turned, 1 / span_mm, side)
    flat = np.zeros((64, 64), np.float32)
    shaded = srgb(clay(seen, seen.normal, openness(seen) * cavity(seen, flat), key_shadow(seen)))
    return on_ground(with_lashes(shaded, lash_cover(seen, face, turned)), seen)


def sheet(pictures: list[np.ndarray], columns: int) -> np.ndarray:
    """Pictures in rows; the last row is filled up with dark."""
    cells = pictures + [np.full_like(pictures[0], 28)] * (-len(pictures) % columns)
    return cv2.vconcat([cv2.hconcat(cells[k : k + columns]) for k in range(0, len(cells), columns)])


def write(path: str, picture: np.ndarray) -> None:
    cv2.imwrite(str(path), picture[..., ::-1])
