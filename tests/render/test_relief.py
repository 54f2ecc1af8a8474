"""Relief in the shading is that of a surface that was really displaced."""

from __future__ import annotations

import math

import torch
from render_meshes import bumpy_sphere

from hiface.geometry.normals import vertex_normals
from hiface.render.relief import displaced_normals, uv_gradients


def test_gradients_are_tangent_and_rise_as_the_uv_do() -> None:
    vertices, triangles = bumpy_sphere()
    vertices = vertices.double()[None] * 80
    uv = torch.rand(len(vertices[0]), 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    gradients = uv_gradients(vertices, triangles, uv, triangles).unflatten(-1, (2, 3))
    corner = vertices[:, triangles]
    for k in (1, 2):
        edge = corner[:, :, k] - corner[:, :, 0]
        rise = (gradients * edge[:, :, None]).sum(-1)
        torch.testing.assert_close(rise[0], uv[triangles[:, k]] - uv[triangles[:, 0]])
    normal = torch.linalg.cross(corner[:, :, 1] - corner[:, :, 0], corner[:, :, 2] - corner[:, :, 0])
    assert (gradients * normal[:, :, None]).sum(-1).abs().max() < 1e-9 * gradients.abs().max() * normal.abs().max()


def test_a_triangle_without_area_has_no_gradient_and_no_nan() -> None:
    vertices = torch.zeros(1, 3, 3, requires_grad=True)
    triangles = torch.tensor([[0, 1, 2]])
    gradients = uv_gradients(vertices, triangles, torch.rand(3, 2), triangles)
    (back,) = torch.autograd.grad(gradients.sum(), vertices)
    assert (gradients == 0).all()
    assert torch.isfinite(back).all()


def test_relief_of_a_wavy_plate_is_its_normals() -> None:
    count, width, height, depth = 61, 100.0, 50.0, 1.5
    u, v = torch.meshgrid(*[torch.linspace(0, 1, count, dtype=torch.float64)] * 2, indexing="ij")
    wave = depth * torch.sin(2 * math.pi * u) * torch.cos(2 * math.pi * v)
    slope_u = 2 * math.pi * depth * torch.cos(2 * math.pi * u) * torch.cos(2 * math.pi * v)
    slope_v = -2 * math.pi * depth * torch.sin(2 * math.pi * u) * torch.sin(2 * math.pi * v)
    flat = torch.stack([width * u, height * v, 0 * u], -1).reshape(1, -1, 3)
    raised = flat + torch.stack([0 * u, 0 * u, wave], -1).reshape(1, -1, 3)
    index = torch.arange(count * count).reshape(count, count)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    triangles = torch.cat([torch.stack([a, b, c], -1), torch.stack([a, c, d], -1)]).reshape(-1, 3)
    gradients = uv_gradients(flat, triangles, torch.stack([u, v], -1).reshape(-1, 2), triangles)
    one_plane = gradients[:, :1].expand(-1, count * count, -1)
    slopes = torch.stack([slope_u, slope_v], -1).reshape(1, -1, 2)
    relief = displaced_normals(vertex_normals(flat, triangles), slopes, one_plane)
    inner = index[2:-2, 2:-2].reshape(-1)
    cosine = (relief * vertex_normals(raised, triangles))[0, inner].sum(-1)
    assert cosine.min() > math.cos(math.radians(0.3))
    assert (relief[0, inner, 2]).min() < math.cos(math.radians(10))
