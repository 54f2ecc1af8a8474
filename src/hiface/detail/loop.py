"""Loop's scheme: smooth subdivision of triangle meshes, borders as cubic B-splines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Float, Int


@dataclass(frozen=True)
class TriangleSplit:
    """Triangles split into four. Vertices: the old ones, then one an edge."""

    triangles: Int[np.ndarray, "T 3"]
    """Four for each old triangle, in the old order: at the corners, then the middle one."""
    edges: Int[np.ndarray, "E 2"]
    """Old vertices of each edge point."""
    opposite: Int[np.ndarray, "E 2"]
    """The two old vertices across an edge; -1 twice where it has not two triangles."""
    vertex_count: int


def split_triangles(triangles: Int[np.ndarray, "T 3"], vertex_count: int) -> TriangleSplit:
    """The split of `triangles` into four each."""
    sides = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    edges, edge = np.unique(sides, axis=0, return_inverse=True)
    middle = vertex_count + edge.reshape(-1, 3)  # of sides ab, bc, ca
    (a, b, c), (ab, bc, ca) = triangles.T, middle.T
    children = np.stack([a, ab, ca, ab, b, bc, ca, bc, c, ab, bc, ca], 1).reshape(-1, 3)
    across = triangles[:, [2, 0, 1]].ravel()
    order = np.argsort(edge.ravel(), kind="stable")
    size = np.bincount(edge.ravel(), minlength=len(edges))
    first = (np.cumsum(size) - size)[size == 2]
    opposite = np.full((len(edges), 2), -1)
    opposite[size == 2] = across[order][first[:, None] + [0, 1]]
    return TriangleSplit(children, edges, opposite, vertex_count)


def straight(parts: TriangleSplit) -> Any:
    """Sparse (new, old) weights that leave flat triangles flat: middles of edges."""
    return sparse.vstack([sparse.identity(parts.vertex_count), _rows(parts.edges, 0.5, parts)], format="csr")


def loop(parts: TriangleSplit) -> Any:
    """Sparse (new, old) weights of one step of Loop's scheme; an edge of one or of more than two triangles is a
    crease."""
    inner = parts.opposite[:, 0] >= 0
    ends = _rows(parts.edges, np.where(inner, 0.375, 0.5), parts)
    across = _rows(np.maximum(parts.opposite, 0), np.where(inner, 0.125, 0.0), parts)
    return sparse.vstack([_old(parts, inner), ends + across], format="csr")


def _old(parts: TriangleSplit, inner: np.ndarray) -> Any:
    """(V, V): where the old vertices go."""
    count = parts.vertex_count
    valence = np.bincount(parts.edges.ravel(), minlength=count)
    crease = np.bincount(parts.edges[~inner].ravel(), minlength=count)
    share = (0.625 - (0.375 + 0.25 * np.cos(2 * np.pi / np.maximum(valence, 1))) ** 2) / np.maximum(valence, 1)
    smooth = (crease == 0) & (valence > 0)
    along = crease == 2  # other creases are corners and stay
    ring = _neighbours(parts.edges, count)
    border = _neighbours(parts.edges[~inner], count)
    keep = np.where(smooth, 1 - share * valence, np.where(along, 0.75, 1.0))
    return sparse.diags(keep) + sparse.diags(smooth * share) @ ring + sparse.diags(0.125 * along) @ border


def _neighbours(edges: Int[np.ndarray, "E 2"], count: int) -> Any:
    both = np.concatenate([edges, edges[:, ::-1]])
    return sparse.csr_matrix((np.ones(len(both)), (both[:, 0], both[:, 1])), (count, count))


def _rows(columns: Int[np.ndarray, "E 2"], weight: float | Float[np.ndarray, "E"], parts: TriangleSplit) -> Any:
    """(E, V): the two `columns` of each edge, each with `weight`."""
    count = len(columns)
    values = np.repeat(np.broadcast_to(np.asarray(weight, float), (count,)), 2)
    return sparse.csr_matrix((values, (np.repeat(np.arange(count), 2), columns.ravel())), (count, parts.vertex_count))
