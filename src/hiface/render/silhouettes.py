"""The gradient that interpolation misses: an outline that moves covers some pixels and uncovers others.

After the edge gradient of "Rasterized Edge Gradients" (ECCV 2024), written from its idea: the picture stays
as it is; in the backward, every pair of neighbouring pixels that see surfaces at different depths pulls at
the nearer one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hiface.render.backends import Backend, choose_backend, for_each_image
from hiface.render.interpolate import edge_functions
from hiface.render.rasterise import Raster

SLOPE_SHARE = 0.5
"""How much of the two slopes a depth may miss the neighbour's plane by and still be the same surface."""


def edge_gradient(
    image: Float[Tensor, "B H W Q"],
    raster: Raster,
    screen: Float[Tensor, "B V 3"],
    inverse_w: Float[Tensor, "B V"] | None,
    triangles: Int[Tensor, "T 3"],
    tolerance: float | Float[Tensor, "B"] = 0.0,
    backend: Backend = "auto",
) -> Float[Tensor, "B H W Q"]:
    """The same image, whose gradient also reaches the x and y of `screen` where one surface hides another.

    Give it the finished picture with everything that changes across an outline in its channels: the colour
    with its background, or the colour on black and the coverage.

    For neighbours l and r across a step in depth, ½ (g_l + g_r) · (I_l − I_r) is added to the screen
    position of the nearer surface, along the line from l to r, and spread to its triangle's corners. It is
    a step where one of the two is empty, or where the triangles differ and neither plane, carried on by a
    pixel, meets the other's depth to within `SLOPE_SHARE` of both slopes plus `tolerance` (in units of z; a
    small part of a pixel's width).
    """
    slack = torch.as_tensor(tolerance, dtype=torch.float64, device=screen.device).expand(len(screen))
    q = torch.ones_like(screen[..., 0]) if inverse_w is None else inverse_w
    seen = _Seen(image, screen, q.detach(), triangles, raster.face_id, raster.depth, slack)
    result: Tensor = _EdgeGradient.apply(choose_backend(backend, screen.device), *seen)
    return result


class _Seen(NamedTuple):
    """What the backward needs of the forward."""

    image: Tensor
    screen: Tensor
    q: Tensor
    triangles: Tensor
    face_id: Tensor
    depth: Tensor
    slack: Tensor


class _EdgeGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, backend: str, *seen: Tensor) -> Tensor:
        ctx.save_for_backward(*seen)
        ctx.backend = backend
        return seen[0].view_as(seen[0])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        pull = _pull_numba if ctx.backend == "numba" else _pull_torch
        grad_screen = pull(grads[0], _Seen(*ctx.saved_tensors)) if ctx.needs_input_grad[2] else None
        return None, grads[0], grad_screen, *[None] * 5


def _pull_numba(grad: Tensor, seen: _Seen) -> Tensor:
    from hiface.render.silhouette_kernels import pull_image

    result = torch.zeros(seen.screen.shape, dtype=seen.screen.dtype)
    corners = seen.triangles.to(torch.int32).contiguous().numpy()
    each = (grad, seen.image, seen.screen, seen.q, seen.face_id, seen.depth, seen.slack, result)
    arrays = [x.detach().contiguous().numpy() for x in each]

    def one(b: int) -> None:
        g, image, screen, q, face_id, depth, slack, out = (x[b] for x in arrays)
        pull_image(g, image, screen, q, corners, face_id, depth, slack, SLOPE_SHARE, out)

    for_each_image(one, len(grad))
    return result


def _pull_torch(grad: Tensor, seen: _Seen) -> Tensor:
    """The gradient of `screen`, on any device."""
    b, y, x = torch.nonzero(seen.face_id >= 0, as_tuple=True)
    corner = seen.triangles.long()[seen.face_id[b, y, x].long()]
    xy, z = seen.screen[b[:, None], corner].double().split([2, 1], -1)
    points = torch.stack([x + 0.5, y + 0.5], -1).double()
    slopes = torch.zeros(*seen.face_id.shape, 2, dtype=torch.float64, device=xy.device)
    slopes[b, y, x] = depth_slopes(xy, z[..., 0], seen.q[b[:, None], corner].double(), points)
    pull = torch.zeros_like(slopes)
    for axis in (0, 1):  # along x, then along y
        _add_pairs(pull[..., axis], axis, grad, seen, slopes[..., axis])
    e = edge_functions(xy, points)
    affine = e / e.sum(-1, keepdim=True)
    spread = (affine[..., None] * pull[b, y, x][:, None]).to(seen.screen.dtype)
    result = torch.zeros_like(seen.screen)
    result[..., :2].index_put_((b[:, None], corner), spread, accumulate=True)
    return result


def _add_pairs(pull: Tensor, axis: int, grad: Tensor, seen: _Seen, slope: Tensor) -> None:
    """Adds what the neighbours along one axis pull to the nearer pixel of each pair."""
    face, depth, image = seen.face_id, seen.depth.double(), seen.image
    dim = 2 - axis
    a = (slice(None),) * dim + (slice(0, face.shape[dim] - 1),)
    b = (slice(None),) * dim + (slice(1, None),)
    step = depth[b] - depth[a]
    allowed = SLOPE_SHARE * (slope[a].abs() + slope[b].abs()) + seen.slack[:, None, None]
    same = ((step - slope[a]).abs() < allowed) | ((step - slope[b]).abs() < allowed)
    empty_a, empty_b = face[a] < 0, face[b] < 0
    jump = (face[a] != face[b]) & (empty_a | empty_b | ~same)
    first = empty_b | (~empty_a & (step >= 0))
    force = 0.5 * ((grad[a] + grad[b]) * (image[a] - image[b])).sum(-1).double() * jump
    pull[a] += force * first
    pull[b] += force * ~first


def depth_slopes(
    xy: Float[Tensor, "P 3 2"], z: Float[Tensor, "P 3"], q: Float[Tensor, "P 3"], points: Float[Tensor, "P 2"]
) -> Float[Tensor, "P 2"]:
    """∂z/∂x and ∂z/∂y on the screen of triangles' planes at points in them; q is 1/w of the corners."""
    weights = edge_functions(xy, points) * q
    total = weights.sum(-1, keepdim=True)
    depth = (weights * z).sum(-1, keepdim=True) / total
    opposite = xy.roll(-1, 1) - xy.roll(-2, 1)
    growth = torch.stack([opposite[..., 1], -opposite[..., 0]], -1) * q[..., None]
    return ((z - depth)[..., None] * growth).sum(1) / total
