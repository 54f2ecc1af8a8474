"""Closest points on a surface among those that face the same way: an upper lip finds no lower lip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

_Array = np.ndarray[Any, np.dtype[Any]]
_NORMAL_MM = 6.0
"""What a unit of difference between normals counts in the search for candidates."""
_FACING = 0.2
"""Cosine above which two normals face the same way."""
_AT_ONCE = 4000


@dataclass(frozen=True)
class Found:
    """For N queries a point of the surface each."""

    corners: Int[np.ndarray, "N 3"]
    """Vertices of the triangle that holds it."""
    weights: Float[np.ndarray, "N 3"]
    triangle: Int[np.ndarray, "N"]
    distance: Float[np.ndarray, "N"]
    """mm."""
    agreement: Float[np.ndarray, "N"]
    """Cosine between the query's normal and the triangle's."""

    def of(self, values: Float[np.ndarray, "V *C"]) -> Float[np.ndarray, "N *C"]:
        """Vertex values at the points."""
        return np.asarray(np.einsum("nk...,nk->n...", values[self.corners], self.weights))


class Surface:
    """A triangle mesh that is asked for closest points."""

    def __init__(self, vertices: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"]) -> None:
        self.vertices, self.triangles = vertices, triangles
        self.corners = vertices[triangles]
        normals = np.cross(self.corners[:, 1] - self.corners[:, 0], self.corners[:, 2] - self.corners[:, 0])
        self.normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        self._tree = cKDTree(np.c_[self.corners.mean(1), _NORMAL_MM * self.normals])

    def query(self, points: Float[np.ndarray, "N 3"], normals: Float[np.ndarray, "N 3"], candidates: int = 16) -> Found:
        """The closest point that faces as the query does; where none of the candidates does, the closest."""
        starts = range(0, len(points), _AT_ONCE)
        parts = [self._query(points[i : i + _AT_ONCE], normals[i : i + _AT_ONCE], candidates) for i in starts]
        triangle, weights, distance, agreement = (np.concatenate(p) for p in zip(*parts, strict=True))
        return Found(self.triangles[triangle], weights, triangle, distance, agreement)

    def _query(self, points: _Array, normals: _Array, candidates: int) -> tuple[_Array, _Array, _Array, _Array]:
        count = min(candidates, len(self.triangles))
        near = np.asarray(self._tree.query(np.c_[points, _NORMAL_MM * normals], count)[1]).reshape(len(points), count)
        weights = barycentric_of_closest(points[:, None], self.corners[near])
        distance = np.linalg.norm(np.einsum("nckx,nck->ncx", self.corners[near], weights) - points[:, None], axis=2)
        agreement = np.einsum("ncx,nx->nc", self.normals[near], normals)
        best = np.where(agreement > _FACING, distance, distance + 1e3).argmin(1)
        rows = np.arange(len(points))
        return near[rows, best], weights[rows, best], distance[rows, best], agreement[rows, best]


def barycentric_of_closest(
    points: Float[np.ndarray, "*N 3"], corners: Float[np.ndarray, "*M 3 3"]
) -> Float[np.ndarray, "*M 3"]:
    """Barycentric weights of the point of each triangle that is closest to `points`, which broadcast."""
    a, b, c = (corners[..., k, :] for k in range(3))
    first, second, away = b - a, c - a, points - a
    d00, d01, d11 = ((u * v).sum(-1) for u, v in ((first, first), (first, second), (second, second)))
    d20, d21 = (away * first).sum(-1), (away * second).sum(-1)
    area = np.maximum(d00 * d11 - d01 * d01, 1e-18)
    v, w = (d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area
    inside = np.stack([1 - v - w, v, w], -1)
    edges = [_on_edge(points, corners, i, j) for i, j in ((0, 1), (1, 2), (2, 0))]
    options = np.stack(edges, -2)
    gaps = np.linalg.norm(np.einsum("...ok,...kx->...ox", options, corners) - points[..., None, :], axis=-1)
    nearest = np.take_along_axis(options, gaps.argmin(-1)[..., None, None], -2)[..., 0, :]
    return np.asarray(np.where((inside >= 0).all(-1, keepdims=True), inside, nearest))


def _on_edge(points: _Array, corners: _Array, i: int, j: int) -> _Array:
    """Weights of the closest point of one edge."""
    start, edge = corners[..., i, :], corners[..., j, :] - corners[..., i, :]
    t = ((points - start) * edge).sum(-1) / np.maximum((edge * edge).sum(-1), 1e-18)
    t = np.clip(t, 0, 1)
    weights = np.zeros((*t.shape, 3))
    weights[..., i], weights[..., j] = 1 - t, t
    return weights


def vertex_normals(vertices: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"]) -> Float[np.ndarray, "V 3"]:
    """Unit normals, weighted by area; zero at vertices of no triangle."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    faces = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normals, triangles[:, k], faces)
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12))
