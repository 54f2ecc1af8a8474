"""A person's skin as maps over the UV tile, and the front chart in which the anatomy is written down.

The front chart is the neutral template seen from the front, x and y in mm: outer eye corners at (±45, 34),
nose tip at (0, 4), mouth corners at (±25, −35), chin at (0, −75). Lines are written there, lifted to the
same anatomical place of a person's own skull, and every distance is measured on that skull in space: the UV
tile stretches skin by up to three, space does not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from hiface.face.model import FaceModel
from hiface.geometry.normals import vertex_normals
from hiface.geometry.topology import triangulate, unique_edges
from hiface.geometry.uv import UVAtlas
from hiface.synth.captures.curves import smoothstep

MAXIMUM_SHEET_GAP = 3.0  # mm in z; the mouth's lining lies further than this behind the lip


@dataclass(frozen=True)
class Front:
    """The texels that are seen from the front, by their place in the front chart."""

    tree: cKDTree
    uv: Float[np.ndarray, "N 2"]
    depth: Float[np.ndarray, "N"]
    """z on the mean shape, mm."""
    seen: Bool[np.ndarray, "R R"]


@dataclass(frozen=True)
class Surface:
    """Maps (R, R, ...) over the face tile, row 0 is v = 1, extended past the border; float64, mm."""

    chart: Float[np.ndarray, "R R 3"]
    """Where the texel lies on the mean shape: x and y are the front chart. The same for all people, so
    patterns made of it are shared, as a linear basis needs."""
    position: Float[np.ndarray, "R R 3"]
    """On this person's own neutral shape."""
    normal: Float[np.ndarray, "R R 3"]
    jacobian: Float[np.ndarray, "R R 3 2"]
    """∂P/∂(u, v), mm per unit."""
    mask: Bool[np.ndarray, "R R"]
    """Texels that skin covers."""
    window: Float[np.ndarray, "R R"]
    """1 where detail may live, falling to 0 towards lid margins, inner lips, ears and the tile's border."""
    atlas: UVAtlas
    vertices: Float[np.ndarray, "V 3"]
    uv: Float[np.ndarray, "V 2"]
    edges: Int[np.ndarray, "N 2"]
    triangles: Int[np.ndarray, "T 3"]
    front: Front

    @classmethod
    def of_face(cls, face: FaceModel, side: int = 512) -> Surface:
        """The surface of a face model's mean shape. The front chart needs the shipped template's
        proportions."""
        count = face.vertex_range("face").stop
        vertices = face.mean[:count].double()
        polygons = face.polygons[face.polygon_range("face")]
        triangles = triangulate(polygons)
        atlas = face.atlas(side)
        uv = np.zeros((count, 2))
        uv[polygons] = face.uv[face.uv_polygons[face.polygon_range("face")]]
        position, normal, jacobian = _maps(vertices.numpy(), uv, triangles, atlas)
        mask = atlas.mask.numpy()
        window = _window(position, mask, vertices.numpy()[face.region("ears")[:count]])
        front = _front(position, normal, mask)
        edges = unique_edges(polygons)
        return cls(
            position, position, normal, jacobian, mask, window, atlas, vertices.numpy(), uv, edges, triangles, front
        )

    def worn_by(self, vertices: Float[np.ndarray, "N 3"]) -> Surface:
        """The same skin on another neutral shape (mm; vertices beyond the face are ignored)."""
        own = np.asarray(vertices[: len(self.vertices)], np.float64)
        position, normal, jacobian = _maps(own, self.uv, self.triangles, self.atlas)
        return replace(self, position=position, normal=normal, jacobian=jacobian, vertices=own)

    @property
    def side(self) -> int:
        return len(self.mask)

    @property
    def texel_mm(self) -> float:
        """A typical texel, mm: its fine direction on the forehead."""
        return 250.0 / self.side

    @cached_property
    def uv_per_mm(self) -> Float[np.ndarray, "R R 2 3"]:
        """Least-squares inverse of the Jacobian: a step in space to a step in UV."""
        gram = np.einsum("abik,abil->abkl", self.jacobian, self.jacobian)
        return np.linalg.solve(gram + 1e-3 * np.eye(2), self.jacobian.transpose(0, 1, 3, 2))

    @cached_property
    def texel_area(self) -> Float[np.ndarray, "R R"]:
        """Square millimetres of skin under a texel; 0 outside the mask."""
        cross = np.cross(self.jacobian[..., 0], self.jacobian[..., 1])
        return np.asarray(np.linalg.norm(cross, axis=-1) / self.side**2 * self.mask)

    def blob(
        self,
        x: float,
        y: float,
        half_width: float,
        half_height: float,
        paired: bool = True,
        power: float = 2.0,
    ) -> Float[np.ndarray, "R R"]:
        """A soft window at chart position (±x, y), 1 inside; `paired` adds its mirror image."""
        px, py = self.chart[..., 0], self.chart[..., 1]
        tall = np.abs((py - y) / half_height) ** power

        def half(centre: float) -> Float[np.ndarray, "R R"]:
            return np.exp(-(np.abs((px - centre) / half_width) ** power) - tall)

        return (half(x) + half(-x) if paired else half(x)) * (self.normal[..., 2] > -0.3)

    def lift(self, chart: Float[np.ndarray, "N 2"]) -> tuple[Float[np.ndarray, "N 2"], Float[np.ndarray, "N 3"]]:
        """UV and position of chart points on the front sheet of this person's skin, mm."""
        front, points = self.front, self._front_points
        distance, index = front.tree.query(chart, k=16)
        depth = front.depth[index] - 2 * distance
        near = depth > depth.max(1, keepdims=True) - MAXIMUM_SHEET_GAP
        weight = near / (distance**2 + 0.3)
        weight /= weight.sum(1, keepdims=True)
        return np.einsum("nk,nkc->nc", weight, front.uv[index]), np.einsum("nk,nkc->nc", weight, points[index])

    @cached_property
    def _front_points(self) -> Float[np.ndarray, "N 3"]:
        return self.position[self.front.seen]


