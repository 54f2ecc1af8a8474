"""Lids against the eyeball and against each other: clearance, and units that close without passing through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from tools.face_model.carry import SKIN
from tools.face_model.inner import Inner
from tools.face_model.seams import Seam, seam
from tools.face_model.source import Source

EDGE_RING, REACH = 3, (4, 12)
"""The lid's outer edge lies three edges from the socket; twelve edges away nothing moves with it."""
OVERLAP_MM, MOST_OVERLAP_MM = 0.8, 1.6
"""How far the closed upper lid comes down over the lower one on the mean face: people's lids open differently wide."""
THICKNESS_MM, PER_RING_MM = 0.12, 0.16
"""Least clearance from the ball at the lid's border, and how it grows from ring to ring."""


@dataclass(frozen=True)
class Lids:
    """The lids of one eye."""

    seam: Seam
    centre: np.ndarray
    rays: cKDTree
    """Directions of the ball's vertices from its centre."""
    radii: np.ndarray
    rest: np.ndarray
    """(N,) clearance of the seam's skin on the mean face."""
    wanted: np.ndarray
    """(N,) clearance that no unit may go below."""

    @classmethod
    def of(cls, source: Source, inner: Inner, side: str) -> Lids:
        eye = inner.eyes[side]
        ball = source.vertices[eye.ball] - eye.centre
        radii = np.linalg.norm(ball, axis=1)
        rays = cKDTree(ball / radii[:, None])
        lids = cls(
            seam(source, f"eye_socket_{side}", source.vertices, EDGE_RING, REACH), eye.centre, rays, radii,
            np.zeros(0), np.zeros(0),
        )  # fmt: skip
        rest = lids.clearance(source.vertices)
        thickness = THICKNESS_MM + PER_RING_MM * lids.seam.rings
        return cls(lids.seam, eye.centre, rays, radii, rest, np.minimum(np.maximum(rest, 0.02), thickness))

    def clearance(self, skin: np.ndarray) -> np.ndarray:
        """(N,) mm from the ball's surface, measured along its radius; negative inside."""
        away = skin[self.seam.near] - self.centre
        radius = np.linalg.norm(away, axis=1)
        distance, k = self.rays.query(away / radius[:, None], 3)
        weight = 1 / (distance + 1e-6)
        return radius - (self.radii[k] * weight).sum(1) / weight.sum(1)

    def guarded(self, skin: np.ndarray, inner: Inner, more: float = 0.0) -> np.ndarray:
        """The skin with nothing nearer to the ball than wanted and `more`: pushed out along the radius, smoothly."""
        skin = skin.copy()
        for _ in range(3):
            push = np.zeros(SKIN)
            push[self.seam.near] = np.maximum(self.wanted + more - self.clearance(skin), 0)
            if push.max() < 0.01:
                break
            for _ in range(4):
                push = np.maximum(push, 0.97 * (inner.spread @ push))
            away = skin[self.seam.near] - self.centre
            outward = away / np.linalg.norm(away, axis=1, keepdims=True)
            skin[self.seam.near] += push[self.seam.near, None] * outward
        return skin

    def closed(self, skin: np.ndarray, inner: Inner, most: float = OVERLAP_MM) -> np.ndarray:
        """Lids brought to an overlap of `OVERLAP_MM` to `most`, then held off the ball."""
        ends = np.clip(np.minimum(self.seam.along, 1 - self.seam.along) / 0.06, 0, 1)
        gap = self.seam.gap(skin)
        skin = self.seam.opened(skin, np.clip(gap, -most * ends, -OVERLAP_MM * ends) - gap, 0.8)
        return self.guarded(skin, inner)

    def profile(self, skin: np.ndarray) -> np.ndarray:
        """(11,) gap from corner to corner, mm."""
        k = np.flatnonzero((self.seam.rings == EDGE_RING) & self.seam.upper)
        k = k[np.argsort(self.seam.along[k])]
        return np.interp(np.linspace(0.05, 0.95, 11), self.seam.along[k], self.seam.gap(skin)[k])


LIP_RING, LIP_REACH = 7, (9, 18)


def lips(source: Source) -> Seam:
    """The seam where the lips meet: seven edges from the mouth's lining."""
    return seam(source, "mouth_socket", source.vertices, LIP_RING, LIP_REACH, 0.05)


def lip_profile(lip: Seam, skin: np.ndarray) -> np.ndarray:
    """(11,) gap between the lips from corner to corner, mm."""
    k = np.flatnonzero((lip.rings == LIP_RING) & lip.upper)
    k = k[np.argsort(lip.along[k])]
    return np.interp(np.linspace(0.05, 0.95, 11), lip.along[k], lip.gap(skin)[k])
