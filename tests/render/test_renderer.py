"""The whole picture: conventions, and gradients against differences of a supersampled scene."""

from __future__ import annotations

import math

import pytest
import torch
from render_meshes import bumpy_sphere, sphere, turned
from torch import Tensor

from hiface.errors import MeshError
from hiface.render.renderer import Renderer

MM = 220.0
"""Millimetres that a crop's side spans."""


def lights() -> Tensor:
    light = torch.zeros(1, 9, 3)
    light[0, 0] = 2.0
    light[0, 1:4] = torch.tensor([[1.0, 0.5, 0.2], [0.8, 1.0, 0.9], [-0.5, 0.1, 0.9]])
    light[0, 6] = 0.4
    return light


def untextured(triangles: Tensor, side: int, backend: str = "auto") -> Renderer:
    return Renderer(triangles, torch.zeros(1, 2), torch.zeros_like(triangles), side, backend=backend)  # type: ignore[arg-type]


def textured(side: int, backend: str = "auto") -> tuple[Renderer, Tensor]:
    """A ball of 80 mm with a UV of its own for every vertex, two materials in two tiles."""
    vertices, triangles = bumpy_sphere(24, 30, 0.08)
    uv = vertices[:, :2] * 0.4 + 0.5
    material = (vertices[triangles].mean(1)[:, 1] < 0).long()
    rows = triangles + len(uv) * material[:, None]
    both = torch.cat([uv, uv + torch.tensor([1.0, 0.0])])
    return Renderer(triangles, both, rows, side, material, backend), vertices[None] * 80  # type: ignore[arg-type]


SCALE = torch.tensor([1 / MM])


def test_axes_and_scale() -> None:
    vertices, triangles = sphere(20, 30)
    offset = torch.tensor([30.0, 50.0, 10.0])
    white = torch.ones(1, len(vertices), 3)
    rendering = untextured(triangles, 110)(vertices[None] * 20 + offset, SCALE, lights(), colours=white)
    y, x = (rendering.alpha[0] > 0).nonzero(as_tuple=True)
    assert (x + 0.5).mean() == pytest.approx(55 + 15, abs=0.1)
    assert (y + 0.5).mean() == pytest.approx(55 - 25, abs=0.1)
    assert len(x) == pytest.approx(math.pi * 100, rel=0.03)
    assert rendering.depth.min() == pytest.approx(-30, abs=0.2)
    right, up, front = (rendering.normals[0][i, j] for i, j in ((30, 79), (21, 70), (30, 70)))
    assert right[0] > 0.8
    assert up[1] > 0.8
    assert front[2] > 0.99


def test_light_from_the_right_lights_the_right() -> None:
    vertices, triangles = sphere(20, 30)
    light = torch.zeros(1, 9, 3)
    light[0, 0], light[0, 3] = 2.0, 2.0
    white = torch.ones(1, len(vertices), 3)
    image = untextured(triangles, 64)(vertices[None] * 80, SCALE, light, colours=white).image
    assert image[0, 32, 50, 0] > 2 * image[0, 32, 14, 0]


def test_even_light_shows_the_albedo_of_each_material() -> None:
    renderer, vertices = textured(64)
    even = torch.zeros(1, 9, 3)
    even[0, 0] = math.sqrt(4 * math.pi)
    textures = [torch.full((1, 8, 8, 3), 0.25), torch.full((1, 8, 8, 3), 0.75)]
    rendering = renderer(vertices, SCALE, even, textures)
    seen = rendering.alpha[0] > 0
    torch.testing.assert_close(rendering.image[0, :20][seen[:20]], torch.full((int(seen[:20].sum()), 3), 0.25))
    torch.testing.assert_close(rendering.image[0, 44:][seen[44:]], torch.full((int(seen[44:].sum()), 3), 0.75))
    assert (rendering.uv >= 0).all()
    assert (rendering.uv <= 1).all()
    assert (rendering.over(0.5)[0][~seen] == 0.5).all()
    assert torch.equal(rendering.over(0.5)[0][seen], rendering.image[0][seen])
    mixed = renderer(vertices, SCALE, even, textures[:1], colours=torch.full_like(vertices, 0.1))
    torch.testing.assert_close(mixed.image[0, 44:][seen[44:]], torch.full((int(seen[44:].sum()), 3), 0.1))
    torch.testing.assert_close(mixed.image[0, :20], rendering.image[0, :20])


