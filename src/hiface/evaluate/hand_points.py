"""Points that people placed: the 189 of PsychoMorph's template, the one landmark truth that is nobody's network.

Their definitions are not those of any landmark set, so two figures are given. **As defined**: eleven points that mean
the same in both sets, compared as they are. **Learnt**: each hand-placed point is put at a fixed place on a triangle of
the 478 points, chosen on half of the people so that the squared distance is least, and measured on the other half; then
the halves change places. That takes away what is constant between two definitions and leaves what varies from face to
face. A method is judged by its own learnt places, all methods by the same procedure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import Delaunay

from hiface.evaluate.answers import Answers, crop_box, photo_points
from hiface.evaluate.landmarks import labelled_points
from hiface.geometry.similarity import fit_umeyama
from hiface.model import HiFace
from hiface.photo.crop import photo_from_crop, transform_points
from hiface.photo.packs import Pack
from hiface.photo.read import read_photo

EYES = (0, 1, *range(18, 34))
"""Pupils and lids; the contours of the iris (2-17) say little more than the pupils."""
BROWS = tuple(range(71, 87))
NOSE = (*range(50, 71), *range(179, 183))
MOUTH = tuple(range(87, 109))
JAW = tuple(range(125, 134))
GROUPS: Mapping[str, tuple[int, ...]] = {
    "eyes": EYES,
    "brows": BROWS,
    "nose": NOSE,
    "mouth": MOUTH,
    "jaw": JAW,
}
"""Of the 189: points on features of the face. Left out: hairline, hair, ears, neck, outline beside the ears, creases of
lids, cheeks and smile, philtrum and chin, which lie off the 478 points or on shading that people judge freely."""
INNER = tuple(sorted({*EYES, *BROWS, *NOSE, *MOUTH}))
CORNERS = (18, 27)
"""Outer eye corners, whose distance is the unit."""
AS_DEFINED = {0: 468, 1: 473, 18: 33, 22: 133, 23: 362, 27: 263, 87: 61, 93: 291, 90: 0, 106: 17, 55: 2}
"""Of the 189 to MediaPipe's: pupils, corners of eyes and mouth, middle of upper and lower lip's edge, foot of the
nose."""


@dataclass(frozen=True)
class Correspondence:
    """A fixed place on a triangle of a method's points for each of K hand-placed points."""

    corners: Int[np.ndarray, "K 3"]
    weights: Float[np.ndarray, "K 3"]
    """Not negative, sum 1."""

    def apply(self, points: Float[np.ndarray, "N 478 2"]) -> Float[np.ndarray, "N K 2"]:
        """The places on given points."""
        return np.asarray(np.einsum("nkcx,kc->nkx", points[:, self.corners], self.weights))


def learn(points: Float[np.ndarray, "N L 2"], truth: Float[np.ndarray, "N K 2"]) -> Correspondence:
    """The places that lie nearest to the truth over N faces, in least squares; every face counts alike.

    The triangles are Delaunay's of the mean of the points.
    """
    centre, unit = points.mean(1, keepdims=True), points.std((1, 2), keepdims=True)
    own, real = (points - centre) / unit, (truth - centre) / unit
    triangles = Delaunay(own.mean(0)).simplices
    a, b, c = (own[:, triangles[:, k]] for k in range(3))
    best = [_best_place(a, b - a, c - a, real[:, k, None]) for k in range(truth.shape[1])]
    weights = np.stack([w for _, w in best])
    return Correspondence(triangles[[t for t, _ in best]], weights)


def _best_place(a: np.ndarray, u: np.ndarray, v: np.ndarray, p: np.ndarray) -> tuple[int, np.ndarray]:
    """The triangle and the weights of least squared distance to `p`; all arrays (N, T, 2) or (N, 1, 2)."""
    r = p - a
    uu, uv, vv, ur, vr, rr = (
        np.einsum("ntx,ntx->t", x, y) for x, y in ((u, u), (u, v), (v, v), (u, r), (v, r), (r, r))
    )
    determinant = np.maximum(uu * vv - uv * uv, 1e-12)
    inside = np.stack([(vv * ur - uv * vr) / determinant, (uu * vr - uv * ur) / determinant], 1)
    inside = np.where(((inside >= 0).all(1) & (inside.sum(1) <= 1))[:, None], inside, np.nan)
    along_u, along_v = np.clip(ur / np.maximum(uu, 1e-12), 0, 1), np.clip(vr / np.maximum(vv, 1e-12), 0, 1)
    opposite = np.clip((vr - ur + uu - uv) / np.maximum(uu - 2 * uv + vv, 1e-12), 0, 1)
    zero = np.zeros_like(uu)
    edges = [np.stack(s, 1) for s in ((along_u, zero), (zero, along_v), (1 - opposite, opposite))]
    candidates = np.stack([inside, *edges], 1)
    s, t = candidates[..., 0], candidates[..., 1]
    e = [x[:, None] for x in (uu, uv, vv, ur, vr, rr)]
    cost = s * s * e[0] + 2 * s * t * e[1] + t * t * e[2] - 2 * s * e[3] - 2 * t * e[4] + e[5]
    triangle, which = np.unravel_index(np.nanargmin(cost), cost.shape)
    s, t = candidates[triangle, which]
    return int(triangle), np.array([1 - s - t, s, t])


