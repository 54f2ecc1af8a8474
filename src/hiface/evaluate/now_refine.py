"""NoW's refinement: the placement of a surface with the least squared distances from scan points to it.

The benchmark's own program stops a dogleg Gauss-Newton at a relative decrease of 1e-4. Here
Levenberg-Marquardt goes as far, from the same start and so into the same valley, and a quasi-Newton search
then goes to its bottom: figures do not depend on where the prediction stood, which the sooner stop cannot
promise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from hiface.geometry.similarity import Similarity
from hiface.geometry.surface import ClosestPoint

_Array = np.ndarray[Any, np.dtype[Any]]
_DESCENT = 1e-4  # relative decrease at which Levenberg-Marquardt hands over
_SLOPE = 1e-6  # of the root of the cost, in steps of a Gauss-Newton fit: figures are then exact to 1e-5 mm
_ACCEPTED = 1e-4  # slope with which a search that lost its digits still counts as converged
_NOTHING = 1e-7  # root mean square distance, of the scan's size
_TOUCHING = 1e-9  # of the scan's size: nearer points have a distance without direction


@dataclass(frozen=True)
class Refined:
    """The prediction's place after the refinement."""

    placement: Similarity
    """Prediction to scan."""
    distances: Float[np.ndarray, "N"]
    """Of each scan point to the placed surface, millimetres."""
    searches: int
    """Times that all closest points were found."""
    converged: bool


def refine(surface: ClosestPoint, points: Float[np.ndarray, "N 3"], start: Similarity, with_scale: bool) -> Refined:
    """The placement with the least sum of squared distances from `points` to the placed surface.

    Free are rotation, translation and (with `with_scale`) scale. Distances are unsigned, to the closest
    point of the surface; none is left out.
    """
    problem = _Problem(surface, points, with_scale)
    placement = _descend(problem, start)
    placed, converged = _polish(problem, placement)
    return Refined(placed.placement, placed.distances, problem.searches, converged)


@dataclass(frozen=True)
class _Placed:
    """The closest surface points of all scan points under a placement."""

    placement: Similarity
    near: _Array
    """Closest points, in the scan's frame."""
    direction: _Array
    """Unit vectors from scan points to closest points; the surface's normal where they touch."""
    distances: _Array
    triangle_ids: Int[np.ndarray, "N"]

    @property
    def cost(self) -> float:
        return float(self.distances @ self.distances)

    def jacobian(self, pivot: _Array, with_scale: bool) -> _Array:
        """Change of each distance with a turn and a growth about `pivot` and with a shift, (N, 6 or 7)."""
        arm = self.near - pivot
        columns = [np.cross(arm, self.direction), self.direction]
        if with_scale:
            columns.append(np.sum(arm * self.direction, axis=1, keepdims=True))
        return np.concatenate(columns, axis=1)


class _Problem:
    """Surface and points, with the last closest triangles as a hint for the next search."""

    def __init__(self, surface: ClosestPoint, points: _Array, with_scale: bool) -> None:
        self.surface, self.points, self.with_scale = surface, points, with_scale
        self.centre: _Array = points.mean(axis=0)
        self.searches = 0
        self._size = max(1.0, float(np.abs(points).max()))
        self._hint: _Array | None = None

    def place(self, placement: Similarity) -> _Placed:
        found = self.surface.query(placement.undo(self.points), self._hint)
        self._hint, self.searches = found.triangle_ids, self.searches + 1
        near = placement.apply(found.points)
        gap = near - self.points
        distance = np.linalg.norm(gap, axis=1)
        direction = gap / np.maximum(distance, 1e-300)[:, None]
        touching = distance < _TOUCHING * self._size
        direction[touching] = self._normals(found.triangle_ids[touching]) @ placement.rotation.T
        return _Placed(placement, near, direction, distance, found.triangle_ids)

    def is_nothing(self, placed: _Placed) -> bool:
        """Whether only the rounding of files is left."""
        return placed.cost <= (_NOTHING * self._size) ** 2 * len(self.points)

    def _normals(self, triangle_ids: _Array) -> _Array:
        a, b, c = self.surface.mesh.vertices[self.surface.mesh.triangles[triangle_ids]].transpose(1, 0, 2)
        across = np.cross(b - a, c - a)
        unit: _Array = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-300)
        return unit


