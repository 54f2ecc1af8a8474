"""The light is what an integral over the sphere says it is."""

from __future__ import annotations

import math

import pytest
import torch

from hiface.render.lighting import (
    DIFFUSE,
    grey_light,
    light_from_environment,
    shade,
    spherical_harmonics,
)


def sphere_points(count: int = 20_000) -> torch.Tensor:
    """Directions spread evenly (a Fibonacci spiral), (N, 3)."""
    i = torch.arange(count, dtype=torch.float64) + 0.5
    z = 1 - 2 * i / count
    phi = i * math.pi * (3 - math.sqrt(5))
    across = (1 - z * z).sqrt()
    return torch.stack([across * phi.cos(), across * phi.sin(), z], -1)


FACTORS = torch.tensor([DIFFUSE[0], *[DIFFUSE[1]] * 3, *[DIFFUSE[2]] * 5], dtype=torch.float64)


def environment(function, height: int = 64) -> torch.Tensor:  # type: ignore[no-untyped-def]
    """An equirectangular picture of a function of direction, by this test's own reading of the convention."""
    theta = (torch.arange(height, dtype=torch.float64) + 0.5)[:, None] / height * math.pi
    turn = (torch.arange(2 * height, dtype=torch.float64) + 0.5)[None] / (2 * height) * 2 * math.pi
    x, z = theta.sin() * turn.sin(), -theta.sin() * turn.cos()
    return function(torch.stack([x, theta.cos().expand_as(x), z], -1))


def test_harmonics_without_their_diffuse_factors_are_orthonormal() -> None:
    basis = spherical_harmonics(sphere_points()) / FACTORS
    gram = basis.T @ basis * (4 * math.pi / len(basis))
    torch.testing.assert_close(gram, torch.eye(9, dtype=torch.float64), rtol=0, atol=1e-3)


def test_shading_is_the_clamped_cosine_integral_of_the_light() -> None:
    light = torch.randn(9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    directions = sphere_points()
    radiance = (spherical_harmonics(directions) / FACTORS) @ light
    normals = sphere_points(40)
    cosine = (normals @ directions.T).clamp(min=0)
    reflected = cosine @ radiance * (4 * math.pi / len(directions)) / math.pi
    albedo = torch.full((1, 40, 3), 0.5, dtype=torch.float64)
    shaded = shade(albedo, normals[None], grey_light(light[None]))
    torch.testing.assert_close(shaded[0, :, 0], 0.5 * reflected, rtol=0, atol=2e-3)
    torch.testing.assert_close(shaded[..., 0], shaded[..., 2])


def test_constant_environment_lights_every_normal_alike() -> None:
    light = light_from_environment(torch.full((32, 64, 3), 0.7, dtype=torch.float64))
    normals = sphere_points(50)
    shaded = shade(torch.ones(1, 50, 3, dtype=torch.float64), normals[None], light[None])
    torch.testing.assert_close(shaded, torch.full_like(shaded, 0.7), rtol=0, atol=2e-3)


@pytest.mark.parametrize("axis", [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (-0.6, 0.0, 0.8)])
def test_a_lamp_lights_the_normals_that_face_it(axis: tuple[float, float, float]) -> None:
    lamp = torch.tensor(axis, dtype=torch.float64)
    picture = environment(lambda d: ((d @ lamp) > 0.95).double()[..., None].expand(*d.shape[:-1], 3))
    light = light_from_environment(picture)
    normals = sphere_points(500)
    shaded = shade(torch.ones(1, 500, 3, dtype=torch.float64), normals[None], light[None])[0, :, 0]
    assert normals[shaded.argmax()] @ lamp > 0.99


def test_projection_returns_the_light_that_made_the_environment() -> None:
    light = torch.randn(9, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    picture = environment(lambda d: (spherical_harmonics(d) / FACTORS) @ light)
    torch.testing.assert_close(light_from_environment(picture), light, rtol=0, atol=5e-3)


def test_turning_the_environment_turns_the_shading() -> None:
    picture = torch.rand(32, 64, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    normals = sphere_points(60)
    # A quarter turn of the columns to the right takes what stood at +z to -x.
    turned = torch.stack([-normals[:, 2], normals[:, 1], normals[:, 0]], -1)
    one = spherical_harmonics(normals) @ light_from_environment(picture)
    other = spherical_harmonics(turned) @ light_from_environment(picture.roll(16, 1))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_shading_is_linear_and_differentiable(backend: str) -> None:
    generator = torch.Generator().manual_seed(3)
    albedo, normals = (torch.rand(2, 4, 5, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    light = torch.randn(2, 9, 3, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(
        shade(albedo, normals, 2 * light, backend=backend), 2 * shade(albedo, normals, light, backend=backend)
    )
    torch.testing.assert_close(
        shade(albedo, normals, light, backend=backend), shade(albedo, normals, light, backend="torch")
    )
    leaves = [x.requires_grad_() for x in (albedo, normals, light)]
    assert torch.autograd.gradcheck(lambda *x: shade(*x, backend=backend), leaves, fast_mode=True)


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_black_albedo_still_feels_the_light(backend: str) -> None:
    albedo = torch.zeros(1, 1, 3, dtype=torch.float64, requires_grad=True)
    normals = torch.tensor([[[0.0, 0.6, 0.8]]], dtype=torch.float64)
    light = torch.randn(1, 9, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    shaded = shade(albedo, normals, light, backend=backend)
    (gradient,) = torch.autograd.grad(shaded.sum(), albedo)
    assert (shaded == 0).all()
    torch.testing.assert_close(gradient, shade(torch.ones_like(albedo), normals, light, backend="torch"))


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_points_outside_the_mask_are_dark_and_pull_at_nothing(backend: str) -> None:
    generator = torch.Generator().manual_seed(4)
    albedo, normals = (torch.rand(2, 6, 3, generator=generator, requires_grad=True) for _ in range(2))
    mask = torch.rand(2, 6, generator=generator) > 0.5
    shaded = shade(albedo, normals, torch.ones(2, 9, 3), mask, backend)
    gradients = torch.autograd.grad(shaded.sum(), (albedo, normals))
    assert (shaded[~mask] == 0).all()
    assert all((g[~mask] == 0).all() and (g[mask] != 0).any() for g in gradients)
