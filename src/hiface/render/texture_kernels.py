"""The compiled loops of texture.py, one image each; imported only when a call needs them."""

from __future__ import annotations

from typing import no_type_check

import numpy as np

from hiface.render.compiled import compiled


@compiled
@no_type_check
def _taps(position, side):
    """The two texels around a position, the second's weight, and 1 where that moves with it, else 0."""
    inside = 0.0 < position < side - 1.0
    clamped = min(position if position > 0.0 else 0.0, side - 1.0)  # 0 for NaN: it must not become an index
    first = min(int(clamped), max(side - 2, 0))
    return first, min(first + 1, side - 1), clamped - first, 1.0 if inside else 0.0


@compiled
@no_type_check
def sample_image(texture, uv, mask, values):
    """Fills values (H, W, Q) where the mask is set: texture (R, R, Q), uv (H, W, 2), mask (H, W)."""
    side = texture.shape[0]
    for y in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            if not mask[y, x]:
                continue
            j0, j1, s, _ = _taps(np.float64(uv[y, x, 0]) * side - 0.5, side)
            i0, i1, t, _ = _taps((1.0 - np.float64(uv[y, x, 1])) * side - 0.5, side)
            for q in range(texture.shape[2]):
                upper = texture[i0, j0, q] * (1.0 - s) + texture[i0, j1, q] * s
                lower = texture[i1, j0, q] * (1.0 - s) + texture[i1, j1, q] * s
                values[y, x, q] = upper * (1.0 - t) + lower * t


@compiled
@no_type_check
def sample_image_backward(texture, uv, mask, grad, grad_texture, grad_uv):
    """Adds the gradients of `sample_image`; a gradient array of length 0 is not wanted."""
    side = texture.shape[0]
    for y in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            if not mask[y, x]:
                continue
            j0, j1, s, moves_u = _taps(np.float64(uv[y, x, 0]) * side - 0.5, side)
            i0, i1, t, moves_v = _taps((1.0 - np.float64(uv[y, x, 1])) * side - 0.5, side)
            grad_s, grad_t = 0.0, 0.0
            for q in range(texture.shape[2]):
                g = grad[y, x, q]
                if len(grad_texture) > 0:
                    grad_texture[i0, j0, q] += g * (1.0 - s) * (1.0 - t)
                    grad_texture[i0, j1, q] += g * s * (1.0 - t)
                    grad_texture[i1, j0, q] += g * (1.0 - s) * t
                    grad_texture[i1, j1, q] += g * s * t
                across = (texture[i0, j1, q] - texture[i0, j0, q]) * (1.0 - t)
                grad_s += g * (across + (texture[i1, j1, q] - texture[i1, j0, q]) * t)
                down = (texture[i1, j0, q] - texture[i0, j0, q]) * (1.0 - s)
                grad_t += g * (down + (texture[i1, j1, q] - texture[i0, j1, q]) * s)
            if len(grad_uv) > 0:
                grad_uv[y, x, 0] += grad_s * side * moves_u
                grad_uv[y, x, 1] -= grad_t * side * moves_v
