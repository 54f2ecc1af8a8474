"""Meshes that are worn: their form, their place in the head's frame, and small builders of meshes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

OPAQUE = np.full((1, 1), 255, np.uint8)
WHITE = np.ones((1, 1, 3), np.float32)
TEXTURED, SOLID = 0, 255
"""Values of `Thing.cover` with a meaning of their own; any other is a constant opacity."""


@dataclass(frozen=True)
class Thing:
    """A mesh with one material, in the posed frame (of `FaceModel.pose`), mm."""

    name: str
    points: Float[np.ndarray, "N 3"]
    triangles: Int[np.ndarray, "T 3"]
    colour: Float[np.ndarray, "3"]
    """Linear albedo, times the texture."""
    gloss: float
    power: float
    uv: Float[np.ndarray, "N 2"]
    alpha: UInt8[np.ndarray, "R R"]
    texture: Float[np.ndarray, "R R 3"]
    cover: int
    normals: Float[np.ndarray, "N 3"] | None = None
    """Where the mesh's own would look wrong (hair); None takes the mesh's."""
    tangents: Float[np.ndarray, "N 3"] | None = None
    """Along the strands of hair, for its gloss; None where gloss is that of a smooth surface."""


@dataclass(frozen=True)
class Wearer:
    """The person as things are fitted to them."""

    skin: Float[np.ndarray, "V 3"]
    """With expression, before pose: the head's own frame."""
    posed: Float[np.ndarray, "V 3"]
    """Skin after pose."""
    turn: Float[np.ndarray, "3 3"]
    shift: Float[np.ndarray, "3"]
    """Head frame to posed frame: x → turn x + shift."""

    def place(self, points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
        """Points of the head's frame in the posed frame."""
        return np.asarray(points @ self.turn.T + self.shift, np.float32)


def solid(
    name: str, mesh: tuple[Float[np.ndarray, "N 3"], Int[np.ndarray, "T 3"]], colour: Float[np.ndarray, "3"],
    gloss: float, power: float, cover: int = SOLID,
) -> Thing:  # fmt: skip
    """A thing of one colour. `mesh` is in the posed frame."""
    points, triangles = mesh
    uv = np.zeros((len(points), 2), np.float32)
    return Thing(name, points, triangles, colour, gloss, power, uv, OPAQUE, WHITE, cover)


def strip(
    a: Float[np.ndarray, "N 3"], b: Float[np.ndarray, "N 3"]
) -> tuple[Float[np.ndarray, "M 3"], Int[np.ndarray, "T 3"]]:
    """The band between two lines of equally many points."""
    i, n = np.arange(len(a) - 1), len(a)
    triangles = np.concatenate([np.stack([i, i + 1, i + n], 1), np.stack([i + 1, i + 1 + n, i + n], 1)])
    return np.concatenate([a, b]), triangles


def grid(rows: Float[np.ndarray, "R C 3"]) -> tuple[Float[np.ndarray, "N 3"], Int[np.ndarray, "T 3"]]:
    """The surface through a grid of points."""
    r, c, _ = rows.shape
    i, j = np.meshgrid(np.arange(r - 1), np.arange(c - 1), indexing="ij")
    a = (i * c + j).ravel()
    triangles = np.concatenate([np.stack([a, a + 1, a + c], 1), np.stack([a + 1, a + c + 1, a + c], 1)])
    return rows.reshape(-1, 3), triangles


def merge(
    parts: list[tuple[Float[np.ndarray, "N 3"], Int[np.ndarray, "T 3"]]],
) -> tuple[Float[np.ndarray, "M 3"], Int[np.ndarray, "T 3"]]:
    """One mesh of several."""
    points, triangles, count = [], [], 0
    for p, t in parts:
        points.append(p)
        triangles.append(t + count)
        count += len(p)
    return np.concatenate(points).astype(np.float32), np.concatenate(triangles).astype(np.int32)
