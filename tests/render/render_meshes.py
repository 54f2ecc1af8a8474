"""Small meshes for the renderer's tests: a bumpy sphere, a triangle soup, and cameras to see them with."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor


def sphere(rows: int = 14, columns: int = 20) -> tuple[Tensor, Tensor]:
    """Unit sphere, outward triangles: vertices (V, 3) with +y up, triangles (T, 3)."""
    theta = torch.linspace(0, math.pi, rows + 1)[1:-1, None].double()
    phi = (torch.arange(columns) * (2 * math.pi / columns))[None].double()
    ring = torch.stack([theta.sin() * phi.sin(), theta.cos().expand(-1, columns), theta.sin() * phi.cos()], -1)
    poles = torch.tensor([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]], dtype=torch.float64)
    vertices = torch.cat([ring.reshape(-1, 3), poles]).float()
    top, bottom = len(vertices) - 2, len(vertices) - 1
    triangles = []
    for c in range(columns):
        d = (c + 1) % columns
        triangles.append((top, c, d))
        for r in range(rows - 2):
            a, b = r * columns + c, r * columns + d
            triangles += [(a, a + columns, b), (b, a + columns, b + columns)]
        last = (rows - 2) * columns
        triangles.append((bottom, last + d, last + c))
    return vertices, torch.tensor(triangles)


def bumpy_sphere(rows: int = 14, columns: int = 20, height: float = 0.12) -> tuple[Tensor, Tensor]:
    """A sphere with smooth bumps, so that it hides parts of itself."""
    vertices, triangles = sphere(rows, columns)
    waves = torch.sin(4 * vertices[:, 0] + 1) * torch.sin(5 * vertices[:, 1]) + torch.sin(6 * vertices[:, 2])
    return vertices * (1 + height * waves[:, None]), triangles


def turned(vertices: Tensor, seed: int) -> Tensor:
    """The vertices under a random rotation."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    q[:, 0] *= np.linalg.det(q)
    return vertices @ torch.tensor(q, dtype=vertices.dtype).T


def to_screen(vertices: Tensor, side: int, radius: float = 0.36) -> Tensor:
    """Orthographic screen positions: a unit length is `radius` sides; y down, z away from the camera."""
    return vertices * torch.tensor([1.0, -1.0, -1.0], dtype=vertices.dtype) * (radius * side) + torch.tensor(
        [side / 2, side / 2, 0.0], dtype=vertices.dtype
    )


def soup(count: int, side: int, seed: int) -> tuple[Tensor, Tensor]:
    """Random triangles of all sizes, some beyond the borders: screen (1, V, 3), triangles (count, 3)."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform(-0.2, 1.2, (count, 1, 3)) * side
    size = side * rng.choice([0.005, 0.05, 0.5], (count, 1, 1))
    corners = (centre + rng.normal(size=(count, 3, 3)) * size).reshape(1, -1, 3)
    return torch.tensor(corners, dtype=torch.float32), torch.arange(3 * count).reshape(-1, 3)
