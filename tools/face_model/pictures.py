"""Clay pictures of any vertices on our topology, for looking at what the tools make."""

from __future__ import annotations

from pathlib import Path

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


def write(path: str | Path, picture: np.ndarray) -> None:
    """PNG or JPEG by the path's ending."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, 85] if str(path).endswith(".jpg") else []
    cv2.imwrite(str(path), picture[..., ::-1], quality)


AGES_SHOWN = (3, 6, 10, 16, 25, 45, 65, 88)


def ages(face: FaceModel, side: int = 150) -> np.ndarray:
    """Girls and women, boys and men of eight ages: the mean of each, then one person of each as they would age."""
    if face.people is None:
        raise ValueError("this face model does not know its people by age")
    basis, mean = face.identity_basis.numpy(), face.mean.numpy()
    noise, cells = np.random.default_rng(5).standard_normal((4, len(basis))), []
    for row, (share, male) in enumerate(((0.0, False), (0.0, True), (0.8, False), (0.8, True))):
        for years in AGES_SHOWN:
            identity = face.people.identity(share * noise[row], years, male)
            cells.append(portrait(face, mean + np.tensordot(identity, basis, 1), -0.3 * (row > 1), side))
    return sheet(cells, len(AGES_SHOWN))


def arkit_units(face: FaceModel, side: int = 110, columns: int = 13) -> np.ndarray:
    """The 52 units at full weight on the mean face, in their order."""
    cells = []
    for k in range(52):
        vertices = (face.mean + face.expression_basis[k]).numpy()
        cells.append(portrait(face, vertices, -0.25, side, 215, (0.0, 2.0, 60.0)))
    return sheet(cells, columns)


def carried_heads(face: FaceModel, heads: np.ndarray, side: int = 150) -> np.ndarray:
    """Heads (N, V, 3) from the front and from the side."""
    cells = [portrait(face, head, yaw, side) for head in heads for yaw in (0.0, -0.7)]
    return sheet(cells, 8)
