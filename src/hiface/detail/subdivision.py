"""Splitting quads smoothly: the connectivity of 2 × 2 splits, and the weights of Catmull-Clark surfaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from jaxtyping import Int
from numpy.typing import NDArray

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Quads split into 2 × 2. Vertices: the old ones, then one an edge, then one a polygon."""

    polygons: Int[np.ndarray, "F 4"]
    """Four for each old polygon, in the old order; −1 pads those that a triangle's tip made triangular."""
    edges: Int[np.ndarray, "E 2"]
    """Old vertices of each edge point."""
    edge_polygons: Int[np.ndarray, "E 2"]
    """The two polygons at an edge; −1 twice where there is only one (the border), or more than two."""
    corners: Int[np.ndarray, "F 4"]
    """Old corners of each polygon; a triangle repeats its third."""
    vertex_count: int
    """Of the old vertices."""


def split(polygons: Int[np.ndarray, "F 4"]) -> Split:
    """The 2 × 2 split of `polygons`. A triangle (−1 in the fourth place) is a quad whose third side has no
    length."""
    quads = np.where(polygons < 0, polygons[:, [2]], polygons).astype(np.int64)
    count, faces = int(quads.max()) + 1, len(quads)
    low_high = np.sort(np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2), 1)
    names, edge = np.unique(low_high[:, 0] * count + low_high[:, 1], return_inverse=True)
    edges = np.stack(np.divmod(names, count), 1)
    edge = edge.reshape(faces, 4)
    middle = np.where(edges[edge, 0] == edges[edge, 1], quads, count + edge)  # a side without length is a corner
    centre = np.broadcast_to(count + len(edges) + np.arange(faces)[:, None], (faces, 4))
    cells = np.stack([quads, middle, centre, np.roll(middle, 1, 1)], -1)
    return Split(_without_repeats(cells.reshape(-1, 4)), edges, _edge_polygons(edge, len(edges)), quads, count)


def bilinear(parts: Split) -> Any:
    """Sparse (new, old) weights that keep flat quads flat: middles of edges, means of corners."""
    return scipy.sparse.vstack([scipy.sparse.identity(parts.vertex_count), *_middles(parts)], format="csr")


def catmull_clark(parts: Split) -> Any:
    """Sparse (new, old) weights of one step of Catmull and Clark's scheme, borders as cubic B-splines."""
    edge_middle, centre = _middles(parts)
    count = parts.vertex_count
    inner = parts.edge_polygons[:, 0] >= 0
    beside = _rows(parts.edge_polygons[inner], np.flatnonzero(inner), (len(inner), len(parts.corners)))
    edge = _scaled(np.where(inner, 0.5, 1.0)) @ edge_middle + 0.25 * beside @ centre
    used = parts.edges[:, 0] != parts.edges[:, 1]
    on_border = np.zeros(count, bool)
    on_border[parts.edges[used & ~inner]] = True
    face_mean = _mean_of(parts.corners, np.arange(len(parts.corners)).repeat(4), count, len(parts.corners))
    edges = np.flatnonzero(used)
    middle_mean = _mean_of(parts.edges[used], edges.repeat(2), count, len(parts.edges))
    valence = np.maximum(np.bincount(parts.edges[used].reshape(-1), minlength=count), 1)
    inside = (face_mean @ centre + 2 * middle_mean @ edge_middle) + _scaled(valence - 3.0)
    border = np.flatnonzero(used & ~inner)
    along = _mean_of(parts.edges[border], border.repeat(2), count, len(parts.edges))
    at_border = 0.5 * along @ edge_middle + 0.5 * scipy.sparse.identity(count)
    lonely = np.bincount(parts.edges[used].reshape(-1), minlength=count) == 0
    vertex = _scaled((~on_border & ~lonely) / valence) @ inside + _scaled(1.0 * on_border) @ at_border
    return scipy.sparse.vstack([vertex + _scaled(1.0 * lonely), edge, centre], format="csr")


def _middles(parts: Split) -> tuple[Any, Any]:
    """Middles of edges (E, V) and centres of polygons (F, V)."""
    edges, faces, count = len(parts.edges), len(parts.corners), parts.vertex_count
    return (
        0.5 * _rows(parts.edges, np.arange(edges), (edges, count)),
        0.25 * _rows(parts.corners, np.arange(faces), (faces, count)),
    )


def _rows(columns: Indices, rows: Indices, shape: tuple[int, int]) -> Any:
    """Ones at `columns` (n, k) of `rows` (n,); repeated places add up."""
    where = (np.repeat(rows, columns.shape[1]), columns.reshape(-1))
    return scipy.sparse.csr_matrix((np.ones(columns.size), where), shape)


def _mean_of(owners: Indices, items: Indices, count: int, total: int) -> Any:
    """(count, total): row v is the mean over the `items` whose entry in `owners` is v."""
    sums = scipy.sparse.csr_matrix((np.ones(len(items)), (owners.reshape(-1), items)), (count, total))
    sums.data[:] = 1  # a triangle's repeated corner counts once
    share = np.asarray(sums.sum(axis=1)).reshape(-1)
    return _scaled(1 / np.maximum(share, 1)) @ sums


def _scaled(values: NDArray[np.float64]) -> Any:
    return scipy.sparse.diags(values)


def _edge_polygons(edge: Indices, count: int) -> Indices:
    """(E, 2): the polygons at each edge where there are exactly two, else −1."""
    order = np.argsort(edge.reshape(-1), kind="stable")
    names, polygon = edge.reshape(-1)[order], order // 4
    found = np.full((count, 2), -1)
    sizes = np.bincount(names, minlength=count)
    starts = np.cumsum(sizes) - sizes
    two = np.flatnonzero(sizes == 2)
    found[two] = np.stack([polygon[starts[two]], polygon[starts[two] + 1]], 1)
    return found


def _without_repeats(cells: Indices) -> Indices:
    """Quads with a repeated corner become triangles, padded with −1."""
    repeated = (cells == np.roll(cells, -1, 1)).any(1)
    cells = cells.copy()
    for row in np.flatnonzero(repeated):
        corners = list(dict.fromkeys(cells[row].tolist()))
        cells[row] = [*corners, *[-1] * (4 - len(corners))]
    return cells
