"""A basis on partial scans: similarity alignment by closest points from many starts, then modes as well."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from hiface.geometry.surface import ClosestPoint, Mesh

REACH_MM, FACING = 8.0, 0.6
"""Scan and model belong together nearer than this, and with normals of at least this cosine."""


@dataclass(frozen=True)
class Flexible:
    """A surface with modes: identity, and the few expressions that a scan may show."""

    mean: np.ndarray
    modes: np.ndarray
    """(K, P, 3) mm per unit deviation."""
    triangles: np.ndarray

    def shape(self, weights: np.ndarray) -> np.ndarray:
        return self.mean + np.tensordot(weights, self.modes, 1)


@dataclass(frozen=True)
class ScanFit:
    """What came out."""

    mean_mm: float
    """Mean distance of the scan's points over the face from the fitted surface."""
    quantile95_mm: float
    aligned_mm: float
    """The same for the mean face after similarity alone."""
    points: int
    share: float
    """Of the scan's points, how many lie over the face."""
    largest: float
    """Largest coefficient, in standard deviations."""
    distances: np.ndarray
    placed: np.ndarray
    """The scan's points in the model's frame."""


def normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(P, 3) unit normals, area-weighted."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    out = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(out, triangles[:, k], np.cross(b - a, c - a))
    return out / (np.linalg.norm(out, axis=1, keepdims=True) + 1e-12)


def border(triangles: np.ndarray, count: int) -> np.ndarray:
    """(P,) bool: vertices on an edge of one triangle only."""
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    unique, times = np.unique(edges, axis=0, return_counts=True)
    out = np.zeros(count, bool)
    out[unique[times == 1]] = True
    return out


@dataclass(frozen=True)
class Pairing:
    """Which scan points lie over the face, and where on it."""

    on: np.ndarray
    points: np.ndarray
    corners: np.ndarray
    weights: np.ndarray
    normals: np.ndarray


def paired(scan: np.ndarray, scan_normals: np.ndarray, shape: np.ndarray, model: Flexible, reach: float) -> Pairing:
    """Scan points with their closest places on the face, but for its border."""
    found = ClosestPoint(Mesh(shape, model.triangles)).query(scan)
    corners = model.triangles[found.triangle_ids]
    own = normals(shape, model.triangles)[corners].mean(1)
    edge = border(model.triangles, len(shape))[corners].any(1)
    facing = (own * scan_normals).sum(1) > FACING
    on = np.flatnonzero((found.distances < reach) & facing & ~edge)
    return Pairing(on, found.points[on], corners[on], _barycentric(found.points[on], shape[corners[on]]), own[on])


def _barycentric(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    a, b, c = (corners[:, k] for k in range(3))
    u, v, w = b - a, c - a, points - a
    uu, uv, vv = (u * u).sum(1), (u * v).sum(1), (v * v).sum(1)
    wu, wv = (w * u).sum(1), (w * v).sum(1)
    scale = np.maximum(uu * vv - uv * uv, 1e-12)
    s, t = (vv * wu - uv * wv) / scale, (uu * wv - uv * wu) / scale
    return np.stack([1 - s - t, s, t], 1)


def similarity_of(points: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale, rotation and shift of `points` onto `target`, least squares."""
    a, b = points.mean(0), target.mean(0)
    p, t = points - a, target - b
    u, s, vt = np.linalg.svd(p.T @ t)
    sign = np.diag([1, 1, np.linalg.det(u @ vt)])
    turn = (u @ sign @ vt).T
    scale = (s * np.diag(sign)).sum() / (p**2).sum()
    return float(scale), turn, b - scale * turn @ a


def aligned(scan: Mesh, model: Flexible) -> np.ndarray:
    """The scan's vertices laid on the mean face by similarity, best of many starts."""
    points, own = scan.vertices, normals(scan.vertices, scan.triangles)
    some = np.random.default_rng(0).choice(len(points), min(1500, len(points)), replace=False)
    best, kept = np.inf, points
    middle = np.array([0.0, 0.0, model.mean[:, 2].max()])
    front = np.array([np.median(points[:, 0]), points[:, 1].mean(), np.quantile(points[:, 2], 0.98)])
    for scale, up, out in product((0.95, 1.02), (-45, -25, -5, 15, 35, 55), (-22, -8, 4)):
        placed = (points - front) * scale + middle + [0, up, out]
        cost, placed = _settled(placed, own, some, model)
        if cost < best:
            best, kept = cost, placed
    return kept


def _settled(placed: np.ndarray, own: np.ndarray, some: np.ndarray, model: Flexible) -> tuple[float, np.ndarray]:
    """A few rounds of closest points; the cost counts points of the face that the scan leaves uncovered as well."""
    turned = own
    for reach in (30, 25, 20, 15, 12, 10, 8, 8, 8):
        pair = paired(placed[some], turned[some], model.mean, model, reach)
        if len(pair.on) < 100:
            return np.inf, placed
        scale, turn, shift = similarity_of(placed[some][pair.on], pair.points)
        if not 0.8 < scale < 1.25:
            return np.inf, placed
        placed, turned = scale * placed @ turn.T + shift, turned @ turn.T
    gap = np.linalg.norm(placed[some][pair.on] - pair.points, axis=1)
    return float(gap.mean() + 8.0 * (1 - len(pair.on) / len(some))), placed


def fit_scan(scan: Mesh, model: Flexible, noise_mm: float = 0.35, rounds: int = 14) -> ScanFit:
    """Similarity, then similarity and modes by turns; point to plane, coefficients with their prior."""
    placed = aligned(scan, model)
    start = _distances(scan, placed, model.mean, model)[0].mean()
    weights, shape = np.zeros(len(model.modes)), model.mean
    some = _thinned(placed, 1.6)
    for _ in range(rounds):
        own = normals(placed, scan.triangles)
        pair = paired(placed[some], own[some], shape, model, REACH_MM)
        at = placed[some][pair.on]
        scale, turn, shift = similarity_of(at, pair.points)
        placed = scale * placed @ turn.T + shift
        at = placed[some][pair.on]
        modes = np.einsum("kncx,nc,nx->nk", model.modes[:, pair.corners], pair.weights, pair.normals)
        base = np.einsum("ncx,nc->nx", model.mean[pair.corners], pair.weights)
        wanted = ((at - base) * pair.normals).sum(1)
        trust = 1 / (1 + (np.abs(wanted - modes @ weights) / 1.5) ** 2)
        left = (modes * trust[:, None]).T @ modes + noise_mm**2 * np.eye(len(weights))
        weights = np.linalg.solve(left, (modes * trust[:, None]).T @ wanted)
        shape = model.shape(weights)
    distances, share = _distances(scan, placed, shape, model)
    return ScanFit(
        float(distances.mean()), float(np.quantile(distances, 0.95)), float(start), len(distances), share,
        float(np.abs(weights).max()), distances, placed,
    )  # fmt: skip


def _distances(scan: Mesh, placed: np.ndarray, shape: np.ndarray, model: Flexible) -> tuple[np.ndarray, float]:
    pair = paired(placed, normals(placed, scan.triangles), shape, model, REACH_MM)
    return np.linalg.norm(placed[pair.on] - pair.points, axis=1), len(pair.on) / len(placed)


def _thinned(points: np.ndarray, spacing: float) -> np.ndarray:
    """One point a cube of this size."""
    cells = np.floor(points / spacing).astype(int)
    return np.sort(np.unique(cells, axis=0, return_index=True)[1])
