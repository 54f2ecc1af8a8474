"""Diffuse light as second-order spherical harmonics (Eq. 3), and what an environment picture gives for it."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

HARMONICS = (
    math.sqrt(1 / (4 * math.pi)),
    math.sqrt(3 / (4 * math.pi)),
    math.sqrt(15 / (4 * math.pi)),
    math.sqrt(5 / (16 * math.pi)),
    math.sqrt(15 / (16 * math.pi)),
)
"""Factors of the orthonormal real harmonics: 1; y, z, x; xy, yz, xz; 3z² − 1; x² − y²."""

DIFFUSE = (1.0, 2 / 3, 1 / 4)
"""What a diffuse surface keeps of the bands 0, 1, 2: the clamped cosine's factors π, 2π/3, π/4 over π."""


def spherical_harmonics(normals: Float[Tensor, "*N 3"]) -> Float[Tensor, "*N 9"]:
    """Ψ(N) of Eq. 3 at unit normals, in the order 1, y, z, x, xy, yz, 3z² − 1, xz, x² − y².

    The diffuse factors are folded in: Ψ_k = `DIFFUSE` × the orthonormal harmonic. γ are then the
    coefficients of the light that arrives, and light of radiance 1 from everywhere (γ_1 = √4π, else 0)
    gives a shading of 1.
    """
    x, y, z = normals.unbind(-1)
    c0, c1, c2, c3, c4 = HARMONICS
    first, second = c1 * DIFFUSE[1], c2 * DIFFUSE[2]
    return torch.stack(
        [
            torch.full_like(x, c0 * DIFFUSE[0]),
            first * y,
            first * z,
            first * x,
            second * x * y,
            second * y * z,
            c3 * DIFFUSE[2] * (3 * z * z - 1),
            second * x * z,
            c4 * DIFFUSE[2] * (x * x - y * y),
        ],
        -1,
    )


def shade(
    albedo: Float[Tensor, "B *N 3"], normals: Float[Tensor, "B *N 3"], light: Float[Tensor, "B 9 3"]
) -> Float[Tensor, "B *N 3"]:
    """T = A ⊙ Σ_k γ_k Ψ_k(N) (Eq. 3), linear; not clamped, so that dark light keeps its gradient.

    The paper's grey light, γ ∈ R⁹, is the same column for all three channels. Differentiable in everything.
    """
    basis = spherical_harmonics(normals.flatten(1, -2))
    return albedo * (basis @ light).reshape(albedo.shape)


def grey_light(light: Float[Tensor, "B 9"]) -> Float[Tensor, "B 9 3"]:
    """The paper's γ ∈ R⁹ as a light of three equal channels."""
    return light[..., None].expand(-1, -1, 3)


def light_from_environment(equirect: Float[Tensor, "H W 3"]) -> Float[Tensor, "9 3"]:
    """γ of an environment picture (equirectangular, linear radiance): ∫ L(ω) Y_k(ω) dω over the sphere.

    Row 0 is straight up (+y). The middle column is what the face looks at (+z, where the camera stands), and
    columns run to the right as the face sees them, towards −x.
    """
    height, width = equirect.shape[:2]
    borders = torch.linspace(0, math.pi, height + 1).to(equirect).cos()
    solid_angle = (borders[:-1] - borders[1:]) * (2 * math.pi / width)
    theta = (torch.arange(height).to(equirect) + 0.5) * (math.pi / height)
    phi = (torch.arange(width).to(equirect) + 0.5) * (2 * math.pi / width) - math.pi
    up, across = theta.cos()[:, None].expand(-1, width), theta.sin()[:, None]
    directions = torch.stack([-across * phi.sin(), up, across * phi.cos()], -1)
    orthonormal = spherical_harmonics(directions) / _diffuse_factors(equirect)
    return torch.einsum("hwk,hwc,h->kc", orthonormal, equirect, solid_angle)


def _diffuse_factors(like: Tensor) -> Float[Tensor, "9"]:
    return torch.tensor([DIFFUSE[0], *[DIFFUSE[1]] * 3, *[DIFFUSE[2]] * 5]).to(like)
