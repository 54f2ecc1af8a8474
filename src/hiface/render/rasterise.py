"""Which triangle each pixel sees, and how far away it is. No gradient here: interpolate.py has it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Int32
from torch import Tensor

from hiface.errors import MeshError
from hiface.render.backends import Backend, choose_backend, for_each_image

_CANDIDATES = 1 << 19
"""Pixel-triangle pairs that the torch backend tests at once: about 200 bytes each."""

_EMPTY = 0x7F800000 << 32 | 0xFFFFFFFF
"""Packed depth +inf and index -1."""


@dataclass(frozen=True)
class Raster:
    """What a picture of H x W pixels sees of a mesh. No gradient."""

    face_id: Int32[Tensor, "B H W"]
    """Index of the nearest triangle; -1 where there is none."""
    depth: Float[Tensor, "B H W"]
    """Its z at the pixel's centre, float32; +inf where there is none."""


@torch.no_grad()
def rasterise(
    screen: Float[Tensor, "B V 3"],
    triangles: Int[Tensor, "T 3"],
    height: int,
    width: int,
    inverse_w: Float[Tensor, "B V"] | None = None,
    backend: Backend = "auto",
) -> Raster:
    """Nearest triangle and depth at every pixel centre.

    screen: x to the right and y down, in pixels, where pixel (0, 0) is the top-left one and its centre lies
    at (0.5, 0.5); z grows away from the camera. With an orthographic camera leave `inverse_w` out. With a
    perspective one give 1/w (w the distance along the optical axis) and a z that is linear in space, for
    instance w itself: z/w and 1/w are interpolated linearly on the screen, so depth and order are exact.

    Both sides of a triangle are seen. A centre on an edge belongs to the triangle. The smaller depth wins, as
    float32, and among equals the smaller index: both backends give the same ids. Dropped whole: triangles
    without area, with a corner that is not finite, or not in front of the camera (inverse_w <= 0).

    Raises `MeshError` when `triangles` names a vertex that is not there.
    """
    check_indices(triangles, screen.shape[1], "triangles", "vertices")
    q = torch.ones_like(screen[..., 0]) if inverse_w is None else inverse_w.detach()
    function = _rasterise_numba if choose_backend(backend, screen.device) == "numba" else _rasterise_torch
    return function(screen.detach(), q, triangles, height, width)


def check_indices(triangles: Int[Tensor, "T 3"], count: int, name: str, what: str) -> None:
    """Raises `MeshError` unless all indices lie in [0, count). Only on the CPU: elsewhere it would stall."""
    if triangles.device.type != "cpu" or triangles.numel() == 0:
        return
    low, high = (int(x) for x in torch.aminmax(triangles))
    if low < 0 or high >= count:
        raise MeshError(f"{name} hold indices {low} to {high}, but there are {count} {what}; are they of this mesh?")


def _rasterise_numba(screen: Tensor, q: Tensor, triangles: Tensor, height: int, width: int) -> Raster:
    from hiface.render.kernels import rasterise_image

    face_id = torch.empty((len(screen), height, width), dtype=torch.int32)
    depth = torch.empty((len(screen), height, width), dtype=torch.float32)
    arrays = [x.contiguous().numpy() for x in (screen, q, face_id, depth)]
    corners = triangles.to(torch.int32).contiguous().numpy()

    def one(b: int) -> None:
        rasterise_image(arrays[0][b], arrays[1][b], corners, arrays[2][b], arrays[3][b])

    for_each_image(one, len(screen))
    return Raster(face_id, depth)


