"""Our mean face laid on another model's mean face: a similarity, then our identity modes, then a smooth remainder.

The modes do most of it. They deform a face as faces differ, so that a point keeps its meaning, which a registration
without a model of faces does not. What is left is a field d on our skin that minimises

    Σ wᵢ |dᵢ − tᵢ|² + λ |L d|²

with L the graph Laplacian, tᵢ the way to the plane of the closest point that faces the same way, and λ falling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Bool, Float, Int
from scipy.sparse.linalg import splu

from hiface.convert.nearest import Found, Surface, vertex_normals
from hiface.convert.ours import Ours
from hiface.convert.source import SKIN, KnownPoints, SourceModel
from hiface.errors import AssetError
from hiface.geometry.similarity import Similarity, fit_umeyama
from hiface.geometry.topology import adjacency

_Array = np.ndarray[Any, np.dtype[Any]]
FIRST_INNER = 17
"""Of the 68: jaw lines mean different things to different people, so they guide nothing."""
NEAR_MM = 2.0
"""A vertex has met the other surface when it lies nearer than this and faces the same way."""
WORST_MM, WORST_REMAINDER_MM, LEAST_MET = 2.0, 1.5, 0.9
"""On open skin of the face: 95th percentile of the distance, median of what similarity and modes left over, and share
of vertices that met. Heads of other topologies and people stay under a third of the first two; what lies upside down,
turned away or is no face does not."""
LEAST_COVERED = 0.6
"""Share of our face that the other surface must have."""
SCALES = (0.6, 1.6)
"""Of the similarity: beyond them the source is not in the unit that its kind has."""
_REACH_MM = 15.0
_FEW = 6  # candidates: rounds follow, so a near miss does no harm


@dataclass(frozen=True)
class Schedule:
    """How long each stage goes on."""

    similarity: int = 40
    """Rounds without known points."""
    modes: int = 15
    stiffness: tuple[float, ...] = (300.0, 100.0, 30.0, 10.0, 3.0, 1.0)
    """λ of the remainder, two rounds each."""
    ridge: float = 60.0
    """Vertices' worth of mm² that a standard deviation of a mode must earn."""
    points: float = 20.0
    """What a known point counts in vertices."""
    polish: bool = False
    """Whether closest points go on with the similarity that known points gave."""


THOROUGH = Schedule()


@dataclass(frozen=True)
class Registration:
    """Where the vertices of our model lie on and in another face."""

    skin: Float[np.ndarray, "N 3"]
    """Our skin, on their surface where `met`."""
    whole: Float[np.ndarray, "V 3"]
    """All vertices of our model after similarity and modes: for what is not skin."""
    similarity: Similarity
    met: Bool[np.ndarray, "N"]
    distance: Float[np.ndarray, "N"]
    """From our skin to their surface, mm."""
    covered: Bool[np.ndarray, "N"]
    """Vertices whose closest point is not on the border of their surface: it goes on there."""
    identity: Float[np.ndarray, "I"]
    known_mm: float
    """Mean distance of the known points from ours; NaN where none were known."""

    def figures(self, ours: Ours) -> dict[str, float]:
        """What tells a good registration, on open skin of the face."""
        left = np.linalg.norm(self.skin - self.whole[: len(self.skin)], axis=1)
        open_skin = ours.open[self.covered[ours.open]]
        if not len(open_skin):
            open_skin = ours.open
        return {
            "covered": len(open_skin) / len(ours.open),
            "median_mm": float(np.median(self.distance[open_skin])),
            "p95_mm": float(np.percentile(self.distance[open_skin], 95)),
            "met": float(self.met[open_skin].mean()),
            "remainder_mm": float(np.median(left[open_skin])),
            "scale": self.similarity.scale,
            "known_points_mm": self.known_mm,
        }


def register(ours: Ours, source: SourceModel, schedule: Schedule = THOROUGH) -> Registration:
    """Our face on the source's mean. Raises `AssetError` where they do not come together."""
    triangles = source.part_triangles(SKIN)
    target = _Target(Surface(source.mean, triangles), _border(triangles, len(source.mean)))
    guides = _guides(ours, source)
    similarity = _similarity(ours, target, guides, schedule)
    similarity, beta = _modes(ours, target, guides, similarity, schedule)
    whole = similarity.apply(ours.mean + np.tensordot(beta, ours.identity, 1))
    skin = _remainder(ours, target, guides, whole[: ours.skin_count], schedule)
    found = target.surface.query(skin, vertex_normals(skin, ours.triangles))
    met = (found.distance < NEAR_MM) & (found.agreement > 0)
    known = np.concatenate([np.linalg.norm(g.of(skin) - g.places, axis=1) for g in guides] or [np.zeros(0)])
    known_mm = float(known.mean()) if len(known) else float("nan")
    covered = ~target.border[found.corners].any(1)
    result = Registration(skin, whole, similarity, met, found.distance, covered, beta, known_mm)
    _check(result.figures(ours), source.kind)
    return result