def test_backends_render_and_differentiate_alike() -> None:
    results = []
    for backend in ("numba", "torch"):
        renderer, vertices = textured(48, backend)
        generator = torch.Generator().manual_seed(0)
        textures = [torch.rand(1, 16, 16, 3, generator=generator) for _ in range(2)]
        slopes = torch.randn(1, 16, 16, 2, generator=generator)
        leaves = [x.requires_grad_() for x in (vertices, SCALE.clone(), lights(), *textures, slopes * 20)]
        rendering = renderer(*leaves[:3], leaves[3:5], slopes=leaves[5])
        weight = torch.randn(rendering.image.shape, generator=generator)
        gradients = torch.autograd.grad((rendering.over(0.2) * weight).sum(), leaves)
        results.append((rendering.image.detach(), rendering.normals.detach(), *gradients))
    for fast, slow in zip(*results, strict=True):
        torch.testing.assert_close(fast, slow, rtol=1e-3, atol=1e-3 * float(slow.abs().max()))


def test_gradients_of_texture_light_and_relief_match_differences() -> None:
    renderer, vertices = textured(32)
    generator = torch.Generator().manual_seed(0)
    vertices = vertices.double()
    leaves = [
        lights().double(),
        *(torch.rand(1, 6, 6, 3, generator=generator).double() for _ in range(2)),
        torch.randn(1, 6, 6, 2, generator=generator).double() * 20,
    ]
    weight = torch.randn(1, 32, 32, 3, generator=generator).double()

    def loss(light: Tensor, upper: Tensor, lower: Tensor, slopes: Tensor) -> Tensor:
        rendering = renderer(vertices, SCALE.double(), light, [upper, lower], slopes=slopes)
        return (rendering.image * weight).sum()

    assert torch.autograd.gradcheck(loss, [x.requires_grad_() for x in leaves], fast_mode=True)


def moved(vertices: Tensor, how: Tensor) -> Tensor:
    """Vertices shifted right and up by how[0] and how[1] mm, grown by how[2] and bent by how[3] mm."""
    shift = torch.stack([how[0], how[1], 0 * how[0]])
    bend = torch.sin(vertices[:, [1, 2, 0]] / 30) + torch.cos(vertices[:, [2, 0, 1]] / 45)
    return (vertices * (1 + how[2] / 80) + bend * how[3])[None] + shift


def test_outlines_and_interiors_move_as_in_a_supersampled_scene() -> None:
    side, fine = 112, 6
    vertices, triangles = bumpy_sphere(50, 60, 0.06)
    low, high = untextured(triangles, side), untextured(triangles, side * fine)
    colours = 0.5 + 0.4 * torch.sin(vertices[None] * 3 + torch.tensor([0.0, 1.0, 2.0]))
    analytic, differences = [], []
    for pose in range(3):
        shape = turned(vertices, pose) * 75
        rough = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(pose))
        resize = torch.nn.functional.interpolate(rough, size=(side, side), mode="bicubic", align_corners=False)
        weight = resize.permute(0, 2, 3, 1)

        def loss(renderer: Renderer, how: Tensor, shape: Tensor = shape, weight: Tensor = weight) -> Tensor:
            image = renderer(moved(shape, how), SCALE, lights(), colours=colours).over(0.3)
            pooled = torch.nn.functional.avg_pool2d(image.permute(0, 3, 1, 2), image.shape[1] // side)
            return (pooled.permute(0, 2, 3, 1) * weight).sum()

        how = torch.zeros(4, requires_grad=True)
        analytic.append(torch.autograd.grad(loss(low, how), how)[0])
        with torch.no_grad():
            steps = torch.eye(4) * 0.5 * MM / side
            differences.append(torch.stack([loss(high, s) - loss(high, -s) for s in steps]) / (MM / side))
    got, expected = torch.stack(analytic), torch.stack(differences)
    rigid = torch.nn.functional.cosine_similarity(got[:, :3].flatten(), expected[:, :3].flatten(), dim=0)
    bent = torch.nn.functional.cosine_similarity(got[:, 3], expected[:, 3], dim=0)
    assert rigid > 0.995
    assert bent > 0.995
    assert ((got - expected).norm() / expected.norm()) < 0.1


def test_missing_textures_are_named() -> None:
    renderer, vertices = textured(16)
    with pytest.raises(MeshError, match=r"\[1\] have no texture"):
        renderer(vertices, SCALE, lights(), [torch.ones(1, 4, 4, 3)])
    with pytest.raises(MeshError, match="materials"):
        Renderer(renderer.triangles, renderer.uv, renderer.uv_triangles, 16, torch.zeros(3, dtype=torch.long))
    with pytest.raises(MeshError, match="UV triangles"):
        Renderer(renderer.triangles, renderer.uv, renderer.uv_triangles[1:], 16)
