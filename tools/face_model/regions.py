"""Region masks by place on the neutral face, and the mirror image of every vertex."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from tools.face_model.source import Source


def symmetry(source: Source) -> np.ndarray:
    """For each vertex its mirror image, searched among vertices whose mirror part it can be; an involution."""
    mirrored = source.vertices * [-1, 1, 1]
    partner = np.arange(len(mirrored))
    opposite = {"left": "right", "right": "left"}
    for name, ranges in source.parts.items():
        other = next((name.replace(a, b) for a, b in opposite.items() if name.endswith(a)), name)
        target = np.arange(*source.parts[other]["vertices"])
        own = np.arange(*ranges["vertices"])
        partner[own] = target[cKDTree(source.vertices[target]).query(mirrored[own])[1]]
    return _as_involution(partner)


def _as_involution(partner: np.ndarray) -> np.ndarray:
    """Pairs that do not choose each other stay alone; their own nearest is only a guess."""
    mutual = partner[partner] == np.arange(len(partner))
    return np.where(mutual, partner, np.arange(len(partner)))


def masks(source: Source) -> dict[str, np.ndarray]:
    """Name → (V,) bool. REALY's four regions are our own drawing of its definitions, on the skin."""
    x, y, z = source.vertices.T
    ax = np.abs(x)
    n = len(x)
    ids = np.arange(n)
    face_part, skin = ids < 9409, ids < 11248
    narrow = ids < 6706
    eyes = narrow & (((ax - 31.5) / 19.0) ** 2 + ((y - 35.0) / 12.5) ** 2 < 1)
    lips = _inside_lips(source)
    nose = narrow & (ax < 8 + 13.5 * np.clip((48 - y) / 48, 0, 1)) & (y > -13) & (y < 48) & (z > 88 - 0.25 * ax)
    mouth = narrow & (((ax) / 34.0) ** 2 + ((y + 36) / 22.0) ** 2 < 1) & ~nose
    ears = skin & (ax > 70) & (y > -32) & (y < 48) & (z < 22) & (z > -45) & _ear_shell(source)
    front = narrow & (y > -105) & (y < 100)
    forehead = front & ((y > 48) | eyes | ((y > 28) & (ax < 60))) & ~nose
    cheek = front & ~forehead & ~nose & ~mouth & (y < 28)
    neck = skin & (y + 0.5 * z < -75) & ~front
    scalp = skin & ~face_part & ~neck & ~ears
    return {
        "face": front, "face_narrow": narrow, "skin": skin, "eyes": eyes, "lips": lips, "nose": nose, "ears": ears,
        "scalp": scalp, "neck": neck, "realy_nose": nose, "realy_mouth": mouth, "realy_forehead": forehead,
        "realy_cheek": cheek,
    }  # fmt: skip


def _inside_lips(source: Source) -> np.ndarray:
    """Vertices inside the outer lip line of the 68 points, in front."""
    ring = source.vertices[source.ibug68[48:60], :2]
    points = source.vertices[:9409]
    inside = np.zeros(len(source.vertices), bool)
    following = np.roll(ring, -1, axis=0)
    crosses = np.zeros(len(points), int)
    for (x0, y0), (x1, y1) in zip(ring, following, strict=True):
        between = (points[:, 1] < y0) != (points[:, 1] < y1)
        at = x0 + (points[:, 1] - y0) * (x1 - x0) / (y1 - y0 if y1 != y0 else 1e-12)
        crosses += between & (points[:, 0] < at)
    inside[:9409] = (crosses % 2 == 1) & (points[:, 2] > 85)
    return inside


def _ear_shell(source: Source) -> np.ndarray:
    """The ear stands off the head: farther out than a smooth head of the same height and depth."""
    x, _, z = source.vertices.T
    head = 68.0 + 12.0 * np.sqrt(np.clip(1 - ((z - 5) / 95.0) ** 2, 0, 1))
    return np.abs(x) > np.minimum(head, 76.0)
