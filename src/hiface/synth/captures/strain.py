"""How much a person's own skull is squeezed by expressions, against the mean face.

An expression moves skin by the same millimetres on every skull; a low forehead is folded more by them than a
high one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from hiface.detail.squeeze import site_weight, unit_offsets
from hiface.face.model import FaceModel
from hiface.geometry.strain import principal_compression
from hiface.synth.captures.surface import Surface

FAMILY_UNITS = {
    "forehead": "browInnerUp",
    "glabella": "browDown",
    "procerus": "noseSneer",
    "bunny": "noseSneer",
    "crow": "cheekSquint",
    "lower_lid": "cheekSquint",
    "nasolabial": "mouthSmile",
    "cheek": "mouthSmile",
    "perioral": "mouthPucker",
    "marionette": "mouthFrown",
}
"""The expression unit that makes each family of lines, where one does."""
LEAST, MOST = 0.75, 1.3
"""Bounds of a factor: depth is not proportional to strain far from the usual."""


@dataclass(frozen=True)
class _Site:
    triangles: Int[np.ndarray, "T 3"]
    offsets: Float[np.ndarray, "V 3"]
    weight: Float[np.ndarray, "T"]
    usual: float

    def squeeze(self, vertices: Float[np.ndarray, "V 3"]) -> float:
        squeezed, _ = principal_compression(vertices, vertices + self.offsets, self.triangles)
        return float(squeezed @ self.weight)


class Squeeze:
    """Mean compression of a family's site by its unit, over that of the mean face."""

    def __init__(self, face: FaceModel, surface: Surface) -> None:
        self._sites = {unit: _site(face, surface, unit) for unit in sorted(set(FAMILY_UNITS.values()))}

    def __call__(self, vertices: Float[np.ndarray, "V 3"]) -> Mapping[str, float]:
        """A factor by family for a neutral shape (the face's vertices, mm), in [`LEAST`, `MOST`]."""
        factors = {
            unit: float(np.clip(site.squeeze(vertices) / site.usual, LEAST, MOST)) for unit, site in self._sites.items()
        }
        return {family: factors[unit] for family, unit in FAMILY_UNITS.items()}


def _site(face: FaceModel, surface: Surface, unit: str) -> _Site:
    vertices = surface.vertices
    corners = vertices[surface.triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    weight = area * np.clip(site_weight(unit, corners.mean(1)) - 0.1, 0, None) * (corners.mean(1)[:, 2] > 0)
    inside = weight > 0
    offsets = unit_offsets(face, unit, len(vertices))
    site = _Site(surface.triangles[inside], offsets, weight[inside] / weight[inside].sum(), 1.0)
    return _Site(site.triangles, offsets, site.weight, site.squeeze(vertices))
