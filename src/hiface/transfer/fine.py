"""Somebody's surface split smoothly, and displaced by a map of ours.

Every vertex of theirs has a place on our skin (the correspondence). The places are split as the surface is, on our mean
face, where the closest point has a UV of ours: so a place between their vertices lies between ours, whatever the shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from hiface.convert.nearest import barycentric_of_closest
from hiface.convert.ours import Ours
from hiface.detail.displace import CORRECTIONS, FADE_RINGS
from hiface.detail.loop import loop, split_triangles, straight
from hiface.detail.subdivision import bilinear, catmull_clark, split
from hiface.errors import ConfigError
from hiface.geometry.surface import ClosestPoint, Mesh
from hiface.geometry.topology import adjacency, triangulate, unique_edges
from hiface.transfer.file import Places

_Array = np.ndarray[Any, np.dtype[Any]]
TRIANGLE_CORRECTIONS = 2
"""Rounds that draw Loop's surface to the vertices that came in; more of them make uneven triangles ring."""
EDGE_MM = 1.0
"""Edges on the face are split until their median is this short."""
MOST_POLYGONS = 500_000
LEVELS = (0, 1, 2, 3)


class FineSurface:
    """A mesh's polygons split `level` times: quads by Catmull and Clark's scheme, triangles by Loop's."""

    def __init__(
        self, polygons: Int[np.ndarray, "F 4"], count: int, uv_polygons: Int[np.ndarray, "F 4"] | None, level: int
    ) -> None:
        """`count` vertices; more than the polygons use stay as they are, unsplit."""
        if level not in LEVELS:
            raise ConfigError(f"subdivision level must be one of {LEVELS}, got {level}")
        quads = bool((polygons[:, 3] >= 0).mean() > 0.5)
        self._corrections = CORRECTIONS if quads else TRIANGLE_CORRECTIONS
        self.used = np.unique(polygons[polygons >= 0])
        number = np.full(count, -1)
        number[self.used] = np.arange(len(self.used))
        own = np.where(polygons >= 0, number[polygons], -1)
        if not quads:
            own = np.pad(triangulate(own), ((0, 0), (0, 1)), constant_values=-1)
        self.polygons, self._steps = own, list[Any]()
        self.uv_polygons, self._uv_steps = uv_polygons, list[Any]()
        if uv_polygons is not None and not quads:
            split_uv = triangulate(np.where(polygons < 0, -1, uv_polygons))
            self.uv_polygons = np.pad(split_uv, ((0, 0), (0, 1)), constant_values=-1)
        size = len(self.used)
        for _ in range(level):
            size = self._quads() if quads else self._triangles(size)
        self.triangles = triangulate(self.polygons)

    def _quads(self) -> int:
        parts = split(self.polygons)
        self._steps.append(catmull_clark(parts))
        if self.uv_polygons is not None:
            corners = split(np.where(self.polygons < 0, -1, self.uv_polygons))
            self._uv_steps.append(bilinear(corners))
            self.uv_polygons = np.where(parts.polygons < 0, -1, corners.polygons)
        self.polygons = parts.polygons
        return int(self._steps[-1].shape[0])

    def _triangles(self, size: int) -> int:
        parts = split_triangles(self.polygons[:, :3], size)
        self._steps.append(loop(parts))
        if self.uv_polygons is not None:
            corners = split_triangles(self.uv_polygons[:, :3], int(self.uv_polygons.max()) + 1)
            self._uv_steps.append(straight(corners))
            self.uv_polygons = np.pad(corners.triangles, ((0, 0), (0, 1)), constant_values=-1)
        self.polygons = np.pad(parts.triangles, ((0, 0), (0, 1)), constant_values=-1)
        return int(self._steps[-1].shape[0])

    def smooth(self, values: Float[np.ndarray, "V *C"]) -> Float[np.ndarray, "N *C"]:
        """Vertex values on the smooth surface that passes through them."""
        control = wanted = np.asarray(values[self.used], np.float64)
        whole = self._whole()
        for _ in range(self._corrections if self._steps else 0):
            control = control + (wanted - whole @ control)
        for step in self._steps:
            control = step @ control
        return np.asarray(control)

    def uv(self, uv: Float[np.ndarray, "Vt 2"]) -> Float[np.ndarray, "N 2"]:
        for step in self._uv_steps:
            uv = step @ uv[: step.shape[1]]
        return uv

    def _whole(self) -> Any:
        """(V, V): where the split surface has the vertices that came in."""
        rows: Any = None
        for step in reversed(self._steps):
            rows = step[: len(self.used)] if rows is None else rows @ step
        return rows


