"""Normals of a displaced surface, from the slopes of its displacement, without moving a vertex."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hiface.geometry.normals import triangle_normals


def uv_gradients(
    vertices: Float[Tensor, "B V 3"],
    triangles: Int[Tensor, "T 3"],
    uv: Float[Tensor, "N 2"],
    uv_triangles: Int[Tensor, "T 3"],
) -> Float[Tensor, "B T 6"]:
    """∇u and ∇v over each triangle, per mm, in the frame of the vertices: x, y, z of ∇u, then of ∇v.

    Tangent to the triangle; zero where it has no area. Differentiable in the vertices.
    """
    a, b, c = (vertices[:, triangles[:, k]] for k in range(3))
    normal = triangle_normals(vertices, triangles)
    square = normal.square().sum(-1, keepdim=True)
    inverse = torch.where(square > 0, 1 / square.clamp_min(torch.finfo(square.dtype).tiny), 0.0)
    along_b = torch.linalg.cross(c - a, normal) * inverse
    along_c = torch.linalg.cross(normal, b - a) * inverse
    p, q, r = (uv[uv_triangles[:, k]].to(vertices.dtype) for k in range(3))
    du_dv = [along_b * (q - p)[:, k, None] + along_c * (r - p)[:, k, None] for k in range(2)]
    return torch.cat(du_dv, -1)


def displaced_normals(
    normals: Float[Tensor, "B *N 3"], slopes: Float[Tensor, "B *N 2"], gradients: Float[Tensor, "B *N 6"]
) -> Float[Tensor, "B *N 3"]:
    """Unit normals of the surface raised by D along its normals: N − ∂D/∂u ∇u − ∂D/∂v ∇v, normalised.

    slopes: ∂D/∂u and ∂D/∂v in mm per unit of u and v; gradients: ∇u and ∇v of `uv_gradients`. First order
    in D times the curvature: exact on a plane, good while wrinkles are shallow against the radius of the
    face.
    """
    relief = slopes[..., :1] * gradients[..., :3] + slopes[..., 1:] * gradients[..., 3:]
    return torch.nn.functional.normalize(normals - relief, dim=-1, eps=1e-12)
