"""Similarities and the closed-form fits of one point set to another, corresponding rows of shape (N, 3), float64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from hiface.errors import MeshError

_Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Similarity:
    """x → scale · R x + t."""

    scale: float
    rotation: Float[np.ndarray, "3 3"]
    translation: Float[np.ndarray, "3"]

    def apply(self, points: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 3"]:
        """The moved points."""
        moved: _Array = self.scale * points @ self.rotation.T + self.translation
        return moved

    def undo(self, points: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 3"]:
        """The points that `apply` moves to the given ones."""
        back: _Array = (points - self.translation) @ self.rotation / self.scale
        return back

    def turn(self, offsets: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 3"]:
        """Differences of points, which do not shift."""
        turned: _Array = self.scale * offsets @ self.rotation.T
        return turned


def fit_rigid(
    source: Float[np.ndarray, "N 3"], target: Float[np.ndarray, "N 3"], reflection: bool = False
) -> Similarity:
    """The least-squares motion without scale; REALY's own allows a reflection."""
    rotation = nearest_rotation(*centred(source, target), reflection=reflection)
    return with_translation(1.0, rotation, source, target)


def fit_umeyama(
    source: Float[np.ndarray, "N 3"], target: Float[np.ndarray, "N 3"], reflection: bool = False
) -> Similarity:
    """The least-squares similarity (Umeyama 1991); with `reflection` it is NoW's Procrustes fit."""
    source0, target0 = centred(source, target)
    rotation = nearest_rotation(source0, target0, reflection)
    scale = float(np.sum(target0 * (source0 @ rotation.T)) / np.sum(source0**2))
    return with_translation(scale, rotation, source, target)


def centred(source: _Array, target: _Array) -> tuple[_Array, _Array]:
    """Both sets about their means; raises `MeshError` where one of them is a single place."""
    source0, target0 = source - source.mean(axis=0), target - target.mean(axis=0)
    if not source0.any() or not target0.any():
        raise MeshError("a fit needs points that differ, found all of them in one place; check the landmarks")
    return source0, target0


def nearest_rotation(source0: _Array, target0: _Array, reflection: bool) -> _Array:
    """The orthogonal matrix nearest to Σ t sᵀ; without `reflection` its determinant is +1."""
    u, _, vt = np.linalg.svd(target0.T @ source0)
    if not reflection and np.linalg.det(u @ vt) < 0:
        u[:, -1] *= -1
    rotation: _Array = u @ vt
    return rotation


def with_translation(scale: float, rotation: _Array, source: _Array, target: _Array) -> Similarity:
    """The similarity of this scale and rotation that takes mean to mean."""
    return Similarity(scale, rotation, np.mean(target - scale * source @ rotation.T, axis=0))
