"""How well a basis reaches heads it has not seen, how plain its own heads are, and how few modes that takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hiface.geometry.surface import ClosestPoint, Mesh
from tools.face_model.carry import NARROW

FIT_ROUNDS = 6


@dataclass(frozen=True)
class Basis:
    """Modes over the narrow face."""

    mean: np.ndarray
    """(P, 3) mm."""
    modes: np.ndarray
    """(K, P, 3) mm per standard deviation."""
    triangles: np.ndarray

    def first(self, count: int) -> Basis:
        return Basis(self.mean, self.modes[:count], self.triangles)


def similarity(points: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """`points` scaled, turned and shifted onto `target`, least squares."""
    w = np.ones(len(points)) if weight is None else weight
    w = w / w.sum()
    a, b = w @ points, w @ target
    p, t = points - a, target - b
    u, s, vt = np.linalg.svd((p * w[:, None]).T @ t)
    sign = np.diag([1, 1, np.linalg.det(u @ vt)])
    scale = (s * np.diag(sign)).sum() / (w @ (p**2).sum(1))
    return scale * p @ (u @ sign @ vt) + b


def fit(target: np.ndarray, basis: Basis, noise_mm: float = 0.15) -> np.ndarray:
    """The basis's shape nearest to a head on our topology, laid on it; similarity and modes by turns.

    Correspondence is known at the start and given up for the closest point of the target's surface afterwards.
    `noise_mm` weighs the prior: a vertex's deviation that is as likely as one standard deviation of a mode.
    """
    flat = basis.modes.reshape(len(basis.modes), -1)
    normal = flat @ flat.T / len(basis.mean) + noise_mm**2 * np.eye(len(flat)) / 10
    solve = np.linalg.inv(normal)
    surface = ClosestPoint(Mesh(target, basis.triangles))
    shape, matched = basis.mean, target
    for step in range(FIT_ROUNDS):
        wanted = similarity(matched, shape)
        weights = solve @ (flat @ (wanted - basis.mean).ravel()) / len(basis.mean)
        shape = basis.mean + np.tensordot(weights, basis.modes, 1)
        laid = similarity(shape, matched)
        if step >= FIT_ROUNDS // 2:
            matched = surface.query(laid).points
    return laid


def surface_error(target: np.ndarray, fitted: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Distance of each vertex of the target from the fitted surface, mm."""
    return np.asarray(ClosestPoint(Mesh(fitted, triangles)).query(target).distances)


def generalisation(targets: np.ndarray, basis: Basis, counts: list[int], noise_mm: float) -> np.ndarray:
    """(len(counts), N): mean surface error of each head for so many modes."""
    rows = []
    for count in counts:
        part = basis.first(count)
        rows.append([surface_error(t, fit(t, part, noise_mm), basis.triangles).mean() for t in targets])
    return np.array(rows)


def specificity(basis: Basis, known: np.ndarray, counts: list[int], draws: int = 60, seed: int = 0) -> np.ndarray:
    """(len(counts),): mean vertex distance of random heads from the nearest known head after similarity, mm."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((draws, len(basis.modes)))
    out = []
    for count in counts:
        errors = []
        for w in weights:
            shape = basis.mean + np.tensordot(w[:count], basis.modes[:count], 1)
            near = np.linalg.norm((known - shape).reshape(len(known), -1), axis=1).argsort()[:5]
            errors.append(min(np.linalg.norm(similarity(shape, known[k]) - known[k], axis=1).mean() for k in near))
        out.append(np.mean(errors))
    return np.array(out)


def compactness(modes: np.ndarray) -> np.ndarray:
    """(K,): share of the narrow face's variance in the first modes."""
    variance = (modes.astype(np.float64) ** 2).sum((1, 2))
    return np.cumsum(variance) / variance.sum()


def narrow_triangles(triangles: np.ndarray) -> np.ndarray:
    """Those of the narrow face alone."""
    return triangles[(triangles < NARROW).all(1)]
