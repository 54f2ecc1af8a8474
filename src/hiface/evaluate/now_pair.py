"""NoW for one mesh and one scan: crop, landmark alignment, refinement, distance of every scan vertex.

Lengths are millimetres on the scan's side, and whatever the prediction has on its own. The refinement is a
Levenberg-Marquardt minimisation of the squared distances from scan vertices to the predicted surface, run
until it has converged; the benchmark's own program stops its dogleg sooner, which moves figures by about
0.01 mm.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from hiface.errors import MeshError
from hiface.evaluate.alignment import Similarity, fit_umeyama
from hiface.geometry.surface import ClosestPoint, Mesh

_Array = np.ndarray[Any, np.dtype[Any]]
_LOG = logging.getLogger(__name__)

Unit = Literal["mm", "cm", "m"]
MM_PER_UNIT: dict[Unit, float] = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
LANDMARKS = (
    "right outer eye corner",
    "right inner eye corner",
    "left inner eye corner",
    "left outer eye corner",
    "nose base",
    "right mouth corner",
    "left mouth corner",
)
_WORST_FIT = 0.13  # of the eye distance: root mean square over the landmarks; 12 mm on an adult
_SUSPECT_FIT = 0.05  # above this a swap that halves the residual is taken for the cause
_FAR_MM = 1000.0


@dataclass(frozen=True)
class Refined:
    """The prediction's place after the refinement."""

    placement: Similarity
    """Prediction to scan."""
    distances: Float[np.ndarray, "N"]
    """Of each scan vertex to the placed surface, millimetres."""
    iterations: int
    converged: bool


@dataclass(frozen=True)
class NowError:
    """A prediction against a scan."""

    distances_mm: Float[np.ndarray, "N"]
    """Of each vertex of the cropped scan."""
    scan: Mesh
    """The cropped scan."""
    aligned: Float[np.ndarray, "V 3"]
    """The placed prediction, millimetres."""
    landmark_residual_mm: float
    """Root mean square after the landmark fit."""
    scale: float
    """Millimetres per unit of the prediction, as fitted or given."""
    iterations: int
    converged: bool


def evaluate_pair(
    prediction: Mesh,
    landmarks: Float[np.ndarray, "7 3"],
    scan: Mesh,
    scan_landmarks: Float[np.ndarray, "7 3"],
    unit: Unit | None = None,
) -> NowError:
    """NoW's distances of a prediction to a scan; `unit` asks for the metrical protocol, None for free scale.

    Raises `MeshError` for landmarks that do not fit (swapped, mirrored, of another mesh), and in the metrical
    protocol for a prediction whose size says that its unit is another one.
    """
    cropped = crop_scan(scan, scan_landmarks)
    fit = landmark_alignment(landmarks, scan_landmarks)
    residual = _residual(fit, landmarks, scan_landmarks)
    if unit is not None:
        _check_unit(fit.scale, unit)
        if np.linalg.norm(landmarks, axis=1).max() * MM_PER_UNIT[unit] > _FAR_MM:
            _LOG.warning("landmarks lie over 1 m from the mesh's origin; the metrical start may be off")
        # the translation belongs to the fitted scale: the protocol's own quirk, which the refinement removes
        fit = Similarity(MM_PER_UNIT[unit], fit.rotation, fit.translation)
    refined = refine(ClosestPoint(prediction), cropped.vertices, fit, with_scale=unit is None)
    return NowError(
        refined.distances,
        cropped,
        refined.placement.apply(prediction.vertices),
        residual,
        refined.placement.scale,
        refined.iterations,
        refined.converged,
    )


def crop_scan(scan: Mesh, landmarks: Float[np.ndarray, "7 3"]) -> Mesh:
    """The face of a scan: a ball around a point just above the nose base. Raises `MeshError` if it is empty.

    bridge = (L1 + L2) / 2; centre = L4 + 0.3 (bridge - L4); radius = 0.7 (|L0 - L3| + |bridge - L4|).
    """
    bridge = (landmarks[1] + landmarks[2]) / 2
    centre = landmarks[4] + 0.3 * (bridge - landmarks[4])
    size = np.linalg.norm(landmarks[0] - landmarks[3]) + np.linalg.norm(bridge - landmarks[4])
    keep = np.linalg.norm(scan.vertices - centre, axis=1) <= 1.4 * size / 2
    if not keep.any():
        raise MeshError(
            f"no scan vertex lies within {0.7 * size:.4g} of the scan's landmarks; the two differ in unit "
            "or belong to different subjects"
        )
    number = np.cumsum(keep) - 1
    return Mesh(scan.vertices[keep], number[scan.triangles[keep[scan.triangles].all(axis=1)]])