def _check(figures: dict[str, float], kind: str) -> None:
    if not SCALES[0] < figures["scale"] < SCALES[1]:
        raise AssetError(
            f"{kind}: its mean face is {figures['scale']:.3g} times the size of ours, so its unit is not what files of"
            f" this kind have; scale it to the unit that docs/face_model_format.md gives for {kind}"
        )
    near = figures["p95_mm"] < WORST_MM and figures["remainder_mm"] < WORST_REMAINDER_MM
    good = near and figures["met"] > LEAST_MET and figures["covered"] > LEAST_COVERED
    if not good:
        told = ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
        raise AssetError(
            f"{kind}: our face does not come to lie on its mean face ({told}); give landmarks of it with --landmarks"
            " (docs/face_model_format.md lists the files), or turn it upright and to the front"
        )


@dataclass(frozen=True)
class _Target:
    surface: Surface
    border: Bool[np.ndarray, "V"]


@dataclass(frozen=True)
class _Guides:
    """Known points: which vertices of our skin make them, and where they are on the other face."""

    index: Int[np.ndarray, "L N"]
    weight: Float[np.ndarray, "L N"]
    places: Float[np.ndarray, "L 3"]

    def of(self, skin: Float[np.ndarray, "*B N 3"]) -> Float[np.ndarray, "*B L 3"]:
        return np.asarray(np.einsum("...lnx,ln->...lx", skin[..., self.index, :], self.weight))


def _guides(ours: Ours, source: SourceModel) -> list[_Guides]:
    found = []
    for points in source.points:
        index, weight = (x.numpy() for x in ours.face.landmark_weights(points.numbering))
        own_index, own_weight = index[points.number], weight[points.number]
        usable = (own_index < ours.skin_count).all(1) & _guiding(points)
        if usable.any():
            found.append(_Guides(own_index[usable], own_weight[usable], points.places(source.mean)[usable]))
    return found


def _guiding(points: KnownPoints) -> Bool[np.ndarray, "L"]:
    if points.numbering == "ibug68":
        return np.asarray((points.number >= FIRST_INNER) | (points.number == 8))
    return np.ones(len(points.number), bool)


def _border(triangles: Int[np.ndarray, "T 3"], count: int) -> Bool[np.ndarray, "V"]:
    """Vertices on edges of one triangle only."""
    sides = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    edges, times = np.unique(sides, axis=0, return_counts=True)
    border = np.zeros(count, bool)
    border[edges[times == 1]] = True
    return border


def _match(
    target: _Target, skin: _Array, triangles: _Array, rows: _Array | slice = slice(None)
) -> tuple[Found, _Array, _Array]:
    """Closest points of `rows`, the way to their planes, and how far to trust each: none beyond a border."""
    points = skin[rows]
    found = target.surface.query(points, vertex_normals(skin, triangles)[rows], _FEW)
    normals = target.surface.normals[found.triangle]
    way = found.of(target.surface.vertices) - points
    plane = normals * (way * normals).sum(1, keepdims=True)
    beyond = target.border[found.corners].any(1) & (found.distance > 1.0)
    reach = max(3 * float(np.median(found.distance)), 3.0)
    usable = (found.agreement > 0.3) & ~beyond & (found.distance < min(reach, _REACH_MM))
    return found, plane, usable / (1 + (found.distance / 4.0) ** 2)


def _similarity(ours: Ours, target: _Target, guides: list[_Guides], schedule: Schedule) -> Similarity:
    """From known points where there are enough of them; otherwise from the nose's tip on, by closest points."""
    skin = ours.mean[: ours.skin_count]
    own = np.concatenate([g.of(skin) for g in guides] or [np.zeros((0, 3))])
    if len(own) >= 6:
        motion = fit_umeyama(own, np.concatenate([g.places for g in guides]))
        if not schedule.polish:
            return motion
    else:
        theirs = target.surface.vertices[target.surface.triangles.ravel()]
        scale = _unit(theirs, skin)
        motion = Similarity(scale, np.eye(3), _tip(theirs) - scale * _tip(skin))
    face = np.flatnonzero(ours.narrow)[::3]
    for _ in range(schedule.similarity):
        moved = motion.apply(skin)
        found, _, trust = _match(target, moved, ours.triangles, face)
        if (trust > 0).sum() < 50:
            raise AssetError("the mean face lies nowhere near ours; give landmarks of it with --landmarks")
        motion = fit_umeyama(skin[face[trust > 0]], found.of(target.surface.vertices)[trust > 0])
    return motion


