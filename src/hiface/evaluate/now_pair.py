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

from hiface.errors import MeshError
from hiface.evaluate.now_refine import refine
from hiface.geometry.similarity import Similarity, fit_umeyama
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
        raise MeshError("the landmarks fit as a mirror image only; left and right are swapped, or the mesh is mirrored")
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
        cure = f"give the unit {likely[0]!r}" if likely else f"one unit of the mesh is about {scale:.3g} mm, convert it"
        raise MeshError(
            f"the prediction is {10.0 ** abs(exponent):g} times too {'small' if exponent > 0 else 'large'} "
            f"for the unit {unit!r}; {cure}"
        )
