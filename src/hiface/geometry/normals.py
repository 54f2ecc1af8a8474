"""Smooth vertex normals."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def triangle_normals(vertices: Float[Tensor, "B V 3"], triangles: Int[Tensor, "T 3"]) -> Float[Tensor, "B T 3"]:
    """Normals of triangles, as long as twice their area."""
    a, b, c = (vertices[:, triangles[:, k]] for k in range(3))
    return torch.linalg.cross(b - a, c - a)


def vertex_normals(vertices: Float[Tensor, "B V 3"], triangles: Int[Tensor, "T 3"]) -> Float[Tensor, "B V 3"]:
    """Unit normals at vertices, weighted by triangle area; differentiable. Zero where no triangle has area."""
    weighted = triangle_normals(vertices, triangles)
    normals = torch.zeros_like(vertices)
    for corner in range(3):
        normals = normals.index_add(1, triangles[:, corner], weighted)
    return torch.nn.functional.normalize(normals, dim=-1, eps=1e-12)
