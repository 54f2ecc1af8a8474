"""Heads of MakeHuman on ICT-FaceKit's topology, through the embedding `ict_on_hm08.npz`.

    V' = V + M (W (X - X₀) + (s - 1) (V - registered))

V is ICT's mean head, X a head of hm08 laid rigidly on the embedding's own neutral X₀, W the embedding's weights, s how
large X's face is beside X₀'s, and M a smoothing that leaves open skin as it is and bridges pockets (nostrils, ear
pits, inside of lids and lips), where hm08 has no surface for ours to lie on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from hiface.geometry.topology import triangulate, unique_edges
from tools.face_model.source import Source

SKIN, FACE, NARROW = 11248, 9409, 6706
POCKET_WEIGHT, STIFFNESS = 1e-3, 0.02
"""Data weight inside pockets and stiffness of the bending energy, where open skin has weight 1."""


def rigid(points: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation R and shift t with R p + t nearest to `target`; no scale."""
    a, b = points.mean(0), target.mean(0)
    u, _, vt = np.linalg.svd((points - a).T @ (target - b))
    turn = (u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt).T
    return turn, b - turn @ a


def radius(points: np.ndarray) -> float:
    """Root mean square distance from the centre."""
    return float(np.sqrt(((points - points.mean(0)) ** 2).sum(1).mean()))


def graph_laplacian(polygons: np.ndarray, count: int) -> sparse.csr_matrix:
    """Each vertex minus the mean of its neighbours; rows of vertices without any are zero."""
    edges = unique_edges(polygons)
    both = np.r_[edges, edges[:, ::-1]]
    links = sparse.csr_matrix((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(count, count))
    degree = np.asarray(links.sum(1)).ravel()
    return sparse.diags((degree > 0).astype(float)) - sparse.diags(1 / np.maximum(degree, 1)) @ links


def turned(vertices: np.ndarray, neutral: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(T,) bool: triangles whose normal has turned by more than 90 degrees against the neutral's."""
    cross = [np.cross(v[triangles[:, 1]] - v[triangles[:, 0]], v[triangles[:, 2]] - v[triangles[:, 0]])
             for v in (vertices, neutral)]  # fmt: skip
    return (cross[0] * cross[1]).sum(1) < 0


@dataclass
class Carrier:
    """The embedding, ready to carry heads and displacements."""

    weights: sparse.csr_matrix
    registered: np.ndarray
    neutral: np.ndarray
    """hm08's neutral X₀, (19158, 3)."""
    origin: np.ndarray
    pocket: np.ndarray
    triangle_vertices: np.ndarray
    mean: np.ndarray
    """ICT's mean skin V."""
    polygons: np.ndarray

    @classmethod
    def load(cls, path: Path, source: Source) -> Carrier:
        z = np.load(path)
        pointers = z["smooth_indptr"]
        weights = sparse.csr_matrix(
            (z["smooth_weights"].astype(np.float64), z["smooth_indices"].astype(np.int64), pointers),
            shape=(len(pointers) - 1, len(z["hm08_neutral_mm"])),
        )
        skin_polygons = source.polygons[: source.parts["head_neck"]["polygons"][1]]
        return cls(
            weights, z["registered_mm"].astype(np.float64), z["hm08_neutral_mm"].astype(np.float64),
            z["frame_origin_mm"], z["pocket"], z["triangle_vertices"].astype(int), source.vertices[:SKIN].copy(),
            skin_polygons,
        )  # fmt: skip

    @cached_property
    def used(self) -> np.ndarray:
        """hm08's vertices under our face."""
        return np.unique(self.triangle_vertices[:FACE])

    @cached_property
    def _bridge(self):
        laplacian = graph_laplacian(self.polygons, SKIN)
        weight = np.where(self.pocket, POCKET_WEIGHT, 1.0)
        return splu((STIFFNESS * laplacian.T @ laplacian + sparse.diags(weight)).tocsc()), weight

    def smoothed(self, field: np.ndarray, weight: np.ndarray, stiffness: float) -> np.ndarray:
        """A displacement bent least where its data weigh little."""
        laplacian = self._laplacian
        system = stiffness * laplacian.T @ laplacian + sparse.diags(weight)
        smooth = splu(system.tocsc()).solve(weight[:, None] * field)
        return field + (1 - weight)[:, None] * (smooth - field)

    def bridged(self, field: np.ndarray) -> np.ndarray:
        """M of the header on displacements (11248, 3)."""
        factor, weight = self._bridge
        return factor.solve(weight[:, None] * field)

    def untangled(self, field: np.ndarray) -> np.ndarray:
        """A displacement in which no triangle turns over: each place that does it moves as one, ever more widely.

        Affine displacements turn nothing; towards the edge of the place they fade into what was there.
        """
        field = field.copy()
        for rings in range(2, 14):
            bad = turned(self.mean + field, self.mean, self.triangles)
            if not bad.any():
                break
            core = np.zeros(SKIN, bool)
            core[self.triangles[bad]] = True
            share = core.astype(float)
            for k in range(1, rings + 1):
                grown = core | (self._neighbours @ core)
                share[grown & ~core] = 1 - k / (rings + 1)
                core = grown
            for place in self._places(core):
                points = np.c_[self.mean[place] - self.mean[place].mean(0), np.ones(len(place))]
                whole = points @ np.linalg.lstsq(points, field[place], rcond=1e-3)[0]
                field[place] += share[place, None] * (whole - field[place])
        return field

    def _places(self, chosen: np.ndarray) -> list[np.ndarray]:
        """Connected parts of the chosen vertices."""
        rows = np.flatnonzero(chosen)
        count, label = connected_components(self._neighbours[rows][:, rows], directed=False)
        return [rows[label == k] for k in range(count)]

    @cached_property
    def _laplacian(self) -> sparse.csr_matrix:
        return graph_laplacian(self.polygons, SKIN).tocsr()

    @cached_property
    def _neighbours(self) -> sparse.csr_matrix:
        return (self._laplacian != 0).tocsr()

    def laid(self, head: np.ndarray) -> np.ndarray:
        """A head of `MakeHuman` in the embedding's frame, its face rigidly on the neutral's."""
        turn, shift = rigid((head - self.origin)[self.used], self.neutral[self.used])
        return (head - self.origin) @ turn.T + shift

    def carried(self, head: np.ndarray) -> np.ndarray:
        """V' - V for a head of `MakeHuman`, (11248, 3) mm."""
        laid = self.laid(head)
        size = radius(laid[self.used]) / radius(self.neutral[self.used])
        raw = self.weights @ (laid - self.neutral) + (size - 1) * (self.mean - self.registered)
        return self.untangled(self.bridged(raw))

    def itself(self, head: np.ndarray) -> np.ndarray:
        """The head's own surface on our topology without ICT's relief, (11248, 3): for bases that know no ICT."""
        return self.registered + self.weights @ (self.laid(head) - self.neutral)

    def displacement(self, offsets: np.ndarray) -> np.ndarray:
        """Displacements of hm08 on our skin, for expressions; the frame is the same, no head is moved."""
        return self.bridged(self.weights @ offsets)

    @cached_property
    def triangles(self) -> np.ndarray:
        return triangulate(self.polygons)
