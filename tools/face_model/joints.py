"""Four joints (neck, head, two eyes): where they lie, as weights on vertices, and what follows them."""

from __future__ import annotations

import numpy as np

from tools.face_model.source import Source

PARENTS = (-1, 0, 1, 1)
NECK_JOINT = (0.0, -150.0, -25.0)  # mm, on the mean head
_NEAR = 60  # vertices that carry a joint


def regressor(source: Source, eye_centres: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Index and weight (4, N): joint = weighted sum of vertices, on any identity.

    The neck's joint lies in the spine at the base of the neck, the head's between the ear canals and a little
    behind and below (the atlas), each eye's at the centre of its ball.
    """
    skin = source.vertices[:11248]
    ring = np.argsort(np.abs(skin[:, 1] - NECK_JOINT[1]), kind="stable")[:_NEAR]
    ears = [_nearest(skin, (sign * 78.0, -14.0, -12.0), _NEAR // 2) for sign in (1, -1)]
    balls = [np.arange(*source.parts[f"eyeball_{s}"]["vertices"]) for s in ("left", "right")]
    rows = [ring, np.concatenate(ears), *balls]
    width = max(len(r) for r in rows)
    index = np.zeros((4, width), np.int32)
    weight = np.zeros((4, width), np.float32)
    for j, row in enumerate(rows):
        index[j, : len(row)], weight[j, : len(row)] = row, 1 / len(row)
    weight[0, : len(ring)] = weights_of(skin[ring], np.array(NECK_JOINT))
    for j, side in ((2, "left"), (3, "right")):
        weight[j, : len(rows[j])] = weights_of(source.vertices[rows[j]], eye_centres[side])
    return index, weight


def weights_of(points: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The smallest weights, summing to 1, whose combination of `points` is `place`."""
    system = np.c_[points - place, np.ones(len(points))].T
    return np.linalg.lstsq(system, np.array([0.0, 0, 0, 1]), rcond=None)[0]


def _nearest(points: np.ndarray, place: tuple[float, float, float], count: int) -> np.ndarray:
    return np.argsort(np.linalg.norm(points - np.array(place), axis=1), kind="stable")[:count]


def skin_weights(source: Source) -> np.ndarray:
    """(V, 4): the neck blends smoothly into the head along a slanted height; all of the face is head."""
    y, z = source.vertices[:, 1], source.vertices[:, 2]
    height = y + 0.5 * z  # the jaw is in front of the neck at the same height: slant the blend
    t = np.clip((height + 165.0) / 90.0, 0, 1)
    head = t * t * (3 - 2 * t)
    head[11248:] = 1
    weights = np.zeros((len(y), 4), np.float32)
    weights[:, 1], weights[:, 0] = head, 1 - head
    for j, side in ((2, "left"), (3, "right")):
        ball = source.vertex_slice(f"eyeball_{side}")
        weights[ball] = 0
        weights[ball, j] = 1
    return weights
