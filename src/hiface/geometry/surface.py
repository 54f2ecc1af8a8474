"""Triangle meshes as arrays, and the exact closest point on them: what the evaluation protocols stand on.

NumPy and numba only, double precision throughout: this file judges anybody's meshes and imports no torch.
The search is a bounding volume tree over the triangles (median splits, stored as a heap), walked nearest box
first. It is exact: every triangle that could be nearer than the answer has been measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, no_type_check

import numba
import numpy as np
from jaxtyping import Float, Int

from hiface.errors import MeshError

_Array = np.ndarray[Any, np.dtype[Any]]
_LEAF = 4  # triangles a leaf at least; fewer make the tree deeper than it saves
_NO_HINT = -1


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh; checked and converted when it is made.

    Raises `MeshError` for wrong shapes, coordinates that are not finite, or corners that name no vertex.
    """

    vertices: Float[np.ndarray, "V 3"]
    """Positions, float64, in whatever unit the file had."""
    triangles: Int[np.ndarray, "T 3"]
    """Corners, 0-based, int64; T may be 0 for a point set."""

    def __post_init__(self) -> None:
        vertices = np.ascontiguousarray(self.vertices, dtype=np.float64)
        triangles = np.ascontiguousarray(self.triangles, dtype=np.int64).reshape(-1, 3)
        if vertices.ndim != 2 or vertices.shape[1] != 3:
            raise MeshError(f"expected vertices of shape (V, 3), found {vertices.shape}; pass x, y, z for each vertex")
        bad = ~np.isfinite(vertices).all(axis=1)
        if bad.any():
            raise MeshError(
                f"{int(bad.sum())} of {len(vertices)} vertices are not finite, "
                f"the first is vertex {int(bad.argmax())} (0-based); export the mesh again"
            )
        if triangles.size and (triangles.min() < 0 or triangles.max() >= len(vertices)):
            raise MeshError(
                f"triangle corners reach from {triangles.min()} to {triangles.max()}, "
                f"but there are {len(vertices)} vertices; the file is cut off or belongs to another mesh"
            )
        object.__setattr__(self, "vertices", vertices)
        object.__setattr__(self, "triangles", triangles)

    def with_vertices(self, vertices: Float[np.ndarray, "V 3"]) -> Mesh:
        """The same triangles on other positions."""
        return Mesh(vertices, self.triangles)


@dataclass(frozen=True)
class ClosestPoints:
    """What a search found for N query points."""

    points: Float[np.ndarray, "N 3"]
    """The closest points on the surface."""
    distances: Float[np.ndarray, "N"]
    """Euclidean, in the unit of the mesh."""
    triangle_ids: Int[np.ndarray, "N"]
    """The triangle that each closest point lies on (one of them where several share it)."""


class ClosestPoint:
    """Finds the closest points on a mesh's surface: its faces, edges and vertices."""

    def __init__(self, mesh: Mesh) -> None:
        if not len(mesh.triangles):
            raise MeshError("a surface needs at least one triangle, found none; give the mesh's connectivity")
        self.mesh = mesh
        self._order, self._leaf = _tree_order(mesh)
        self._place()

    def moved(self, vertices: Float[np.ndarray, "V 3"]) -> ClosestPoint:
        """The same surface with its vertices elsewhere; keeps the tree, which is cheap and stays exact."""
        other = object.__new__(ClosestPoint)
        other.mesh = self.mesh.with_vertices(vertices)
        other._order, other._leaf = self._order, self._leaf
        other._place()
        return other

    def query(self, points: Float[np.ndarray, "N 3"], hint: Int[np.ndarray, "N"] | None = None) -> ClosestPoints:
        """The closest surface point of every query point.

        `hint` names for each point a triangle that may be close (the answer before a small motion, say); it
        changes the time, never the answer.
        """
        queries = np.ascontiguousarray(points, dtype=np.float64)
        if queries.ndim != 2 or queries.shape[1] != 3 or not np.isfinite(queries).all():
            raise MeshError(f"expected finite points of shape (N, 3), found {queries.shape} or values not finite")
        hints = np.full(len(queries), _NO_HINT) if hint is None else np.ascontiguousarray(hint, dtype=np.int64)
        found, squared, ids = _search(
            queries, hints, self._corners, self._order, self._lower, self._upper, self._leaf, self._slot_of
        )
        return ClosestPoints(found, np.sqrt(squared), ids)

    def _place(self) -> None:
        self._corners = np.ascontiguousarray(self.mesh.vertices[self.mesh.triangles[self._order]])
        self._lower, self._upper = _boxes(self._corners, self._leaf)
        self._slot_of = np.empty(len(self.mesh.triangles), dtype=np.int64)
        self._slot_of[self._order] = np.arange(len(self._order))


