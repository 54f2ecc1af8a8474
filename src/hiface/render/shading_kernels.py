"""The compiled loops of `lighting.shade`, one image each; imported only when a call needs them.

They take albedo (P, 3), normals (P, 3), light (9, 3), mask (P) and the nine `lighting.FACTORS`.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np

from hiface.render.compiled import compiled


@compiled
@no_type_check
def _basis(normal, factors, basis):
    """Fills basis (9) with Ψ(N)."""
    x, y, z = normal[0], normal[1], normal[2]
    basis[0] = factors[0]
    basis[1], basis[2], basis[3] = factors[1] * y, factors[2] * z, factors[3] * x
    basis[4], basis[5] = factors[4] * x * y, factors[5] * y * z
    basis[6] = factors[6] * (3.0 * z * z - 1.0)
    basis[7], basis[8] = factors[7] * x * z, factors[8] * (x * x - y * y)


@compiled
@no_type_check
def shade_image(albedo, normals, light, mask, factors, shaded):
    """Fills shaded (P, 3)."""
    basis = np.zeros(9)
    for p in range(len(albedo)):
        if not mask[p]:
            continue
        _basis(normals[p], factors, basis)
        for c in range(3):
            radiance = 0.0
            for k in range(9):
                radiance += basis[k] * light[k, c]
            shaded[p, c] = albedo[p, c] * radiance


@compiled
@no_type_check
def shade_image_backward(albedo, normals, light, mask, factors, grad, grad_albedo, grad_normals, grad_light):
    """Adds the gradients of `shade_image`."""
    basis, pull, light_pull = np.zeros(9), np.zeros(9), np.zeros((9, 3))
    for p in range(len(albedo)):
        if not mask[p]:
            continue
        _basis(normals[p], factors, basis)
        pull[:] = 0.0
        for c in range(3):
            radiance, g = 0.0, np.float64(grad[p, c]) * albedo[p, c]
            for k in range(9):
                radiance += basis[k] * light[k, c]
                pull[k] += g * light[k, c]
                light_pull[k, c] += g * basis[k]
            grad_albedo[p, c] += grad[p, c] * radiance
        x, y, z = normals[p, 0], normals[p, 1], normals[p, 2]
        for k in range(1, 9):
            pull[k] *= factors[k]
        grad_normals[p, 0] += pull[3] + pull[4] * y + pull[7] * z + 2.0 * pull[8] * x
        grad_normals[p, 1] += pull[1] + pull[4] * x + pull[5] * z - 2.0 * pull[8] * y
        grad_normals[p, 2] += pull[2] + pull[5] * y + 6.0 * pull[6] * z + pull[7] * x
    grad_light += light_pull