def _descend(problem: _Problem, start: Similarity, cap: int = 50) -> Similarity:
    """Levenberg-Marquardt until an accepted step gains little."""
    now, damping = problem.place(start), 1e-6
    for _ in range(cap):
        jacobian = now.jacobian(problem.centre, problem.with_scale)
        normal = _ridged(jacobian.T @ jacobian, damping)
        step = np.linalg.solve(normal, -(jacobian.T @ now.distances))
        then = problem.place(_moved(now.placement, step, problem.centre))
        if then.cost > now.cost:
            damping *= 10
            if damping > 1e6:  # no direction lowers the sum any more
                break
            continue
        gained = now.cost - then.cost
        now, damping = then, max(damping / 10, 1e-9)
        if gained <= _DESCENT * now.cost:
            break
    return now.placement


def _polish(problem: _Problem, start: Similarity) -> tuple[_Placed, bool]:
    """BFGS in steps that make the Gauss-Newton approximation of the cost a unit sphere."""
    first = problem.place(start)
    if problem.is_nothing(first):
        return first, True
    jacobian = first.jacobian(problem.centre, problem.with_scale)
    unit_steps = np.linalg.inv(np.linalg.cholesky(_ridged(jacobian.T @ jacobian, 1e-6))).T

    def cost_and_slope(unit: _Array) -> tuple[float, _Array]:
        step = unit_steps @ unit
        placed = problem.place(_moved(start, step, problem.centre))
        change = placed.jacobian(problem.centre + step[3:6], problem.with_scale)
        change[:, :3] = change[:, :3] @ _turn_of_rotation_vector(step[:3])
        return placed.cost / 2, unit_steps.T @ (change.T @ placed.distances)

    size = math.sqrt(first.cost)
    options = {"gtol": _SLOPE * size, "maxiter": 200}
    found = minimize(cost_and_slope, np.zeros(len(unit_steps)), jac=True, method="BFGS", options=options)
    best = problem.place(_moved(start, unit_steps @ found.x, problem.centre))
    if best.cost > first.cost:
        return first, False
    return best, problem.is_nothing(best) or bool(np.abs(found.jac).max() <= _ACCEPTED * size)


def _moved(placement: Similarity, step: _Array, centre: _Array) -> Similarity:
    """The placement followed by a turn and a growth about `centre` and a shift."""
    turn = Rotation.from_rotvec(step[:3]).as_matrix()
    growth = math.exp(step[6]) if len(step) == 7 else 1.0
    translation = growth * turn @ (placement.translation - centre) + centre + step[3:6]
    return Similarity(placement.scale * growth, turn @ placement.rotation, translation)


def _turn_of_rotation_vector(vector: _Array) -> _Array:
    """The small turn that follows when a rotation vector changes: the left Jacobian of SO(3)."""
    angle = float(np.linalg.norm(vector))
    x, y, z = vector
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    first, second = 1 / 2, 1 / 6
    if angle > 1e-4:  # below, the closed forms lose their digits and their limits are exact to 1e-9
        first, second = (1 - math.cos(angle)) / angle**2, (angle - math.sin(angle)) / angle**3
    result: _Array = np.eye(3) + first * cross + second * cross @ cross
    return result


def _ridged(normal: _Array, damping: float) -> _Array:
    """The normal matrix with a stronger diagonal, also where a motion changes nothing (a sphere's turn)."""
    diagonal = np.diag(normal)
    ridged: _Array = normal + np.diag(damping * diagonal + 1e-12 * diagonal.max() + 1e-300)
    return ridged
