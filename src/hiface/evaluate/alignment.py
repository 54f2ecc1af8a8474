"""Fits of one point set or surface to another: the similarity fits of REALY and NoW, and rigid ICP.

The protocols differ in small things that move their figures (which scale, whether a reflection is allowed),
so each fit is its own function. All map `source` to `target`, corresponding rows of shape (N, 3), float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from hiface.errors import MeshError
from hiface.geometry.similarity import (
    Similarity,
    centred,
    fit_rigid,
    fit_umeyama,
    nearest_rotation,
    with_translation,
)
from hiface.geometry.surface import ClosestPoint

_Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class RigidIcp:
    """Where a rigid ICP left the surface."""

    vertices: Float[np.ndarray, "V 3"]
    iterations: int
    """Motions applied."""
    mean_squared: float
    """Mean squared residual of the last fit, squared units."""


@dataclass(frozen=True)
class CorrespondenceError:
    """Vertex-to-vertex distance where prediction and truth share their topology."""

    similarity: Float[np.ndarray, "V"]
    """Distance of each vertex after the least-squares similarity fit, unit of the truth."""
    rigid: Float[np.ndarray, "V"]
    """The same after a fit without scale."""
    scale: float
    """Scale of the similarity fit: truth's size over the prediction's."""


def fit_l1_scale(source: Float[np.ndarray, "N 3"], target: Float[np.ndarray, "N 3"]) -> Similarity:
    """REALY's global fit: best rotation (a reflection is not excluded), scale as a ratio of absolute sums.

    scale = Σ|T₀| / Σ|R S₀| over all coordinates of the centred sets; t = mean(T - scale · R S).
    """
    source0, target0 = centred(source, target)
    rotation = nearest_rotation(source0, target0, reflection=True)
    scale = float(np.abs(target0).sum() / np.abs(source0 @ rotation.T).sum())
    return with_translation(scale, rotation, source, target)


def rigid_icp(
    surface: ClosestPoint,
    points: Float[np.ndarray, "N 3"],
    handles: Float[np.ndarray, "K 3"],
    handle_targets: Float[np.ndarray, "K 3"],
    tolerance: float = 1e-6,
    cap: int = 100,
) -> RigidIcp:
    """Moves a surface onto `points` (closest surface points, all of them) and its handles onto their targets.

    A handle weighs as much as a point; repeat one to make it heavier. Each round fits rigidly without
    scale. When the mean squared residual changes by less than `tolerance` (squared units), or after `cap`
    motions, the last fit is left unapplied. Positions are rounded to single precision after each motion, as
    REALY's are.
    """
    goal, previous, hint = np.concatenate([points, handle_targets]), 0.0, None
    for iteration in range(cap + 1):
        found = surface.query(points, hint)
        source = np.concatenate([found.points, handles])
        motion = fit_rigid(source, goal, reflection=True)
        error = float(np.mean(np.sum(_single(motion.apply(source) - goal) ** 2, axis=1)))
        if abs(error - previous) < tolerance or iteration == cap:
            break
        surface = surface.moved(_single(motion.apply(surface.mesh.vertices)))
        handles, previous, hint = _single(motion.apply(handles)), error, found.triangle_ids
    return RigidIcp(surface.mesh.vertices, iteration, error)


def correspondence_error(predicted: Float[np.ndarray, "V 3"], truth: Float[np.ndarray, "_ 3"]) -> CorrespondenceError:
    """How far each vertex lies from its true place, after a similarity and after a rigid fit over all.

    Raises `MeshError` where the two do not hold the same vertices. Pass the region that counts
    (`predicted[face]`).
    """
    if predicted.shape != truth.shape or len(predicted) < 3:
        raise MeshError(
            f"expected corresponding vertices, found {predicted.shape} predicted and {truth.shape} true; "
            "both must have one topology"
        )
    similarity, rigid = fit_umeyama(predicted, truth), fit_rigid(predicted, truth)
    return CorrespondenceError(
        np.linalg.norm(similarity.apply(predicted) - truth, axis=1),
        np.linalg.norm(rigid.apply(predicted) - truth, axis=1),
        similarity.scale,
    )


def _single(values: _Array) -> _Array:
    """Values rounded to single precision, kept in double."""
    return values.astype(np.float32).astype(np.float64)