def merge_duplicates(mesh: Mesh, decimals: int = 8) -> Mesh:
    """The mesh with equal positions (after rounding) made one vertex and vertices of no triangle dropped.

    Vertices keep the order of their first appearance.
    """
    rounded = np.round(mesh.vertices, decimals) + 0.0  # adding zero makes -0.0 equal to 0.0
    _, first, group = np.unique(rounded, axis=0, return_index=True, return_inverse=True)
    triangles = first[group.reshape(-1)][mesh.triangles]
    used = np.unique(triangles)
    number = np.full(len(mesh.vertices), -1)
    number[used] = np.arange(len(used))
    return Mesh(mesh.vertices[used], number[triangles])


def _tree_order(mesh: Mesh) -> tuple[_Array, int]:
    """Triangles in leaf order, and the leaf size: every node halves its triangles along its longest axis.

    All leaves hold the same number, so that the tree is a heap without pointers; some triangles appear twice
    to fill up, which costs a little time and changes no answer.
    """
    centres = mesh.vertices[mesh.triangles].mean(axis=1)
    depth = max(0, int(np.log2(max(1.0, len(centres) / _LEAF))))
    leaf = -(-len(centres) // 2**depth)
    order = np.resize(np.arange(len(centres)), (1, leaf * 2**depth))
    for _ in range(depth):
        spread = centres[order]
        axis = np.argmax(spread.max(axis=1) - spread.min(axis=1), axis=1)
        key = np.take_along_axis(spread, axis[:, None, None], axis=2)[..., 0]
        half = order.shape[1] // 2
        split = np.argpartition(key, half, axis=1)
        order = np.take_along_axis(order, split, axis=1).reshape(-1, half)
    return np.ascontiguousarray(order.reshape(-1)), leaf


def _boxes(corners: _Array, leaf: int) -> tuple[_Array, _Array]:
    """Lower and upper box corners of every node, root first, level by level."""
    grouped = corners.reshape(-1, leaf * 3, 3)
    lower, upper = [grouped.min(axis=1)], [grouped.max(axis=1)]
    while len(lower[0]) > 1:
        lower.insert(0, lower[0].reshape(-1, 2, 3).min(axis=1))
        upper.insert(0, upper[0].reshape(-1, 2, 3).max(axis=1))
    return np.concatenate(lower), np.concatenate(upper)


@numba.njit(inline="always")
@no_type_check
def _box_distance(point, lower, upper):
    """Squared distance from a point to a box, 0 inside."""
    total = 0.0
    for k in range(3):
        gap = max(lower[k] - point[k], 0.0, point[k] - upper[k])
        total += gap * gap
    return total


@numba.njit
@no_type_check
def _on_segment(px, py, pz, ax, ay, az, ex, ey, ez):
    """Squared distance and closest point on the segment from a along e."""
    length = ex * ex + ey * ey + ez * ez
    t = ((px - ax) * ex + (py - ay) * ey + (pz - az) * ez) / length if length > 0.0 else 0.0
    t = min(max(t, 0.0), 1.0)
    x, y, z = ax + t * ex, ay + t * ey, az + t * ez
    return (px - x) ** 2 + (py - y) ** 2 + (pz - z) ** 2, x, y, z


@numba.njit
@no_type_check
def _on_triangle(px, py, pz, corner):
    """Squared distance and closest point on a triangle, also one without area.

    A projection that falls inside is the answer. Otherwise, and where the triangle is so thin that its
    weights lose their digits, the nearest point of the three edges is.
    """
    ax, ay, az = corner[0, 0], corner[0, 1], corner[0, 2]
    ux, uy, uz = corner[1, 0] - ax, corner[1, 1] - ay, corner[1, 2] - az
    vx, vy, vz = corner[2, 0] - ax, corner[2, 1] - ay, corner[2, 2] - az
    qx, qy, qz = px - ax, py - ay, pz - az
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    area = nx * nx + ny * ny + nz * nz
    size = max(ux * ux + uy * uy + uz * uz, vx * vx + vy * vy + vz * vz)
    best, x, y, z = np.inf, ax, ay, az
    if area > 1e-24 * size * size:
        s = ((qy * vz - qz * vy) * nx + (qz * vx - qx * vz) * ny + (qx * vy - qy * vx) * nz) / area
        t = ((uy * qz - uz * qy) * nx + (uz * qx - ux * qz) * ny + (ux * qy - uy * qx) * nz) / area
        if s >= 0.0 and t >= 0.0 and s + t <= 1.0:
            x, y, z = ax + s * ux + t * vx, ay + s * uy + t * vy, az + s * uz + t * vz
            best = (px - x) ** 2 + (py - y) ** 2 + (pz - z) ** 2
            if area > 1e-10 * size * size:
                return best, x, y, z
    for edge in range(3):
        if edge == 0:
            d, ex, ey, ez = _on_segment(px, py, pz, ax, ay, az, ux, uy, uz)
        elif edge == 1:
            d, ex, ey, ez = _on_segment(px, py, pz, ax, ay, az, vx, vy, vz)
        else:
            d, ex, ey, ez = _on_segment(px, py, pz, ax + ux, ay + uy, az + uz, vx - ux, vy - uy, vz - uz)
        if d < best:
            best, x, y, z = d, ex, ey, ez
    return best, x, y, z


@numba.njit(nogil=True, cache=True)
@no_type_check
def _search(points, hints, corners, order, lower, upper, leaf, slot_of):
    """Closest points, squared distances and triangle ids, walking the heap with the nearer child first."""
    count = len(points)
    found, squared = np.zeros((count, 3)), np.zeros(count)
    ids = np.zeros(count, np.int64)
    inner = len(lower) // 2  # nodes before the first leaf
    nodes, gaps = np.zeros(128, np.int64), np.zeros(128)
    for i in range(count):
        px, py, pz = points[i, 0], points[i, 1], points[i, 2]
        best, bx, by, bz, winner = np.inf, px, py, pz, 0
        if hints[i] >= 0:
            best, bx, by, bz = _on_triangle(px, py, pz, corners[slot_of[hints[i]]])
            winner = hints[i]
        top, nodes[0], gaps[0] = 1, 0, 0.0
        while top > 0:
            top -= 1
            node = nodes[top]
            if gaps[top] >= best:
                continue
            if node >= inner:
                start = (node - inner) * leaf
                for slot in range(start, start + leaf):
                    d, x, y, z = _on_triangle(px, py, pz, corners[slot])
                    if d < best:
                        best, bx, by, bz, winner = d, x, y, z, order[slot]
                continue
            near, far = 2 * node + 1, 2 * node + 2
            near_gap = _box_distance(points[i], lower[near], upper[near])
            far_gap = _box_distance(points[i], lower[far], upper[far])
            if far_gap < near_gap:
                near, far, near_gap, far_gap = far, near, far_gap, near_gap
            nodes[top], gaps[top] = far, far_gap
            nodes[top + 1], gaps[top + 1] = near, near_gap
            top += 2
        found[i, 0], found[i, 1], found[i, 2] = bx, by, bz
        squared[i], ids[i] = best, winner
    return found, squared, ids
