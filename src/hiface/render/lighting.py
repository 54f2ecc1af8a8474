"""Diffuse light as second-order spherical harmonics (Eq. 3), and what an environment picture gives for it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hiface.render.backends import Backend, choose_backend, for_each_image

DIFFUSE = (1.0, 2 / 3, 1 / 4)
"""What a diffuse surface keeps of the bands 0, 1, 2: the clamped cosine's factors π, 2π/3, π/4 over π."""


_BANDS = (0, 1, 1, 1, 2, 2, 2, 2, 2)
_NORMS = (1 / 4, 3 / 4, 3 / 4, 3 / 4, 15 / 4, 15 / 4, 5 / 16, 15 / 4, 15 / 16)
HARMONICS = tuple(math.sqrt(n / math.pi) for n in _NORMS)
"""Factors of the orthonormal real harmonics of 1; y, z, x; xy, yz, 3z² − 1, xz, x² − y²."""

FACTORS = tuple(h * DIFFUSE[band] for h, band in zip(HARMONICS, _BANDS, strict=True))
"""Factors of Ψ: those of the harmonics and of the diffuse surface."""

ODD_IN_X = (3, 4, 7)
"""Harmonics that change sign with x: x, xy, xz."""

_FACTORS = np.array(FACTORS)


def spherical_harmonics(normals: Float[Tensor, "*N 3"]) -> Float[Tensor, "*N 9"]:
    """Ψ(N) of Eq. 3 at unit normals, in the order 1, y, z, x, xy, yz, 3z² − 1, xz, x² − y².

    The diffuse factors are folded in: Ψ_k = `DIFFUSE` × the orthonormal harmonic. γ are then the coefficients
    of the light that arrives, and light of radiance 1 from everywhere (γ_1 = √4π, else 0) shades with 1.
    """
    x, y, z = normals.unbind(-1)
    terms = (torch.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y)
    return torch.stack([factor * term for factor, term in zip(FACTORS, terms, strict=True)], -1)


def shade(
    albedo: Float[Tensor, "B *N 3"],
    normals: Float[Tensor, "B *N 3"],
    light: Float[Tensor, "B 9 3"],
    mask: Bool[Tensor, "B *N"] | None = None,
    backend: Backend = "auto",
) -> Float[Tensor, "B *N 3"]:
    """T = A ⊙ Σ_k γ_k Ψ_k(N) (Eq. 3), linear; not clamped, so that dark light keeps its gradient.

    The paper's grey light, γ ∈ R⁹, is the same column for all three channels. Points outside `mask` are zero and
    cost nothing on the CPU. Differentiable in albedo, normals and light.
    """
    if choose_backend(backend, albedo.device) == "numba":
        flat = (x.reshape(len(light), -1, 3) for x in (albedo, normals))
        wanted = albedo.new_ones(albedo.shape[:-1], dtype=torch.bool) if mask is None else mask
        numba_result: Tensor = _Shade.apply(*flat, light, wanted.reshape(len(light), -1))
        return numba_result.reshape(albedo.shape)
    basis = spherical_harmonics(normals.flatten(1, -2))
    shaded = albedo * (basis @ light).reshape(albedo.shape)
    return shaded if mask is None else shaded * mask[..., None]


class _Shade(torch.autograd.Function):
    """The compiled loops with their gradient written out (CPU)."""

    @staticmethod
    def forward(ctx: Any, albedo: Tensor, normals: Tensor, light: Tensor, mask: Tensor) -> Tensor:
        from hiface.render.shading_kernels import shade_image

        ctx.save_for_backward(albedo, normals, light, mask)
        shaded = torch.zeros(albedo.shape, dtype=albedo.dtype)
        arrays = [x.detach().contiguous().numpy() for x in (albedo, normals, light, mask, shaded)]
        for_each_image(lambda b: shade_image(*(x[b] for x in arrays[:4]), _FACTORS, arrays[4][b]), len(light))
        return shaded

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        from hiface.render.shading_kernels import shade_image_backward

        results = tuple(torch.zeros(x.shape, dtype=x.dtype) for x in ctx.saved_tensors[:3])
        arrays = [x.detach().contiguous().numpy() for x in (*ctx.saved_tensors, *grads, *results)]

        def one(b: int) -> None:
            albedo, normals, light, mask, *rest = (x[b] for x in arrays)
            shade_image_backward(albedo, normals, light, mask, _FACTORS, *rest)

        for_each_image(one, len(grads[0]))
        return *results, None


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
    orthonormal = spherical_harmonics(directions) / equirect.new_tensor([DIFFUSE[band] for band in _BANDS])
    return torch.einsum("hwk,hwc,h->kc", orthonormal, equirect, solid_angle)
