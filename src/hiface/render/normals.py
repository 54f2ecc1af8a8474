"""Normals at vertices and at pixels, as the renderer lights them."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from hiface.geometry import normals as geometry
from hiface.render.backends import Backend, choose_backend, for_each_image
from hiface.render.relief import displaced_normals, uv_gradients


def vertex_normals(
    vertices: Float[Tensor, "B V 3"], triangles: Int[Tensor, "T 3"], backend: Backend = "auto"
) -> Float[Tensor, "B V 3"]:
    """`geometry.normals.vertex_normals`, about ten times faster on the CPU."""
    if choose_backend(backend, vertices.device) == "torch":
        return geometry.vertex_normals(vertices, triangles)
    numba_result: Tensor = _VertexNormals.apply(vertices, triangles)
    return numba_result


def pixel_normals(
    face_id: Int[Tensor, "B H W"],
    normals: Float[Tensor, "B H W 3"],
    slopes: Float[Tensor, "B H W 2"] | None,
    vertices: Float[Tensor, "B V 3"],
    triangles: Int[Tensor, "T 3"],
    uv: Float[Tensor, "N 2"],
    uv_triangles: Int[Tensor, "T 3"],
    backend: Backend = "auto",
) -> Float[Tensor, "B H W 3"]:
    """Unit normals at the pixels, with the relief of a displacement if its slopes are given; zero where none is.

    normals: interpolated, of any length. slopes: ∂D/∂u, ∂D/∂v at the pixels, mm per unit of u and v. The relief is
    that of `relief.displaced_normals`. Differentiable in normals, slopes and vertices.
    """
    if choose_backend(backend, vertices.device) == "torch":
        return _pixel_normals_torch(face_id, normals, slopes, vertices, triangles, uv, uv_triangles)
    slopes = normals.new_zeros(len(normals), 0, 0, 2) if slopes is None else slopes
    numba_result: Tensor = _PixelNormals.apply(normals, slopes, vertices, triangles, uv, uv_triangles, face_id)
    return numba_result


def _pixel_normals_torch(
    face_id: Tensor,
    normals: Tensor,
    slopes: Tensor | None,
    vertices: Tensor,
    triangles: Tensor,
    uv: Tensor,
    uv_triangles: Tensor,
) -> Tensor:
    seen = (face_id >= 0)[..., None]
    unit = torch.nn.functional.normalize(normals, dim=-1, eps=1e-12) * seen
    if slopes is None:
        return unit
    gradients = uv_gradients(vertices, triangles, uv, uv_triangles)
    picked = face_id.clamp_min(0).long().flatten(1)[..., None].expand(-1, -1, 6)
    at_pixels = gradients.gather(1, picked).reshape(*face_id.shape, 6)
    return displaced_normals(unit, slopes, at_pixels) * seen


class _VertexNormals(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vertices: Tensor, triangles: Tensor) -> Tensor:
        from hiface.render.normal_kernels import vertex_normals_image

        ctx.save_for_backward(vertices, triangles)
        normals = torch.zeros(vertices.shape, dtype=vertices.dtype)
        each, corners, out = _array(vertices), _indices(triangles), normals.numpy()
        ctx.totals = [None] * len(vertices)

        def one(b: int) -> None:
            ctx.totals[b] = vertex_normals_image(each[b], corners, out[b])

        for_each_image(one, len(vertices))
        return normals

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        from hiface.render.normal_kernels import vertex_normals_image_backward

        vertices, triangles = ctx.saved_tensors
        result = torch.zeros(vertices.shape, dtype=vertices.dtype)
        each, corners, grad, out = _array(vertices), _indices(triangles), _array(grads[0]), result.numpy()

        def one(b: int) -> None:
            vertex_normals_image_backward(each[b], corners, ctx.totals[b], grad[b], out[b])

        for_each_image(one, len(vertices))
        return result, None


class _PixelNormals(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> Tensor:
        from hiface.render.normal_kernels import pixel_normals_image

        ctx.save_for_backward(*tensors)
        images = _images(*tensors)
        out = torch.zeros(tensors[0].shape, dtype=tensors[0].dtype)
        values = out.numpy()
        for_each_image(lambda b: pixel_normals_image(*images[b], values[b]), len(images))
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        from hiface.render.normal_kernels import pixel_normals_image_backward

        images, grad, needs = _images(*ctx.saved_tensors), _array(grads[0]), ctx.needs_input_grad[:3]
        wanted = [
            torch.zeros(x.shape if need else (len(x), *[0] * (x.ndim - 1)), dtype=x.dtype)
            for x, need in zip(ctx.saved_tensors[:3], needs, strict=True)
        ]
        out = [x.numpy() for x in wanted]

        def one(b: int) -> None:
            pixel_normals_image_backward(*images[b], grad[b], *(x[b] for x in out))

        for_each_image(one, len(images))
        return *(x if need else None for x, need in zip(wanted, needs, strict=True)), None, None, None, None


def _images(
    normals: Tensor,
    slopes: Tensor,
    vertices: Tensor,
    triangles: Tensor,
    uv: Tensor,
    uv_triangles: Tensor,
    face_id: Tensor,
) -> list[tuple[NDArray[Any], ...]]:
    """The first seven arguments of the compiled loops, for each image."""
    shared = (_indices(triangles), _array(uv), _indices(uv_triangles))
    batched = [_array(x) for x in (normals, slopes, vertices, face_id)]
    return [(n, s, v, *shared, f) for n, s, v, f in zip(*batched, strict=True)]


def _array(x: Tensor) -> NDArray[Any]:
    return x.detach().contiguous().numpy()


def _indices(x: Tensor) -> NDArray[Any]:
    return x.to(torch.int32).contiguous().numpy()
