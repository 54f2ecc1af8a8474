"""Strain of a surface between two shapes: how much, and which way, each triangle is squeezed."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

STRONGEST = 0.4
"""Compression counted at most: folds at the lips are an artefact of the mesh."""


def principal_compression(
    rest: Float[np.ndarray, "V 3"], moved: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"]
) -> tuple[Float[np.ndarray, "T"], Float[np.ndarray, "T 3"]]:
    """Largest compression of each triangle (0 to `STRONGEST`) and its unit direction at rest, from the strain."""
    a, b, c = triangles.T
    first, second = rest[b] - rest[a], rest[c] - rest[a]
    normal = np.cross(first, second)
    x = first / np.linalg.norm(first, axis=1, keepdims=True)
    y = np.cross(normal / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12), x)
    plane = np.stack([np.stack([(e * x).sum(1), (e * y).sum(1)], 1) for e in (first, second)], 2)
    gradient = np.stack([moved[b] - moved[a], moved[c] - moved[a]], 2) @ np.linalg.inv(plane)
    values, vectors = np.linalg.eigh(np.einsum("nki,nkj->nij", gradient, gradient))
    squeezed = np.clip(1 - np.sqrt(np.maximum(values[:, 0], 0)), 0, STRONGEST)
    return squeezed, vectors[:, 0, :1] * x + vectors[:, 1, :1] * y
