"""Joints and skinning weights of another model: its own, or estimated from ours."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from hiface.convert.correspondence import Correspondence
from hiface.convert.source import EYES

HEAD = 1
_NEAR = 60
"""Vertices that carry an estimated joint."""


def joints(found: Correspondence) -> tuple[Int[np.ndarray, "4 N"], Float[np.ndarray, "4 N"], bool]:
    """Index and weight of neck, head, left and right eye, and whether they had to be estimated."""
    rows = found.source.joint_rows
    if rows is not None:
        return *_compressed([(np.flatnonzero(row), row[np.flatnonzero(row)]) for row in rows]), False
    return *_compressed(_estimated(found)), True


def _estimated(found: Correspondence) -> list[tuple[np.ndarray, np.ndarray]]:
    """Our joints for the face that was fitted; each as the smallest weights on skin round it that give its place."""
    face, registration = found.ours.face, found.registration
    own = face.joint_mean.numpy() + np.tensordot(registration.identity, face.joint_identity.numpy(), 1)
    places = registration.similarity.apply(own.astype(np.float64))
    points = found.source.mean[found.skin]
    result = []
    for place in places:
        distance = np.linalg.norm(points - place, axis=1)
        close = np.argsort(distance)[: 4 * _NEAR : 4] if len(points) > 8 * _NEAR else np.arange(len(points))
        result.append((found.skin[close], weights_of(points[close], place)))
    return result


def weights_of(points: Float[np.ndarray, "N 3"], place: Float[np.ndarray, "3"]) -> Float[np.ndarray, "N"]:
    """The smallest weights, summing to 1, whose combination of `points` is `place`."""
    system = np.c_[points - place, np.ones(len(points))].T
    return np.asarray(np.linalg.lstsq(system, np.array([0.0, 0, 0, 1]), rcond=None)[0])


def _compressed(rows: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    width = max(1, *(len(index) for index, _ in rows))
    index, weight = np.zeros((len(rows), width), np.int64), np.zeros((len(rows), width))
    for j, (own, share) in enumerate(rows):
        index[j, : len(own)], weight[j, : len(own)] = own, share
    return index, weight


def skin_weights(found: Correspondence) -> Float[np.ndarray, "V 4"]:
    """The source's own, or ours carried over: eyeballs follow their eye, everything inside follows the head."""
    source = found.source
    if source.skin_weights is not None:
        weights = np.clip(source.skin_weights, 0, None)
        return np.asarray(weights / np.maximum(weights.sum(1, keepdims=True), 1e-9))
    weights = np.zeros((len(source.mean), 4))
    weights[:, HEAD] = 1
    own = found.ours.face.skin_weights[: found.ours.skin_count].numpy().astype(np.float64)
    weights[found.skin] = found.on_ours.of(own)
    for joint, eye in enumerate(EYES, 2):
        ball = np.unique(source.polygons[source.part_of_polygon == eye][:, :3])
        weights[ball] = np.eye(4)[joint]
    return weights