def landmark_alignment(source: Float[np.ndarray, "7 3"], target: Float[np.ndarray, "7 3"]) -> Similarity:
    """NoW's Procrustes fit, least-squares scale, from the prediction's landmarks to the scan's.

    The protocol would allow a reflection and any residual; this refuses both with a `MeshError`, since either
    means that landmarks are swapped or of another mesh, and the figure would be of no face.
    """
    fit = fit_umeyama(source, target, reflection=True)
    eyes = float(np.linalg.norm(target[0] - target[3]))
    residual = _residual(fit, source, target)
    if np.linalg.det(fit.rotation) < 0 and residual < _WORST_FIT * eyes:
        raise MeshError(
            "the landmarks fit as a mirror image only; left and right are swapped, or the mesh is mirrored"
        )
    if residual > _SUSPECT_FIT * eyes:
        swap = _better_swap(source, target, residual)
        if swap is not None:
            first, second = swap
            raise MeshError(
                f"landmarks {first} ({LANDMARKS[first]}) and {second} ({LANDMARKS[second]}) look swapped: "
                f"{residual:.3g} mm remain, and less than half of it after the swap; order them as in NoW"
            )
    if residual > _WORST_FIT * eyes:
        raise MeshError(
            f"the landmarks do not fit: {residual:.3g} mm remain, with {eyes:.3g} mm between outer eye "
            f"corners; expected, in this order: {', '.join(LANDMARKS)}"
        )
    return fit


def refine(
    surface: ClosestPoint,
    points: Float[np.ndarray, "N 3"],
    start: Similarity,
    with_scale: bool,
    cap: int = 200,
) -> Refined:
    """The placement with the least sum of squared distances from `points` to the placed surface.

    Levenberg-Marquardt over rotation, translation and (with `with_scale`) scale about the points' centre;
    each residual is the distance to the closest point of the surface, found anew for every trial. Converged
    when an accepted step lowers the sum by less than 1e-9 of it.
    """
    centre, damping = points.mean(axis=0), 1e-6
    placement, now = start, _Placed(surface, points, start, None)
    for iteration in range(cap):
        jacobian = now.jacobian(centre, with_scale)
        normal, slope = jacobian.T @ jacobian, jacobian.T @ now.signed
        step = np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-12), -slope)
        trial = _moved(placement, step, centre)
        then = _Placed(surface, points, trial, now.triangle_ids)
        if then.cost <= now.cost:
            gained = now.cost - then.cost
            placement, now, damping = trial, then, max(damping / 10, 1e-9)
            if gained <= 1e-9 * now.cost or now.cost <= 1e-18 * len(points):
                return Refined(placement, np.abs(now.signed), iteration + 1, True)
        else:
            damping *= 10
            if damping > 1e6:  # no direction lowers the sum any more
                return Refined(placement, np.abs(now.signed), iteration + 1, True)
    return Refined(placement, np.abs(now.signed), cap, False)


class _Placed:
    """The closest surface points of all scan points under a placement, and how they change with it."""

    def __init__(
        self, surface: ClosestPoint, points: _Array, placement: Similarity, hint: _Array | None
    ) -> None:
        found = surface.query(placement.undo(points), hint)
        self.triangle_ids = found.triangle_ids
        self._near = placement.apply(found.points)
        gap = self._near - points
        distance = np.linalg.norm(gap, axis=1)
        corners = surface.mesh.vertices[surface.mesh.triangles[found.triangle_ids]]
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) @ placement.rotation.T
        flat = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-300)
        touching = distance < 1e-9 * max(1.0, float(np.abs(points).max()))
        # where a point lies on the surface its distance has no direction: the normal is the one that counts
        self._direction = np.where(touching[:, None], flat, gap / np.maximum(distance, 1e-300)[:, None])
        self.signed = distance
        self.cost = float(distance @ distance)

    def jacobian(self, centre: _Array, with_scale: bool) -> _Array:
        """Change of each distance with rotation, translation and scale about `centre`, (N, 6 or 7)."""
        arm = self._near - centre
        columns = [np.cross(arm, self._direction), self._direction]
        if with_scale:
            columns.append(np.sum(arm * self._direction, axis=1, keepdims=True))
        return np.concatenate(columns, axis=1)


def _moved(placement: Similarity, step: _Array, centre: _Array) -> Similarity:
    """The placement followed by a turn and a growth about `centre` and a shift."""
    turn = Rotation.from_rotvec(step[:3]).as_matrix()
    growth = math.exp(step[6]) if len(step) == 7 else 1.0
    translation = growth * turn @ (placement.translation - centre) + centre + step[3:6]
    return Similarity(placement.scale * growth, turn @ placement.rotation, translation)


def _residual(fit: Similarity, source: _Array, target: _Array) -> float:
    return float(np.sqrt(np.mean(np.sum((fit.apply(source) - target) ** 2, axis=1))))


def _better_swap(source: _Array, target: _Array, residual: float) -> tuple[int, int] | None:
    """The pair whose exchange lowers the residual most, if it halves it."""
    best, pair = residual / 2, None
    for first, second in combinations(range(len(source)), 2):
        order = np.arange(len(source))
        order[[first, second]] = second, first
        swapped = _residual(fit_umeyama(source[order], target), source[order], target)
        if swapped < best:
            best, pair = swapped, (first, second)
    return pair


def _check_unit(scale: float, unit: Unit) -> None:
    """`scale` is fitted by landmarks, millimetres per unit of the prediction."""
    exponent = round(math.log10(scale / MM_PER_UNIT[unit]))
    if exponent:
        likely = [name for name, mm in MM_PER_UNIT.items() if round(math.log10(scale / mm)) == 0]
        cure = (
            f"give the unit {likely[0]!r}"
            if likely
            else f"one unit of the mesh is about {scale:.3g} mm, convert it"
        )
        raise MeshError(
            f"the prediction is {10.0 ** abs(exponent):g} times too {'small' if exponent > 0 else 'large'} "
            f"for the unit {unit!r}; {cure}"
        )