def usual_level(edge_mm: float, polygons: int) -> int:
    """How often a mesh is split: to edges of `EDGE_MM`, and to no more than `MOST_POLYGONS`."""
    level = int(np.clip(np.ceil(np.log2(max(edge_mm, 1e-6) / EDGE_MM)), 0, LEVELS[-1]))
    while level and polygons * 4**level > MOST_POLYGONS:
        level -= 1
    return level


@dataclass(frozen=True)
class OurMap:
    """Maps of our face tile, looked up at places on our mean face."""

    search: ClosestPoint
    """On the face tile's part of our mean face."""
    uv_triangles: Int[np.ndarray, "T 3"]
    uv: Float[np.ndarray, "Vt 2"]
    fade: Float[np.ndarray, "V"]
    """1 inside the face tile, 0 at its border, at our vertices."""

    @classmethod
    def of(cls, ours: Ours) -> OurMap:
        face = ours.face
        triangles = face.part_triangles("face")
        return cls(ClosestPoint(Mesh(ours.mean, triangles)), face.part_uv_triangles("face"), ours.uv, _fade(ours))

    def at(self, places: Float[np.ndarray, "N 3"], displacement: Float[np.ndarray, "R R"]) -> Float[np.ndarray, "N"]:
        """The map, faded to zero at the tile's border, at places near our mean face."""
        mesh = self.search.mesh
        found = self.search.query(places)
        corners = mesh.triangles[found.triangle_ids]
        weights = barycentric_of_closest(found.points, mesh.vertices[corners])
        uv = np.einsum("nkx,nk->nx", self.uv[self.uv_triangles[found.triangle_ids]], weights)
        return bicubic(displacement, uv) * np.einsum("nk,nk->n", self.fade[corners], weights)


def _fade(ours: Ours) -> Float[np.ndarray, "V"]:
    """As the displaced mesh of our own topology fades (`detail.displace`)."""
    face, count = ours.face, ours.skin_count
    inside = np.zeros(len(ours.mean))
    inside[face.vertex_range("face")] = 1
    skin = face.polygons[face.polygon_range("skin")]
    beyond = np.ones(len(skin), bool)
    beyond[: len(face.polygons[face.polygon_range("face")])] = False
    touched = np.zeros(count, bool)
    touched[skin[beyond]] = True
    rings, neighbours = np.full(count, float(FADE_RINGS)), adjacency(unique_edges(skin), count)
    for ring in range(FADE_RINGS):
        rings[touched & (rings == FADE_RINGS)] = ring
        touched |= (neighbours @ touched.astype(float)) > 0
    ramp = rings / FADE_RINGS
    inside[:count] *= ramp * ramp * (3 - 2 * ramp)
    return inside


def bicubic(values: Float[np.ndarray, "R R"], uv: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "N"]:
    """A map at UV positions; row 0 is v = 1, texel centres at half, clamped at the border."""
    where = np.stack([2 * uv[:, 0] - 1, 1 - 2 * uv[:, 1]], 1)[None, :, None]
    found = torch.nn.functional.grid_sample(
        torch.from_numpy(np.ascontiguousarray(values, np.float64))[None, None], torch.from_numpy(where),
        mode="bicubic", padding_mode="border", align_corners=False,
    )  # fmt: skip
    return np.asarray(found[0, 0, :, 0].numpy())


def places_on_mean(ours: Ours, theirs: Places) -> Float[np.ndarray, "V 3"]:
    """Where their vertices lie on our mean face, mm."""
    return theirs.of(ours.mean)


def soft_weight(theirs: Places, polygons: Int[np.ndarray, "F 4"]) -> Float[np.ndarray, "V"]:
    """1 at their vertices that have a place on ours, falling to 0 over some edges where they have none."""
    count = len(theirs.valid)
    mean = adjacency(unique_edges(polygons), count)
    reached, rings = ~theirs.valid, np.full(count, float(FADE_RINGS))
    for ring in range(FADE_RINGS):
        rings[reached & (rings == FADE_RINGS)] = ring
        reached = reached | ((mean @ reached.astype(float)) > 0)
    ramp = rings / FADE_RINGS
    return np.asarray(ramp * ramp * (3 - 2 * ramp))


def heights_at(
    maps: OurMap, places: Float[np.ndarray, "N 3"], weight: Float[np.ndarray, "N"],
    displacement: Float[np.ndarray, "R R"],
) -> Float[np.ndarray, "N"]:  # fmt: skip
    """Displacement in mm at places on our mean face; zero where `weight` is."""
    heights = np.zeros(len(places))
    some = weight > 1e-4
    if some.any():
        heights[some] = np.clip(weight[some], 0, 1) * maps.at(places[some], displacement)
    return heights
