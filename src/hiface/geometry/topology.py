"""Facts about a mesh's connectivity: triangles of quads, edges, smoothing, boundary loops. NumPy, computed once."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from hiface.errors import MeshError


def triangulate(polygons: Int[np.ndarray, "F 4"]) -> Int[np.ndarray, "T 3"]:
    """Triangles of quads, `(a, b, c)` and `(a, c, d)` in place; a polygon padded with -1 gives one."""
    if polygons.ndim != 2 or polygons.shape[1] != 4:
        raise MeshError(f"polygons: expected shape (F, 4) with -1 for a triangle's fourth corner, got {polygons.shape}")
    first, second = polygons[:, [0, 1, 2]], polygons[:, [0, 2, 3]]
    both = np.stack([first, second], axis=1).reshape(-1, 3)
    keep = np.stack([np.ones(len(polygons), bool), polygons[:, 3] >= 0], axis=1).reshape(-1)
    return np.ascontiguousarray(both[keep])


def triangle_polygon(polygons: Int[np.ndarray, "F 4"]) -> Int[np.ndarray, "T"]:
    """The polygon that each triangle of `triangulate` came from."""
    return np.repeat(np.arange(len(polygons)), 1 + (polygons[:, 3] >= 0))


def directed_edges(polygons: Int[np.ndarray, "F 4"]) -> Int[np.ndarray, "N 2"]:
    """Every side of every polygon, in the polygon's own direction."""
    quads, triangles = polygons[polygons[:, 3] >= 0], polygons[polygons[:, 3] < 0]
    sides = [quads[:, [0, 1]], quads[:, [1, 2]], quads[:, [2, 3]], quads[:, [3, 0]]]
    sides += [triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]
    return np.concatenate(sides)


def unique_edges(polygons: Int[np.ndarray, "F 4"]) -> Int[np.ndarray, "N 2"]:
    """Undirected edges, smaller index first, sorted; diagonals of quads are not edges."""
    return np.unique(np.sort(directed_edges(polygons), axis=1), axis=0)


def border_edges(polygons: Int[np.ndarray, "F 4"]) -> Int[np.ndarray, "N 2"]:
    """Edges that belong to one polygon only."""
    edges, count = np.unique(np.sort(directed_edges(polygons), axis=1), axis=0, return_counts=True)
    return edges[count == 1]


def adjacency(edges: Int[np.ndarray, "N 2"], vertex_count: int) -> sparse.csr_matrix:
    """Row-normalised vertex adjacency: `adjacency @ x` is the mean over each vertex' neighbours."""
    ends = np.concatenate([edges, edges[:, ::-1]])
    matrix = sparse.csr_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(vertex_count, vertex_count))
    degree = np.asarray(matrix.sum(axis=1)).ravel()
    return sparse.diags(1.0 / np.maximum(degree, 1.0)) @ matrix


def smooth(
    values: Float[np.ndarray, "V *C"], edges: Int[np.ndarray, "N 2"], steps: int, amount: float = 0.5
) -> Float[np.ndarray, "V *C"]:
    """`values` after `steps` of Laplacian smoothing; vertices without edges keep theirs."""
    mean = adjacency(edges, len(values))
    lonely = np.asarray(mean.sum(axis=1)).ravel() == 0
    for _ in range(steps):
        moved = (1 - amount) * values + amount * (mean @ values)
        values = np.where(lonely.reshape(-1, *[1] * (values.ndim - 1)), values, moved)
    return values


def used_vertices(polygons: Int[np.ndarray, "F 4"], vertex_count: int) -> Bool[np.ndarray, "V"]:
    """Which vertices some polygon uses."""
    used = np.zeros(vertex_count, bool)
    used[polygons[polygons >= 0]] = True
    return used


def compact(polygons: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The vertex ids that polygons use, and the polygons in terms of their positions in that list; -1 stays."""
    ids = np.unique(polygons[polygons >= 0])
    renamed = np.where(polygons >= 0, np.searchsorted(ids, np.maximum(polygons, 0)), -1)
    return ids.astype(np.int64), renamed.astype(np.int64)
