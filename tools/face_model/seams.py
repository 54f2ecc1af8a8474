"""Where two edges of skin face each other, lids and lips: how far apart they are, and how to change that smoothly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse

from hiface.geometry.topology import adjacency, unique_edges
from tools.face_model.carry import FACE, SKIN
from tools.face_model.eyes import steps_from
from tools.face_model.source import Source


@dataclass(frozen=True)
class Seam:
    """Two facing edges along x, and the skin beside them that moves with them.

    Places along the seam run from 0 at its smaller x to 1 at its larger.
    """

    near: np.ndarray
    """Skin within reach of the edges."""
    along: np.ndarray
    """(N,) place of each of them."""
    rings: np.ndarray
    """(N,) edges to walk from the border of the hole."""
    upper: np.ndarray
    """(N,) bool: belongs to the upper side."""
    share: np.ndarray
    """(N,) how much of the edge's motion it takes part in, 1 at the edge and 0 at the end of its reach."""
    at_upper: sparse.csr_matrix
    """(N, 11248): the upper edge beside each of them, as weights on skin."""
    at_lower: sparse.csr_matrix

    def gap(self, skin: np.ndarray) -> np.ndarray:
        """(N,) height of the upper edge over the lower beside every vertex; of positions or displacements."""
        height = skin[:SKIN, 1]
        return self.at_upper @ height - self.at_lower @ height

    def opened(self, skin: np.ndarray, amount: np.ndarray | float, upper_part: float = 0.5) -> np.ndarray:
        """The skin with its edges `amount` mm farther apart; the upper one takes `upper_part` of it."""
        skin = skin.copy()
        part = np.where(self.upper, upper_part, upper_part - 1)
        skin[self.near, 1] += self.share * part * amount
        return skin

    def levelled(self, skin: np.ndarray, share: float, upper_part: float = 0.5) -> np.ndarray:
        """A displacement whose change of the gap is `share` smaller."""
        return self.opened(skin, -share * self.gap(skin), upper_part)


def seam(
    source: Source, hole: str, vertices: np.ndarray, edge_ring: int, reach: tuple[int, int], margin: float = 0.0
) -> Seam:
    """The seam round a hole of the face, which the part `hole` lines.

    `edge_ring` is how many edges from the hole's border the facing edges lie; `reach` where the share of their
    motion starts to fall and where it ends. `margin` is left out at both ends, as a part of the length.
    """
    polygons = source.polygons[source.polygon_slice(hole)]
    own = np.arange(*source.parts[hole]["vertices"])
    border = np.setdiff1d(np.unique(polygons[polygons >= 0]), own)
    steps = steps_from(source.polygons[source.polygon_slice("face")], border, len(vertices))[:FACE]
    ring = np.flatnonzero(steps == edge_ring)
    x0, x1 = vertices[ring, 0].min(), vertices[ring, 0].max()
    place = lambda k: (vertices[k, 0] - x0) / (x1 - x0)  # noqa: E731
    near = np.flatnonzero(steps < reach[1])
    on_top = _upper(source, polygons, own, steps, vertices, reach[1])
    along, upper = np.clip(place(near), 0, 1), on_top[near]
    t = np.clip((reach[1] - steps[near]) / (reach[1] - reach[0]), 0, 1)
    inside = np.clip(np.minimum(along, 1 - along) / max(margin, 1e-6), 0, 1) if margin else 1.0
    sides = [_on_edge(ring[on_top[ring] == side], place, along) for side in (True, False)]
    return Seam(near, along, steps[near], upper, t * t * (3 - 2 * t) * inside, sides[0], sides[1])


def _upper(
    source: Source, lining: np.ndarray, own: np.ndarray, steps: np.ndarray, vertices: np.ndarray, end: int
) -> np.ndarray:
    """(9409,) bool: which vertices belong to the upper side: the loop's arcs, handed on ring by ring."""
    border = np.flatnonzero(steps == 0)
    edges = unique_edges(lining)
    edges = edges[np.isin(edges, border).all(1)]
    links = {int(b): [] for b in border}
    for a, b in edges:
        links[int(a)].append(int(b))
        links[int(b)].append(int(a))
    start, end_at = (int(border[f(vertices[border, 0])]) for f in (np.argmin, np.argmax))
    arcs = []
    for first in links[start]:
        arc, before = [first], start
        while arc[-1] != end_at:
            step = next(n for n in links[arc[-1]] if n != before)
            before = arc[-1]
            arc.append(step)
        arcs.append(arc[:-1])
    arcs.sort(key=lambda arc: -vertices[arc, 1].mean())
    side = np.zeros(len(vertices))
    side[arcs[0]], side[arcs[1]] = 1, -1
    neighbours = adjacency(unique_edges(source.polygons[source.polygon_slice("face")]), len(vertices))
    for ring in range(1, end):
        now = np.flatnonzero(steps == ring)
        side[now] = np.sign((neighbours[now] @ side) + 1e-3 * side.mean())
    return side[:FACE] >= 0


def _on_edge(edge: np.ndarray, place, along: np.ndarray) -> sparse.csr_matrix:
    """Linear interpolation along an edge at the given places."""
    edge = edge[np.argsort(place(edge))]
    at = place(edge)
    right = np.clip(np.searchsorted(at, along), 1, len(edge) - 1)
    t = np.clip((along - at[right - 1]) / np.maximum(at[right] - at[right - 1], 1e-9), 0, 1)
    rows = np.repeat(np.arange(len(along)), 2)
    columns = np.stack([edge[right - 1], edge[right]], 1).ravel()
    return sparse.csr_matrix((np.stack([1 - t, t], 1).ravel(), (rows, columns)), shape=(len(along), SKIN))
