"""The mirror image of every vertex."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

NEAR_MM = 2.0


def mirror_vertices(vertices: Float[np.ndarray, "V 3"], plane: float) -> Int[np.ndarray, "V"]:
    """For each vertex its image in x = `plane`, an involution: pairs that do not choose each other stay alone."""
    mirrored = vertices * [-1, 1, 1] + [2 * plane, 0, 0]
    distance, partner = cKDTree(vertices).query(mirrored)
    own = np.arange(len(vertices))
    mutual = (partner[partner] == own) & (distance < NEAR_MM)
    return np.where(mutual, partner, own)
