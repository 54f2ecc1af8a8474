"""Values of a mesh at the pixels of a raster, differentiable in the corner positions and in the values."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from hiface.errors import MeshError
from hiface.render.backends import Backend, choose_backend, for_each_image
from hiface.render.rasterise import Raster, check_indices

THIN = 0.5
"""Height in pixels below which a triangle's pull on its corners is damped.

A sliver at the outline changes its values over a thousandth of a pixel, and the rare pixel that hits it would
outweigh all others. Half a pixel was best of 0, 0.1, 0.25, 0.5, 1 and 2 against supersampled differences.
"""


def interpolate(
    raster: Raster,
    screen: Float[Tensor, "B V 3"],
    inverse_w: Float[Tensor, "B V"] | None,
    triangles: Int[Tensor, "T 3"],
    attributes: Float[Tensor, "#B N Q"],
    attribute_triangles: Int[Tensor, "_ 3"] | None = None,
    backend: Backend = "auto",
) -> Float[Tensor, "B H W Q"]:
    """Attributes at the pixel centres, linear in space over each seen triangle; zero where there is none.

    screen, inverse_w, triangles: as given to `rasterise`. attributes: Q values for each vertex, or for each
    of N other points when `attribute_triangles` names them corner by corner (UVs with seams). A batch of 1
    serves all images.

    Differentiable in attributes, inverse_w and the x and y of screen, for the triangles seen: that a moving
    outline covers or uncovers pixels is what silhouettes.py adds. The gradient to the positions of a triangle
    lower than `THIN` pixels is scaled down by its height over `THIN`.

    Raises `MeshError` when the raster and the index lists are not of the same mesh.
    """
    indices = triangles if attribute_triangles is None else attribute_triangles
    _check(raster, screen, triangles)
    _check_attributes(triangles, attributes, indices)
    q = torch.ones_like(screen[..., 0]) if inverse_w is None else inverse_w
    attributes = attributes.expand(len(screen), -1, -1)
    if choose_backend(backend, screen.device) == "numba":
        numba_result: Tensor = _Interpolate.apply(screen, q, attributes, triangles, indices, raster.face_id)
        return numba_result
    return _interpolate_torch(raster.face_id, screen, q, triangles, attributes, indices)


def barycentrics(
    raster: Raster,
    screen: Float[Tensor, "B V 3"],
    inverse_w: Float[Tensor, "B V"] | None,
    triangles: Int[Tensor, "T 3"],
    backend: Backend = "auto",
) -> Float[Tensor, "B H W 3"]:
    """Perspective-correct weights of the seen triangle's corners at the pixel centres; zero where none is.

    They sum to one and are differentiable in the x and y of screen and in inverse_w.
    """
    corner = torch.arange(3, device=triangles.device).expand(len(triangles), 3)
    unit = torch.eye(3, dtype=screen.dtype, device=screen.device)[None]
    differentiable = screen.requires_grad or (inverse_w is not None and inverse_w.requires_grad)
    if choose_backend(backend, screen.device) == "torch" or (differentiable and torch.is_grad_enabled()):
        return interpolate(raster, screen, inverse_w, triangles, unit, corner, backend)
    return _weigh_numba(raster, screen, inverse_w, triangles)


def _weigh_numba(raster: Raster, screen: Tensor, inverse_w: Tensor | None, triangles: Tensor) -> Tensor:
    """`barycentrics` without a gradient, in half the time."""
    from hiface.render.kernels import weigh_image

    _check(raster, screen, triangles)
    corners = triangles.to(torch.int32).contiguous().numpy()
    q = torch.ones_like(screen[..., 0]) if inverse_w is None else inverse_w
    weights = torch.zeros(*raster.face_id.shape, 3, dtype=screen.dtype)
    arrays = [_array(x) for x in (screen, q, raster.face_id, weights)]

    def one(b: int) -> None:
        weigh_image(arrays[0][b], arrays[1][b], corners, arrays[2][b], arrays[3][b])

    for_each_image(one, len(screen))
    return weights


def _check(raster: Raster, screen: Tensor, triangles: Tensor) -> None:
    """Raises `MeshError` where a compiled loop would read beyond its arrays."""
    check_indices(triangles, screen.shape[1], "triangles", "vertices")
    seen = int(raster.face_id.max()) if raster.face_id.device.type == "cpu" and raster.face_id.numel() else -1
    if seen >= len(triangles):
        raise MeshError(f"the raster sees triangle {seen}, the mesh has {len(triangles)}: are they of one mesh?")


def _check_attributes(triangles: Tensor, attributes: Tensor, indices: Tensor) -> None:
    check_indices(indices, attributes.shape[1], "attribute triangles", "attribute rows")
    if len(indices) != len(triangles):
        raise MeshError(f"expected {len(triangles)} attribute triangles, one for each triangle, got {len(indices)}")


def _interpolate_torch(
    face_id: Tensor, screen: Tensor, q: Tensor, triangles: Tensor, attributes: Tensor, indices: Tensor
) -> Tensor:
    """Any device: gathers the corners of the covered pixels and leaves the gradient to autograd."""
    b, y, x = torch.nonzero(face_id >= 0, as_tuple=True)
    t = face_id[b, y, x].long()
    corner = triangles.long()[t]
    xy = _damp_slivers(screen[b[:, None], corner, :2].double())
    e = edge_functions(xy, torch.stack([x + 0.5, y + 0.5], -1).double())
    w = e * q[b[:, None], corner]
    weights = (w / w.sum(-1, keepdim=True)).to(attributes.dtype)
    seen = (attributes[b[:, None], indices.long()[t]] * weights[..., None]).sum(1)
    empty = seen.new_zeros(*face_id.shape, attributes.shape[-1])
    return empty.index_put((b, y, x), seen)


def _damp_slivers(xy: Float[Tensor, "P 3 2"]) -> Float[Tensor, "P 3 2"]:
    """The same positions, with the gradient of triangles lower than `THIN` scaled down."""
    fixed = xy.detach()
    sides = fixed.roll(-1, 1) - fixed
    area = (sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0]).abs()
    share: Tensor = (area / sides.norm(dim=-1).amax(-1) / THIN).clamp(max=1)[:, None, None]
    return fixed + share * (xy - fixed)


def edge_functions(corners: Float[Tensor, "P 3 2"], points: Float[Tensor, "P 2"]) -> Float[Tensor, "P 3"]:
    """Twice the signed areas that a point cuts off, opposite each corner; their sum is the triangle."""
    (ax, ay), (bx, by), (cx, cy) = ((c - points).unbind(-1) for c in corners.unbind(-2))
    return torch.stack([bx * cy - cx * by, cx * ay - ax * cy, ax * by - bx * ay], -1)


class _Interpolate(torch.autograd.Function):
    """The compiled loops with their gradient written out (CPU)."""

    @staticmethod
    def forward(
        ctx: Any,
        screen: Tensor,
        q: Tensor,
        attributes: Tensor,
        triangles: Tensor,
        indices: Tensor,
        face_id: Tensor,
    ) -> Tensor:
        from hiface.render.kernels import interpolate_image

        ctx.save_for_backward(screen, q, attributes, triangles, indices, face_id)
        images = _images(screen, q, attributes, triangles, indices, face_id)
        values = torch.zeros(*face_id.shape, attributes.shape[-1], dtype=attributes.dtype)
        ctx.values = values.numpy()
        for_each_image(lambda b: interpolate_image(*images[b], ctx.values[b]), len(images))
        return values

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        from hiface.render.kernels import interpolate_image_backward

        images = _images(*ctx.saved_tensors)
        grad = grads[0].contiguous().numpy()
        wanted = [torch.zeros_like(x, memory_format=torch.contiguous_format) for x in ctx.saved_tensors[:3]]
        wanted = [x if need else x[:, :0] for x, need in zip(wanted, ctx.needs_input_grad[:3], strict=True)]
        out = [x.numpy() for x in wanted]
        for_each_image(
            lambda b: interpolate_image_backward(*images[b], ctx.values[b], grad[b], THIN, *(x[b] for x in out)),
            len(images),
        )
        results = (x if need else None for x, need in zip(wanted, ctx.needs_input_grad[:3], strict=True))
        return *results, None, None, None


def _images(
    screen: Tensor, q: Tensor, attributes: Tensor, triangles: Tensor, indices: Tensor, face_id: Tensor
) -> list[tuple[NDArray[Any], ...]]:
    """The first six arguments of the compiled loops, for each image."""
    corners, rows = (x.to(torch.int32).contiguous().numpy() for x in (triangles, indices))
    batched = zip(*(map(_array, x) for x in (screen, q, attributes, face_id)), strict=True)
    return [(s, w, corners, a, rows, f) for s, w, a, f in batched]


def _array(x: Tensor) -> NDArray[Any]:
    return x.detach().contiguous().numpy()
