"""Textures looked up at the pixels of a picture."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hiface.render.backends import Backend, choose_backend, for_each_image


def sample_texture(
    texture: Float[Tensor, "#B R R Q"],
    uv: Float[Tensor, "B H W 2"],
    mask: Bool[Tensor, "B H W"] | None = None,
    backend: Backend = "auto",
) -> Float[Tensor, "B H W Q"]:
    """Bilinear look-up; v points up, so row 0 of the texture is v = 1; clamped at the border.

    Texel (i, j) has its centre at u = (j + ½)/R, v = 1 − (i + ½)/R. Pixels outside `mask` are zero and cost
    nothing on the CPU. Differentiable in texture and uv; a texture with a batch of 1 serves all images.
    """
    wanted = torch.ones_like(uv[..., 0], dtype=torch.bool) if mask is None else mask
    texture = texture.expand(len(uv), -1, -1, -1)
    if choose_backend(backend, uv.device) == "numba":
        numba_result: Tensor = _Sample.apply(texture, uv, wanted)
        return numba_result
    grid = torch.stack([2 * uv[..., 0] - 1, 1 - 2 * uv[..., 1]], -1)
    found = torch.nn.functional.grid_sample(
        texture.permute(0, 3, 1, 2), grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return found.permute(0, 2, 3, 1) * wanted[..., None]


class _Sample(torch.autograd.Function):
    """The compiled loops with their gradient written out (CPU)."""

    @staticmethod
    def forward(ctx: Any, texture: Tensor, uv: Tensor, mask: Tensor) -> Tensor:
        from hiface.render.texture_kernels import sample_image

        ctx.save_for_backward(texture, uv, mask)
        values = torch.zeros(*uv.shape[:-1], texture.shape[-1], dtype=texture.dtype)
        out, images = values.numpy(), _images(texture, uv, mask)
        for_each_image(lambda b: sample_image(*images[b], out[b]), len(images))
        return values

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        from hiface.render.texture_kernels import sample_image_backward

        images = _images(*ctx.saved_tensors)
        grad = grads[0].contiguous().numpy()
        needs = ctx.needs_input_grad[:2]
        wanted = [
            torch.zeros(x.shape if need else (len(x), *[0] * (x.ndim - 1)), dtype=x.dtype)
            for x, need in zip(ctx.saved_tensors[:2], needs, strict=True)
        ]
        out = [x.numpy() for x in wanted]
        for_each_image(lambda b: sample_image_backward(*images[b], grad[b], out[0][b], out[1][b]), len(images))
        return *(x if need else None for x, need in zip(wanted, needs, strict=True)), None


def _images(*batched: Tensor) -> list[tuple[Any, ...]]:
    """The first three arguments of the compiled loops, for each image."""
    return list(zip(*([x.detach().contiguous().numpy() for x in t] for t in batched), strict=True))
