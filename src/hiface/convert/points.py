"""The landmark sets of a file on another model: given points where there are some, ours carried over elsewhere."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from hiface.convert.correspondence import Correspondence
from hiface.convert.nearest import Surface
from hiface.face.asset import LANDMARK_SETS
from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE, LEFT_EYE, RIGHT_EYE

IRIS_SHARE = 0.46
"""Radius of the iris over the eyeball's."""
_FIRST_IRIS = {"eyeball_right": 468, "eyeball_left": 473}  # centre, then +x, +y, -x, -y of the face
_ROUND = np.array([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1]], float)

Embedding = tuple[Int[np.ndarray, "L N"], Float[np.ndarray, "L N"]]


def landmark_sets(found: Correspondence) -> dict[str, Embedding]:
    """Name → index and weight on the source's vertices, three a point."""
    sets = {name: _carried(found, name) for name in LANDMARK_SETS if name != "mediapipe68"}
    for points in found.source.points:
        index, weight = sets[points.numbering]
        three, share = _three(points.index, points.weight)
        index[points.number], weight[points.number] = three, share
    index, weight = sets["mediapipe478"]
    middle = list(IBUG68_OF_MEDIAPIPE)
    sets["mediapipe68"] = index[middle], weight[middle]
    return sets


def _carried(found: Correspondence, name: str) -> Embedding:
    """Our points, as they lie on our registered skin, at their closest on the source's."""
    own_index, own_weight = (x.numpy() for x in found.ours.face.landmark_weights(name))
    count = found.ours.skin_count
    on_skin = (own_index < count).all(1)
    index, weight = np.zeros((len(own_index), 3), np.int64), np.zeros((len(own_index), 3))
    places = np.einsum("lnx,ln->lx", found.registration.skin[np.minimum(own_index, count - 1)], own_weight)
    normals = np.einsum("lnx,ln->lx", found.our_normals()[np.minimum(own_index, count - 1)], own_weight)
    index[on_skin], weight[on_skin] = found.embed(places[on_skin], normals[on_skin])
    if name == "mediapipe478":
        for eye, first in _FIRST_IRIS.items():
            index[first : first + 5], weight[first : first + 5] = _iris(found, eye)
    return index, weight


def _iris(found: Correspondence, eye: str) -> Embedding:
    """On the eyeball where there is one, on the skin between the lids elsewhere."""
    forwards = np.tile([0.0, 0.0, 1.0], (len(_ROUND), 1))
    triangles = found.source.part_triangles(eye)
    if len(triangles):
        ball = found.source.mean[np.unique(triangles)]
        centre, radius = (ball.min(0) + ball.max(0)) / 2, float(np.ptp(ball[:, 0])) / 2
        places = centre + radius * np.c_[IRIS_SHARE * _ROUND, np.sqrt(1 - (IRIS_SHARE * _ROUND**2).sum(1) ** 2)]
        on_ball = Surface(found.source.mean, triangles).query(places, forwards)
        return on_ball.corners, on_ball.weights
    lids = found.ours.points(found.registration.whole, "mediapipe478")
    contour = lids[list(RIGHT_EYE if eye == "eyeball_right" else LEFT_EYE)]
    opening = float(np.linalg.norm(contour.max(0)[:2] - contour.min(0)[:2]))
    places = contour.mean(0) + np.c_[0.19 * opening * _ROUND, np.full(len(_ROUND), 3.0)]
    return found.embed(places, forwards)


def _three(index: Int[np.ndarray, "L N"], weight: Float[np.ndarray, "L N"]) -> Embedding:
    """The three largest weights of each point, filled up with none."""
    filled = np.pad(index, ((0, 0), (0, max(0, 3 - index.shape[1]))), mode="edge")
    share = np.pad(weight, ((0, 0), (0, max(0, 3 - weight.shape[1]))))
    order = np.argsort(-share, axis=1)[:, :3]
    share = np.take_along_axis(share, order, 1)
    return np.take_along_axis(filled, order, 1), share / share.sum(1, keepdims=True)