def _rasterise_torch(screen: Tensor, q: Tensor, triangles: Tensor, height: int, width: int) -> Raster:
    """The same in torch operations: numbers all pixels of all bounding boxes and tests them piece by piece.

    Depth and index are packed into one integer whose minimum is the winner, so the order of writing is free.
    """
    batch, count = len(screen), len(triangles)
    corners, w = _wound_corners(screen, q, triangles.long())
    first, size = _boxes(corners, w, height, width)
    ends = (size[:, 0] * size[:, 1]).cumsum(0)
    total = int(ends[-1]) if len(ends) else 0
    best = torch.full((batch * height * width,), _EMPTY, device=screen.device)
    for start in range(0, total, _CANDIDATES):
        pair = torch.arange(start, min(start + _CANDIDATES, total), device=screen.device)
        t = torch.searchsorted(ends, pair, right=True)
        offset = pair - ends[t] + size[t, 0] * size[t, 1]
        x, y = first[t, 0] + offset % size[t, 0], first[t, 1] + offset // size[t, 0]
        z = _depth_inside(corners[t], w[t], x, y)
        seen = z < torch.inf
        key = (_sortable(z[seen]) << 32) | (t[seen] % count)
        pixel = ((t[seen] // count) * height + y[seen]) * width + x[seen]
        best.scatter_reduce_(0, pixel, key, "amin")
    best = best.reshape(batch, height, width)
    return Raster((best << 32 >> 32).to(torch.int32), _unsorted(best >> 32))


def _wound_corners(screen: Tensor, q: Tensor, triangles: Tensor) -> tuple[Tensor, Tensor]:
    """Corners (B*T, 3, 3) and 1/w (B*T, 3) in double precision, the last two swapped where area < 0."""
    corners = screen.double()[:, triangles].flatten(0, 1)
    w = q.double()[:, triangles].flatten(0, 1)
    turned = _area(corners) < 0
    swap = torch.tensor([0, 2, 1], device=screen.device)
    corners = torch.where(turned[:, None, None], corners[:, swap], corners)
    return corners, torch.where(turned[:, None], w[:, swap], w)


def _area(corners: Tensor) -> Tensor:
    """Twice the signed area on the screen."""
    (ax, ay, _), (bx, by, _), (cx, cy, _) = (c.unbind(-1) for c in corners.unbind(-2))
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)


def _boxes(corners: Tensor, w: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """First pixel (x, y) of each bounding box and its size, cut at the picture; empty for the dropped."""
    area = _area(corners)
    good = (area > 0) & (area < torch.inf) & (w > 0).all(-1)
    xy = torch.where(good[:, None, None], corners[..., :2], -1.0)
    picture = torch.tensor([width, height], device=corners.device, dtype=corners.dtype)
    first = torch.ceil(xy.amin(1) - 0.5).clamp(min=0).minimum(picture)
    last = torch.floor(xy.amax(1) - 0.5).clamp(min=-1).minimum(picture - 1)
    return first.long(), (last - first + 1).clamp(min=0).long()


def _depth_inside(corners: Tensor, w: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Depth (float32) of each triangle at the centre of its pixel; +inf where that lies outside.

    Rounds exactly as `kernels.rasterise_image` does: keep both in step.
    """
    relative = corners[..., :2] - torch.stack([x + 0.5, y + 0.5], -1)[:, None]
    (ax, ay), (bx, by), (cx, cy) = (c.unbind(-1) for c in relative.unbind(1))
    e0, e1, e2 = bx * cy - cx * by, cx * ay - ax * cy, ax * by - bx * ay
    w0, w1, w2 = e0 * w[:, 0], e1 * w[:, 1], e2 * w[:, 2]
    za, zb, zc = corners[..., 2].unbind(1)
    z = ((w0 * za + w1 * zb + w2 * zc) / (w0 + w1 + w2)).float()
    inside = (e0 >= 0) & (e1 >= 0) & (e2 >= 0)
    return torch.where(inside & (z < torch.inf), z, torch.inf)


def _sortable(z: Tensor) -> Tensor:
    """Integers (int64) in the order of the float32 numbers; both zeros become one."""
    bits = (z + 0.0).view(torch.int32).long()
    return torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits)


def _unsorted(key: Tensor) -> Tensor:
    """The float32 numbers behind `_sortable`."""
    return torch.where(key < 0, key ^ 0x7FFFFFFF, key).to(torch.int32).view(torch.float32)
