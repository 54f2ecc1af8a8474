"""UV maps: vertex values brought to texels, and maps looked up at UV positions.

A map has shape (B, R, R, C); row 0 is v = 1, column 0 is u = 0, and texel (i, j) has its centre at
u = (j + ½) / R, v = 1 − (i + ½) / R.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.ndimage import distance_transform_edt
from torch import Tensor


@dataclass(frozen=True)
class UVAtlas:
    """Which triangle covers each texel of a UV tile, and where in it the texel's centre lies."""

    triangle_id: Int[Tensor, "R R"]
    """Triangle under the texel's centre; texels outside every triangle take the nearest covered texel's."""
    barycentric: Float[Tensor, "R R 3"]
    mask: Bool[Tensor, "R R"]
    """True where a triangle covers the texel's centre."""
    triangles: Int[Tensor, "T 3"]
    """Vertices of the triangles that `triangle_id` names."""

    @classmethod
    def build(
        cls,
        uv: Float[np.ndarray, "Vt 2"],
        uv_triangles: Int[np.ndarray, "T 3"],
        triangles: Int[np.ndarray, "T 3"],
        side: int,
    ) -> UVAtlas:
        """The atlas of `side` texels. `triangles` index vertices, `uv_triangles` the same corners' UVs."""
        ids, weights = _cover(np.asarray(uv, np.float64), np.asarray(uv_triangles), side)
        mask = ids >= 0
        nearest = distance_transform_edt(~mask, return_distances=False, return_indices=True)
        ids, weights = ids[tuple(nearest)], weights[tuple(nearest)]
        return cls(
            torch.from_numpy(ids),
            torch.from_numpy(weights.astype(np.float32)),
            torch.from_numpy(mask),
            torch.from_numpy(np.ascontiguousarray(triangles, np.int64)),
        )

    @property
    def side(self) -> int:
        return int(self.mask.shape[0])

    def to(self, device: torch.device | str) -> UVAtlas:
        return UVAtlas(*(x.to(device) for x in (self.triangle_id, self.barycentric, self.mask, self.triangles)))

    def bake(self, values: Float[Tensor, "B V C"]) -> Float[Tensor, "B R R C"]:
        """Vertex values interpolated to every texel, beyond the border too; differentiable in `values`."""
        corners = self.triangles[self.triangle_id].flatten(0, 1)
        weights = self.barycentric.flatten(0, 1).to(values.dtype)
        texels = sum(values[:, corners[:, k]] * weights[None, :, k, None] for k in range(3))
        return texels.unflatten(1, (self.side, self.side))  # type: ignore[union-attr]


def _cover(
    uv: Float[np.ndarray, "Vt 2"], uv_triangles: Int[np.ndarray, "T 3"], side: int
) -> tuple[Int[np.ndarray, "R R"], Float[np.ndarray, "R R 3"]]:
    """Triangle and barycentrics per texel; where triangles share an edge the first one has it."""
    ids = np.full((side, side), -1, np.int64)
    weights = np.zeros((side, side, 3))
    corners = np.stack([uv[:, 0] * side - 0.5, (1 - uv[:, 1]) * side - 0.5], 1)[uv_triangles]
    for start in range(0, len(corners), _AT_ONCE):
        part = corners[start : start + _AT_ONCE]
        t, x, y = _candidates(part, side)
        found = _barycentric(part[t], x, y)
        keep = (found >= -1e-9).all(1) & (ids[y, x] < 0)
        t, x, y, found = t[keep][::-1], x[keep][::-1], y[keep][::-1], found[keep][::-1]  # the last write stays
        ids[y, x], weights[y, x] = start + t, found
    return ids, weights


_AT_ONCE = 4096  # triangles; bounds the memory of a large atlas


def _candidates(
    corners: Float[np.ndarray, "T 3 2"], side: int
) -> tuple[Int[np.ndarray, "N"], Int[np.ndarray, "N"], Int[np.ndarray, "N"]]:
    """Every texel in every triangle's bounding box: triangle, column, row."""
    low = np.clip(np.ceil(corners.min(1)).astype(int), 0, side)
    size = np.maximum(np.clip(np.floor(corners.max(1)).astype(int), -1, side - 1) - low + 1, 0)
    count = size.prod(1)
    t = np.repeat(np.arange(len(corners)), count)
    place = np.arange(len(t)) - np.repeat(np.cumsum(count) - count, count)
    row, column = np.divmod(place, size[t, 0])
    return t, low[t, 0] + column, low[t, 1] + row


def _barycentric(
    corners: Float[np.ndarray, "N 3 2"], x: Int[np.ndarray, "N"], y: Int[np.ndarray, "N"]
) -> Float[np.ndarray, "N 3"]:
    """Weights of the corners at points of the plane; −1 in triangles without area."""
    a, b, c = (corners[:, k] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    flat = np.abs(area) < 1e-12
    area = np.where(flat, 1.0, area)
    second = ((x - a[:, 0]) * (c[:, 1] - a[:, 1]) - (y - a[:, 1]) * (c[:, 0] - a[:, 0])) / area
    third = ((b[:, 0] - a[:, 0]) * (y - a[:, 1]) - (b[:, 1] - a[:, 1]) * (x - a[:, 0])) / area
    return np.where(flat[:, None], -1.0, np.stack([1 - second - third, second, third], 1))


def sample_uv(maps: Float[Tensor, "B R R C"], uv: Float[Tensor, "N 2"]) -> Float[Tensor, "B N C"]:
    """Bilinear look-up of maps at UV positions, clamped at the border; differentiable in `maps`."""
    grid = torch.stack([2 * uv[:, 0] - 1, 1 - 2 * uv[:, 1]], -1).to(maps.dtype)
    found = torch.nn.functional.grid_sample(
        maps.permute(0, 3, 1, 2),
        grid[None, :, None].expand(len(maps), -1, 1, 2),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    return found[..., 0].transpose(1, 2)


def tangents(
    vertices: Float[Tensor, "B V 3"],
    atlas: UVAtlas,
    uv: Float[Tensor, "Vt 2"],
    uv_triangles: Int[Tensor, "T 3"],
) -> Float[Tensor, "B R R 3 2"]:
    """∂P/∂(u, v) in mm per unit of u and v at every texel: constant on each triangle; differentiable."""
    return triangle_tangents(vertices, atlas.triangles, uv, uv_triangles)[:, atlas.triangle_id]


def triangle_tangents(
    vertices: Float[Tensor, "B V 3"],
    triangles: Int[Tensor, "T 3"],
    uv: Float[Tensor, "Vt 2"],
    uv_triangles: Int[Tensor, "T 3"],
) -> Float[Tensor, "B T 3 2"]:
    """∂P/∂(u, v) of each triangle; differentiable."""
    a, b, c = (vertices[:, triangles[:, k]] for k in range(3))
    edges = torch.stack([b - a, c - a], -1)
    p, q, r = (uv[uv_triangles[:, k]] for k in range(3))
    plane = torch.stack([q - p, r - p], -1).to(vertices.dtype)
    determinant = torch.linalg.det(plane)
    usable = determinant.abs() > 1e-12
    identity = torch.eye(2, dtype=plane.dtype, device=plane.device).expand_as(plane)
    return edges @ torch.linalg.inv(torch.where(usable[:, None, None], plane, identity))
