"""The connectivity of quads split into n × n: which new vertices there are, and of which corners they are
made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from jaxtyping import Int
from numpy.typing import NDArray


@dataclass(frozen=True)
class Grid:
    """Quads split into n × n; the old vertices come first, then those on edges, then those inside."""

    polygons: Int[np.ndarray, "F 4"]
    """New polygons, n² for each old one, in the old order; −1 pads those that a triangle's tip made
    triangular."""
    weights: Any
    """Sparse (new vertices, old vertices): bilinear weights, rows sum to 1; the identity for the old ones."""


def grid(polygons: Int[np.ndarray, "F 4"], n: int) -> Grid:
    """`polygons` split into n × n. A triangle (−1 in the fourth place) is a quad whose last side has no
    length."""
    quads = np.where(polygons < 0, polygons[:, [2]], polygons).astype(np.int64)
    count = int(quads.max()) + 1
    index = _indices(quads, n, count)
    cells = np.stack([index[:, :-1, :-1], index[:, 1:, :-1], index[:, 1:, 1:], index[:, :-1, 1:]], -1)
    return Grid(_without_repeats(cells.reshape(-1, 4)), _weights(quads, index, n, count))


def _indices(quads: NDArray[np.int64], n: int, count: int) -> NDArray[np.int64]:
    """(F, n + 1, n + 1): the vertex at step i from the first to the second corner, j from the first to the
    fourth."""
    index = np.zeros((len(quads), n + 1, n + 1), np.int64)
    step = np.arange(n + 1)
    ends = [quads[:, [0, 1]], quads[:, [1, 2]], quads[:, [3, 2]], quads[:, [0, 3]]]
    sides = [(step, 0 * step), (n + 0 * step, step), (step, n + 0 * step), (0 * step, step)]
    low_high = np.sort(np.concatenate(ends), 1)
    names, edge = np.unique(low_high[:, 0] * count + low_high[:, 1], return_inverse=True)
    edge = edge.reshape(4, len(quads))
    for k, (i, j) in enumerate(sides):
        index[:, i, j] = _along_edge(ends[k], edge[k], n, count)
    inside = count + len(names) * (n - 1) + np.arange(len(quads) * (n - 1) ** 2)
    index[:, 1:-1, 1:-1] = inside.reshape(len(quads), n - 1, n - 1)
    return index


def _along_edge(ends: NDArray[np.int64], edge: NDArray[np.int64], n: int, count: int) -> NDArray[np.int64]:
    """(F, n + 1): the vertices of an edge from its first end to its second, the same ones from both sides."""
    step = np.arange(1, n)
    forward = ends[:, :1] < ends[:, 1:]
    between = count + edge[:, None] * (n - 1) + np.where(forward, step, n - step) - 1
    between = np.where(ends[:, :1] == ends[:, 1:], ends[:, :1], between)  # the tip of a triangle
    return np.concatenate([ends[:, :1], between, ends[:, 1:]], 1)


def _weights(quads: NDArray[np.int64], index: NDArray[np.int64], n: int, count: int) -> Any:
    s, t = np.meshgrid(np.arange(n + 1) / n, np.arange(n + 1) / n, indexing="ij")
    corner = np.stack([(1 - s) * (1 - t), s * (1 - t), s * t, (1 - s) * t], -1)
    total = int(index.max()) + 1
    # Each new vertex takes its weights from one of its polygons; on an edge all of them agree.
    parent, place = np.zeros(total, np.int64), np.zeros(total, np.int64)
    parent[index.reshape(len(quads), -1)] = np.arange(len(quads))[:, None]
    place[index.reshape(len(quads), -1)] = np.arange((n + 1) ** 2)
    values = corner.reshape(-1, 4)[place]
    columns = quads[parent]
    old = np.arange(count)  # vertices that no polygon uses keep their place too
    values[:count], columns[:count] = [1, 0, 0, 0], old[:, None]
    starts = 4 * np.arange(total + 1)
    return scipy.sparse.csr_matrix((values.reshape(-1), columns.reshape(-1), starts), (total, count))


def _without_repeats(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Quads with a repeated corner become triangles; those with fewer than three corners keep their
    padding."""
    repeated = (cells == np.roll(cells, -1, 1)).any(1)
    if not repeated.any():
        return cells
    cells = cells.copy()
    for row in np.flatnonzero(repeated):
        corners = list(dict.fromkeys(cells[row].tolist()))
        cells[row] = [*corners, *[-1] * (4 - len(corners))]
    return cells