def _unit(theirs: Float[np.ndarray, "N 3"], ours: Float[np.ndarray, "V 3"]) -> float:
    """1, or how much larger theirs is where that is no matter of people and of what a file holds: another unit."""
    ratio = float(np.ptp(theirs, axis=0).max() / np.ptp(ours, axis=0).max())
    return 1.0 if 0.3 < ratio < 3 else ratio


def _tip(points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "3"]:
    """The foremost point near the middle: the nose's tip of an upright face."""
    middle = (points[:, 0].min() + points[:, 0].max()) / 2
    near = points[np.abs(points[:, 0] - middle) < 15]
    return np.asarray(near[near[:, 2].argmax()])


def _modes(
    ours: Ours, target: _Target, guides: list[_Guides], similarity: Similarity, schedule: Schedule
) -> tuple[Similarity, Float[np.ndarray, "I"]]:
    """Similarity and identity in turn; distances along the normals, all three coordinates of known points."""
    count = ours.skin_count
    mean, basis = ours.mean[:count], ours.identity[:, :count]
    beta = np.zeros(len(basis))
    rows = np.flatnonzero((np.arange(count) % 4 == 0) | (ours.narrow & (np.arange(count) % 2 == 0)))
    for _ in range(schedule.modes):
        shape = mean + np.tensordot(beta, basis, 1)
        skin = similarity.apply(shape)
        found, plane, trust = _match(target, skin, ours.triangles, rows)
        trust = trust * ours.weight[rows]
        pull = [(shape[rows], skin[rows] + plane, trust)]
        pull += [(g.of(shape), g.places, np.full(len(g.places), schedule.points)) for g in guides]
        similarity = _weighted_similarity(*(np.concatenate(p) for p in zip(*pull, strict=True)))
        skin = similarity.apply(shape)
        normals = target.surface.normals[found.triangle]
        across = ((found.of(target.surface.vertices) - skin[rows]) * normals).sum(1)
        turned = similarity.turn(basis[:, rows])
        system = np.einsum("inx,nx->ni", turned, normals) * np.sqrt(trust)[:, None]
        matrices, values = [system], [across * np.sqrt(trust)]
        for g in guides:
            matrices.append(np.sqrt(schedule.points) * similarity.turn(g.of(basis)).reshape(len(basis), -1).T)
            values.append(np.sqrt(schedule.points) * (g.places - g.of(skin)).ravel())
        matrix, value = np.concatenate(matrices), np.concatenate(values)
        left = matrix.T @ matrix + schedule.ridge * np.eye(len(beta))
        beta = beta + np.linalg.solve(left, matrix.T @ value - schedule.ridge * beta)
    return similarity, beta


def _weighted_similarity(source: _Array, target: _Array, weight: _Array) -> Similarity:
    """`fit_umeyama` with whole-number multiplicities in place of weights."""
    times = np.round(5 * weight).astype(int)
    return fit_umeyama(np.repeat(source, times, axis=0), np.repeat(target, times, axis=0))


def _remainder(ours: Ours, target: _Target, guides: list[_Guides], start: _Array, schedule: Schedule) -> _Array:
    """The smooth field that closes the rest of the gap."""
    count = len(start)
    laplacian = sparse.eye(count) - adjacency(ours.edges, count)
    bending = (laplacian.T @ laplacian).tocsc()
    skin = start
    for stiffness in schedule.stiffness:
        for _ in range(2):
            _, plane, trust = _match(target, skin, ours.triangles)
            weight = trust * ours.weight
            wanted = weight[:, None] * (skin + plane - start)
            left = stiffness * bending + sparse.diags(weight + 1e-6)
            for g in guides:
                rows = sparse.csr_matrix(
                    (g.weight.ravel(), (np.repeat(np.arange(len(g.places)), g.index.shape[1]), g.index.ravel())),
                    (len(g.places), count),
                )
                left = left + schedule.points * rows.T @ rows
                wanted = wanted + schedule.points * (rows.T @ (g.places - g.of(start)))
            skin = start + splu(left.tocsc()).solve(wanted)
    return skin
