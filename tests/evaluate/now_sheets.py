"""A scan, a prediction and landmarks for NoW's self-tests, in millimetres, made of the golden grid."""

from __future__ import annotations

import numpy as np

import golden_grid as golden
from hiface.geometry.surface import Mesh

STEP = 0.5
SEVEN = (36, 39, 42, 45, 33, 48, 54)


def scan() -> Mesh:
    mesh = golden.prediction("A", STEP)
    return mesh.with_vertices(golden.MM_PER_UNIT * mesh.vertices)


def prediction(case: str = "E") -> Mesh:
    mesh = golden.prediction(case, STEP)
    return mesh.with_vertices(golden.MM_PER_UNIT * mesh.vertices)


def landmarks(mesh: Mesh) -> np.ndarray:
    """The outer and inner eye corners, nose base and mouth corners of a mesh of the grid's topology."""
    return golden.anchors(STEP).on(mesh.vertices)[list(SEVEN)]


def sphere_cap(radius: float, angle: float, rings: int = 24, spokes: int = 48) -> Mesh:
    """The part of a sphere around its +z pole, up to an angle, by rings of equal height on the axis."""
    height = np.linspace(1.0, np.cos(angle), rings + 1)
    turn = np.linspace(0.0, 2 * np.pi, spokes, endpoint=False)
    out = np.sqrt(1 - height**2)
    points = [out[:, None] * np.cos(turn), out[:, None] * np.sin(turn), np.repeat(height[:, None], spokes, 1)]
    ring = (np.arange(rings)[:, None] * spokes + np.arange(spokes)).ravel()
    following = (np.arange(rings)[:, None] * spokes + (np.arange(spokes) + 1) % spokes).ravel()
    triangles = [ring, ring + spokes, following + spokes, ring, following + spokes, following]
    return Mesh(radius * np.stack(points, -1).reshape(-1, 3), np.stack(triangles, 1).reshape(-1, 3))