def _maps(
    vertices: Float[np.ndarray, "V 3"],
    uv: Float[np.ndarray, "V 2"],
    triangles: Int[np.ndarray, "T 3"],
    atlas: UVAtlas,
) -> tuple[Float[np.ndarray, "R R 3"], Float[np.ndarray, "R R 3"], Float[np.ndarray, "R R 3 2"]]:
    """Position, unit normal and Jacobian of a shape at every texel."""
    at_vertices = torch.from_numpy(vertices)
    normals = vertex_normals(at_vertices[None], torch.from_numpy(triangles))[0]
    slopes = torch.from_numpy(_vertex_jacobians(vertices, uv, triangles).reshape(len(vertices), 6))
    baked = atlas.bake(torch.cat([at_vertices, normals, slopes], 1)[None])[0].numpy()
    normal = baked[..., 3:6] / np.linalg.norm(baked[..., 3:6], axis=-1, keepdims=True)
    return baked[..., :3], normal, baked[..., 6:].reshape(*baked.shape[:2], 3, 2)


def _front(
    position: Float[np.ndarray, "R R 3"], normal: Float[np.ndarray, "R R 3"], mask: Bool[np.ndarray, "R R"]
) -> Front:
    side = len(mask)
    centres = (np.arange(side) + 0.5) / side
    u, v = np.meshgrid(centres, 1 - centres)
    lining = (np.abs(u - 0.5) < 0.1) & (np.abs(v - 0.43) < 0.012)
    seen = mask & (normal[..., 2] > -0.15) & (position[..., 2] > -5) & ~lining
    points = position[seen]
    return Front(cKDTree(points[:, :2]), np.stack([u[seen], v[seen]], 1), points[:, 2], seen)


def _vertex_jacobians(
    vertices: Float[np.ndarray, "V 3"], uv: Float[np.ndarray, "V 2"], triangles: Int[np.ndarray, "T 3"]
) -> Float[np.ndarray, "V 3 2"]:
    """∂P/∂(u, v) at vertices: mean of the triangles around, by their area in UV."""
    a, b, c = triangles.T
    edges = np.stack([vertices[b] - vertices[a], vertices[c] - vertices[a]], 2)
    plane = np.stack([uv[b] - uv[a], uv[c] - uv[a]], 2)
    area = np.abs(np.linalg.det(plane))
    usable = area > 1e-9
    inverse = np.zeros_like(plane)
    inverse[usable] = np.linalg.inv(plane[usable])
    total, weight = np.zeros((len(vertices), 3, 2)), np.zeros(len(vertices))
    for corner in (a, b, c):
        np.add.at(total, corner, edges @ inverse * (area * usable)[:, None, None])
        np.add.at(weight, corner, area * usable)
    return total / np.maximum(weight, 1e-12)[:, None, None]


def _window(
    position: Float[np.ndarray, "R R 3"], mask: Bool[np.ndarray, "R R"], ears: Float[np.ndarray, "N 3"]
) -> Float[np.ndarray, "R R"]:
    """Fades over 2 % of the tile at every border of the mask and over 8 mm before the ears."""
    side = len(mask)
    padded = np.pad(mask, 1)  # the tile's own edge is a border too
    from_border = distance_transform_edt(padded)[1:-1, 1:-1] / (0.02 * side)
    distance, _ = cKDTree(ears).query(position.reshape(-1, 3), distance_upper_bound=20)
    from_ears = (np.minimum(distance, 20).reshape(side, side) - 2) / 8
    return np.asarray(smoothstep(np.minimum(from_border, from_ears)) * mask)
