"""A finer mesh that carries the detail: quads are split smoothly and moved along their normals.

The skin stays closed. A vertex has one position whatever its polygons or UV corners; a map that disagrees
with itself on the two sides of a UV seam is averaged there, and displacement ends before the border of the
face tile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray

from hiface.detail.subdivision import bilinear, catmull_clark, split
from hiface.errors import ConfigError, MeshError
from hiface.geometry.normals import vertex_normals
from hiface.geometry.topology import adjacency, triangulate, unique_edges

LEVELS = (1, 2, 3)
CORRECTIONS = 5
"""Rounds that move the control points until the smooth surface passes through the vertices that came in; five
leave 0.004 mm on average and 0.04 mm at most on the shipped head."""
FADE_RINGS = 3
"""Edges over which displacement rises from 0 at the border of the face tile."""


@dataclass(frozen=True)
class DetailMesh:
    """A displaced mesh; polygons are quads, `-1` pads a triangle."""

    vertices: Float[np.ndarray, "V 3"]
    """mm, in the frame of the vertices that came in."""
    polygons: Int[np.ndarray, "F 4"]
    uv: Float[np.ndarray, "Vt 2"]
    uv_polygons: Int[np.ndarray, "F 4"]


class Displacer:
    """Splits one mesh's quads into 4^level each; built once per mesh, then quick for every face and
    expression."""

    def __init__(
        self,
        polygons: Int[np.ndarray, "F 4"],
        uv: Float[np.ndarray, "Vt 2"],
        uv_polygons: Int[np.ndarray, "F 4"],
        level: int = 2,
    ) -> None:
        """`uv` in units of tiles; maps cover the tile (0, 0), polygons in other tiles are split but not
        displaced."""
        if level not in LEVELS:
            raise ConfigError(f"subdivision level must be one of {LEVELS}, got {level}")
        self.vertex_count = int(polygons.max()) + 1
        self.polygons, self.uv_polygons = np.asarray(polygons, np.int64), np.asarray(uv_polygons, np.int64)
        self.uv, fade = np.asarray(uv, np.float64), _fade(polygons, uv, uv_polygons, self.vertex_count)
        self._steps: list[Any] = []
        for _ in range(level):
            fade = self._split(fade)
        self._at_corners = self._whole_rows(self.vertex_count)
        self._fade = fade
        self._corner_mean = _corner_mean(self.polygons, self.uv_polygons, self.uv, len(fade))
        self._fine_triangles = torch.from_numpy(triangulate(self.polygons))

    def _split(self, fade: NDArray[np.float64]) -> NDArray[np.float64]:
        """One step: splits the polygons and the UVs in place, returns the finer `fade`."""
        points, corners = split(self.polygons), split(np.where(self.polygons < 0, -1, self.uv_polygons))
        self._steps.append(catmull_clark(points))
        self.polygons = points.polygons
        self.uv_polygons = np.where(points.polygons < 0, -1, corners.polygons)
        self.uv = bilinear(corners) @ self.uv[: corners.vertex_count]
        return np.asarray(bilinear(points) @ fade)

    def _whole_rows(self, count: int) -> Any:
        """(V, V): where the split surface has the vertices that came in."""
        rows = self._steps[-1][:count]
        for step in self._steps[-2::-1]:
            rows = rows @ step
        return rows

    def __call__(self, vertices: Float[np.ndarray, "V 3"], displacement: Float[np.ndarray, "R R"] | None) -> DetailMesh:
        """The mesh of a shape (mm; more vertices than the polygons use are ignored) with a map (mm) on it.

        None gives the smooth mesh without detail.
        """
        if len(vertices) < self.vertex_count:
            raise MeshError(f"expected at least {self.vertex_count} vertices, got {len(vertices)}")
        points, normals = self._smooth(np.asarray(vertices[: self.vertex_count], np.float64))
        if displacement is not None:
            points = points + normals * self.heights(displacement)[:, None]
        return DetailMesh(points, self.polygons, self.uv, self.uv_polygons)

    def heights(self, displacement: Float[np.ndarray, "R R"]) -> Float[np.ndarray, "N"]:
        """The map's value at every vertex of the fine mesh, mm: bicubic, one value a vertex, 0 outside the
        tile."""
        if displacement.ndim != 2 or displacement.shape[0] != displacement.shape[1]:
            raise MeshError(f"expected a square displacement map, got {displacement.shape}")
        return np.asarray(self._corner_mean @ _bicubic(displacement, self.uv) * self._fade)

    def _smooth(self, vertices: Float[np.ndarray, "V 3"]) -> tuple[Float[np.ndarray, "N 3"], Float[np.ndarray, "N 3"]]:
        """The Catmull-Clark surface through the vertices, and its normals."""
        control = vertices
        for _ in range(CORRECTIONS):
            control = control + (vertices - self._at_corners @ control)
        points = control
        for step in self._steps:
            points = step @ points
        normals = vertex_normals(torch.from_numpy(points)[None], self._fine_triangles)[0].numpy()
        return points, normals


def _fade(
    polygons: Int[np.ndarray, "F 4"],
    uv: Float[np.ndarray, "Vt 2"],
    uv_polygons: Int[np.ndarray, "F 4"],
    count: int,
) -> Float[np.ndarray, "V"]:
    """1 inside the face tile, 0 outside and on its border with the rest of the skin, smooth over
    `FADE_RINGS`."""
    centres = uv[uv_polygons[:, :3]].mean(1)
    outside = ~((centres >= 0) & (centres <= 1)).all(1)
    rings = np.full(count, float(FADE_RINGS))
    touched = np.zeros(count, bool)
    touched[polygons[outside][polygons[outside] >= 0]] = True
    neighbours = adjacency(unique_edges(polygons), count)
    for ring in range(FADE_RINGS):
        rings[touched & (rings == FADE_RINGS)] = ring
        touched |= (neighbours @ touched.astype(float)) > 0
    ramp = rings / FADE_RINGS
    return np.asarray(ramp * ramp * (3 - 2 * ramp))


def _corner_mean(
    polygons: Int[np.ndarray, "F 4"],
    uv_polygons: Int[np.ndarray, "F 4"],
    uv: Float[np.ndarray, "Vt 2"],
    count: int,
) -> Any:
    """(N, Vt): the mean over a vertex' UV corners that lie in the face tile."""
    used = polygons >= 0
    vertex, corner = np.divmod(np.unique(polygons[used] * len(uv) + uv_polygons[used]), len(uv))
    inside = ((uv[corner] >= 0) & (uv[corner] <= 1)).all(1)
    vertex, corner = vertex[inside], corner[inside]
    share = 1 / np.bincount(vertex, minlength=count)[vertex]
    return scipy.sparse.csr_matrix((share, (vertex, corner)), (count, len(uv)))


def _bicubic(displacement: Float[np.ndarray, "R R"], uv: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "N"]:
    """The map at UV positions; row 0 is v = 1, texel centres at half, clamped at the border."""
    where = np.stack([2 * uv[:, 0] - 1, 1 - 2 * uv[:, 1]], 1)[None, :, None]
    found = torch.nn.functional.grid_sample(
        torch.from_numpy(np.ascontiguousarray(displacement, np.float64))[None, None],
        torch.from_numpy(where),
        mode="bicubic",
        padding_mode="border",
        align_corners=False,
    )
    return np.asarray(found[0, 0, :, 0].numpy())