@dataclass(frozen=True)
class HandErrors:
    """Distances to hand-placed points, percent of the distance between the outer eye corners as placed."""

    as_defined: Float[np.ndarray, "N 11"] | None
    """None for a method that has no points of its own."""
    learnt: Float[np.ndarray, "N 189"]
    """NaN at points outside of `GROUPS`."""


def hand_errors(points: Float[np.ndarray, "N 478 2"], truth: Float[np.ndarray, "N 189 2"]) -> HandErrors:
    """Errors of a method's points; people alternate between the halves, in the order given."""
    unit = _unit(truth)
    own, real = list(AS_DEFINED.values()), list(AS_DEFINED)
    as_defined = 100 * np.linalg.norm(points[:, own] - truth[:, real], axis=2) / unit
    used = [k for group in GROUPS.values() for k in group]
    learnt, half = np.full(truth.shape[:2], np.nan), np.arange(len(truth)) % 2
    for side in (0, 1):
        places = learn(points[half != side], truth[half != side][:, used])
        distance = np.linalg.norm(places.apply(points[half == side]) - truth[half == side][:, used], axis=2)
        learnt[np.ix_(half == side, used)] = 100 * distance / unit[half == side]
    return HandErrors(as_defined, learnt)


def template_errors(truth: Float[np.ndarray, "N 189 2"]) -> HandErrors:
    """Errors of the other half's mean of the points, laid on each face by the similarity that fits its truth best.

    What one gets without seeing the face, but knowing exactly where it is, how large and how turned.
    """
    used = [k for group in GROUPS.values() for k in group]
    learnt, half, unit = np.full(truth.shape[:2], np.nan), np.arange(len(truth)) % 2, _unit(truth)
    for side in (0, 1):
        mean = _mean_shape(truth[half != side][:, used])
        for i in np.flatnonzero(half == side):
            real = truth[i, used]
            laid = fit_umeyama(mean, real).apply(mean)
            learnt[i, used] = 100 * np.linalg.norm(laid - real, axis=1) / unit[i]
    return HandErrors(None, learnt)


def _mean_shape(shapes: Float[np.ndarray, "N K 2"]) -> Float[np.ndarray, "K 2"]:
    """The mean of shapes after each has been laid on it, twice."""
    mean = shapes[0]
    for _ in range(3):
        mean = np.mean([fit_umeyama(s, mean).apply(s) for s in shapes], axis=0)
    return mean


def _unit(truth: Float[np.ndarray, "N 189 2"]) -> Float[np.ndarray, "N 1"]:
    return np.asarray(np.linalg.norm(truth[:, CORNERS[0]] - truth[:, CORNERS[1]], axis=1)[:, None])


@dataclass(frozen=True)
class HandPlaced:
    """The photos of a pack that carry hand-placed points, and each method's 478 points on them, photo pixels."""

    rows: Int[np.ndarray, "N"]
    """Of the pack."""
    truth: Float[np.ndarray, "N 189 2"]
    points: Mapping[str, Float[np.ndarray, "N 478 2"]]


def hand_placed(model: HiFace, pack: Pack, answers: Answers) -> HandPlaced:
    """Truth and points of ours (mesh, and the network's own where it sees points), MediaPipe and the mean face."""
    rows = np.flatnonzero(np.isfinite(pack.hand189).all((1, 2)))
    sizes = np.array([read_photo(pack.encoded[i]).pixels.shape[1::-1] for i in rows]).reshape(-1, 1, 2)
    chosen = answers[rows]
    c = chosen.coefficients
    mean = replace(c, identity=torch.zeros_like(c.identity), expression=torch.zeros_like(c.expression))
    points = {
        "ours, mesh": photo_points(model, chosen, "mediapipe478"),
        "ours, points seen": _seen(model, pack, rows, chosen),
        "MediaPipe": labelled_points(pack)[rows],
        "mean face in our pose": photo_points(
            model, Answers(mean, chosen.box, chosen.sigma, chosen.found), "mediapipe478"
        ),
    }
    return HandPlaced(rows, pack.hand189[rows] * sizes, {k: v for k, v in points.items() if len(v) == len(rows)})


def _seen(model: HiFace, pack: Pack, rows: np.ndarray, answers: Answers) -> Float[np.ndarray, "N 478 2"]:
    """The points that the network answers directly, before they move the mesh; none for one without that head."""
    found, side = [], model.reconstructor.config.crop
    for i, box in zip(rows, answers.box, strict=True):
        crop = crop_box(box)
        prediction, _ = model.predict(read_photo(pack.encoded[i]), [crop])
        if prediction.seen is not None:
            xy = side * prediction.seen.xy[0].double().cpu().numpy()
            found.append(transform_points(photo_from_crop(crop, side), xy))
    return np.array(found)
