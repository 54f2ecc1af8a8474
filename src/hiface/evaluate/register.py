"""The 85 keypoints of any topology, by laying our annotated face over its template.

1. Landmarks of the template (7 or 68) give a similarity.
2. Our identity modes are fitted to the template's surface: closest points, a ridge on the coefficients, the similarity
   found anew in every round. A face model's faces are laid well over any face; what is left is some tenths of a mm.
3. Each keypoint goes to the template's surface nearest to its place on the fitted face.

The result depends on the landmarks that it is given: look at the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from hiface.assets.format import dequantise, read_asset
from hiface.assets.store import locate
from hiface.errors import MeshError
from hiface.evaluate.known import Ruler
from hiface.evaluate.realy_regions import SEVEN_KEYPOINTS
from hiface.evaluate.topologies import Topology, placed, shipped
from hiface.face.asset import SCHEMA
from hiface.geometry.similarity import Similarity, fit_umeyama
from hiface.geometry.surface import ClosestPoint, Mesh

IBUG = 68
_ROUNDS = 30
_PULL = 5
"""A landmark weighs as much as so many vertices, squared in the fit of the modes."""
_RIDGE, _LEAST_RIDGE = 0.3, 0.002
"""On the coefficients, per vertex, mm²: first and, after it has shrunk from round to round, last."""
_FARTHEST, _TENTH = 4.0, 0.1
"""Closest points farther away than so many times the median (mm at least) are no partners."""
_WORST_FIT = 0.13
"""Of the eye distance, root mean square: more, and the landmarks are not those that were asked for."""


@dataclass(frozen=True)
class Annotated:
    """Our face with its keypoints, as it is laid over others."""

    topology: Topology
    part: Int[np.ndarray, "N"]
    """Vertices of the narrow face."""
    modes: Float[np.ndarray, "I V 3"]
    """Identity, mm a standard deviation."""

    @classmethod
    def shipped(cls) -> Annotated:
        tensors = read_asset(locate("face_model.safetensors"), SCHEMA, verify=False).tensors
        modes = dequantise(tensors["identity"], tensors["identity_scale"])
        return cls(shipped("hiface"), Ruler.shipped().narrow, modes.reshape(len(modes), -1, 3))


def register(ours: Annotated, template: Mesh, landmarks: Float[np.ndarray, "L 3"]) -> Topology:
    """`template` with our 85 keypoints.

    landmarks: 7 (right outer and inner eye corner, left inner and outer, nose base, right and left mouth corner) or 68
    in iBUG order, on the template, in its unit. Raises `MeshError` for another number of landmarks or for landmarks
    that no similarity brings near ours.
    """
    chosen = {len(SEVEN_KEYPOINTS): list(SEVEN_KEYPOINTS), IBUG: list(range(IBUG))}.get(len(landmarks))
    if chosen is None or landmarks.shape[1:] != (3,):
        raise MeshError(f"expected 7 or {IBUG} landmarks of three coordinates, found {landmarks.shape}")
    anchors, mean = ours.topology.anchors, ours.topology.template.vertices
    keypoints = anchors.on(mean)
    fit = fit_umeyama(landmarks, keypoints[chosen])
    residual = np.sqrt(np.square(fit.apply(landmarks) - keypoints[chosen]).sum(1).mean())
    eyes = np.linalg.norm(keypoints[45] - keypoints[36])
    if residual > _WORST_FIT * eyes:
        raise MeshError(f"the landmarks fit ours to {residual:.1f} mm only; check their order (right is the subject's)")
    shape, placing = _fitted(ours, template, landmarks, chosen, fit)
    found = placed(Mesh(placing.apply(template.vertices), template.triangles), anchors.on(shape))
    return Topology(template, found.anchors, found.table)


def _fitted(
    ours: Annotated, template: Mesh, landmarks: Float[np.ndarray, "L 3"], chosen: list[int], placing: Similarity
) -> tuple[Float[np.ndarray, "V 3"], Similarity]:
    """Our head with the identity that lies best on the template, and the similarity that brings the template to it."""
    anchors, mean = ours.topology.anchors, ours.topology.template.vertices
    corners, weights = anchors.corners[chosen], anchors.weights[chosen]
    modes = ours.modes[:, ours.part]
    at_landmarks = np.einsum("lk,ilkc->ilc", weights, ours.modes[:, corners])
    pulled = np.concatenate([modes, _PULL * at_landmarks], 1).reshape(len(modes), -1)
    surface, shape = ClosestPoint(template), mean
    for round_ in range(_ROUNDS):
        near = placing.apply(surface.query(placing.undo(shape[ours.part])).points)
        marks = placing.apply(landmarks)
        distance = np.linalg.norm(near - shape[ours.part], axis=1)
        kept = distance <= _FARTHEST * max(np.median(distance), _TENTH)
        offsets = [(near - mean[ours.part]) * kept[:, None], _PULL * (marks - anchors.on(mean)[chosen])]
        rows = pulled * np.repeat(np.concatenate([kept, np.ones(len(chosen))]), 3)
        ridge = _RIDGE * 0.6**round_ + _LEAST_RIDGE
        gram = rows @ rows.T + ridge * len(near) * np.eye(len(modes))
        shape = mean + np.tensordot(np.linalg.solve(gram, rows @ np.concatenate(offsets).reshape(-1)), ours.modes, 1)
        sources = np.concatenate([placing.undo(near[kept]), np.repeat(landmarks, _PULL, 0)])
        targets = np.concatenate([shape[ours.part][kept], np.repeat(anchors.on(shape)[chosen], _PULL, 0)])
        placing = fit_umeyama(sources, targets)
    return shape, placing


def read_places(template: Mesh, path: str | Path) -> Float[np.ndarray, "L 3"]:
    """Landmarks on a template from a text file: a line each of x y z, or of one vertex number counted from 0."""
    try:
        rows = np.loadtxt(path, ndmin=2)
    except (OSError, ValueError) as error:
        raise MeshError(f"{path}: expected 7 or {IBUG} lines of x y z or of a vertex number ({error})") from error
    if rows.shape[1] == 3:
        return np.asarray(rows, np.float64)
    numbers = rows[:, 0].astype(np.int64)
    if rows.shape[1] != 1 or (numbers != rows[:, 0]).any() or numbers.min() < 0:
        raise MeshError(f"{path}: expected lines of x y z or of a vertex number, found {rows.shape[1]} columns")
    if numbers.max() >= len(template.vertices):
        raise MeshError(f"{path}: names vertex {numbers.max()}, the template has {len(template.vertices)}, from 0")
    return template.vertices[numbers]
