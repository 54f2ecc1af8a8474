"""Identity, expression and pose in geometry that lies on our skin's vertices, whoever made it.

A mesh x of ours is x = s R P + t with P = A(h) E + b(h): the skin of Eq. 2, the head turned against the neck by h; and
E = S̄ + B_id β + B_exp ξ + rest. Each round undoes the pose that is known so far and solves, about it,

    E ≈ S̄ + B_id β + B_exp ξ + J δ,    0 ≤ ξ ≤ 1,

for β, ξ and the change δ of the pose, least squares with ridges about what the photo says: where the geometry leaves
a choice (units that are sums of others, size against distance), the photo decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.linalg import solve
from torch import Tensor

from hiface.convert.ours import Ours
from hiface.errors import MeshError
from hiface.geometry.rotation import matrix_from_axis_angle
from hiface.geometry.similarity import Similarity, fit_umeyama
from hiface.geometry.skinning import joint_transforms
from hiface.geometry.topology import adjacency
from hiface.types import Coefficients

_Array = np.ndarray[Any, np.dtype[Any]]
_ROUNDS = 15
_SETTLED = 1e-8
_TURN_RIDGE = 1.0  # mm² per rad²: only where there is no neck
_STEP = 1e-6
_ONE_SIZE = 1.5
"""An open mouth makes a face larger than its neutral, but not by so much."""
_LEAST_VALID = 0.5
"""Share of our face that a mesh must have."""


@dataclass(frozen=True)
class Ridge:
    """What a standard deviation of identity and a full unit of expression must earn, mm²."""

    identity: float
    expression: float


CLEAN, CARRIED = Ridge(1.0, 1.0), Ridge(20.0, 10.0)
"""For vertices that are ours; for places on another topology, which are off by some tenths of a millimetre."""


@dataclass(frozen=True)
class OnOurSkin:
    """A mesh's geometry at the vertices of our skin."""

    points: Float[np.ndarray, "N 3"]
    """In the mesh's own unit and frame."""
    trust: Float[np.ndarray, "N"]
    """1 where the mesh is there, 0 where it is not."""
    ours: bool
    """Whether the vertices are the mesh's own, and not places on another topology."""


@dataclass(frozen=True)
class Unposed:
    """What was found in a mesh."""

    identity: Float[np.ndarray, "I"]
    expression: Float[np.ndarray, "E"]
    similarity: Similarity
    """From our frame (head turned, mm of the model) to the mesh's."""
    turn: Float[np.ndarray, "3"]
    """Of the head against the neck, axis-angle."""
    neutral: Float[np.ndarray, "N 3"]
    """S_neu and S at rest, mm of the model: what tension is taken from."""
    expressive: Float[np.ndarray, "N 3"]
    residual_mm: float
    """Median distance of the geometry from what identity and expression make of it, on the face."""


def unpose(
    ours: Ours, mesh: OnOurSkin, seen: Coefficients, neutral: OnOurSkin | None = None, name: str = "mesh"
) -> Unposed:
    """Fits. `seen`: what the network says of the photo. `neutral`: the same face without expression, where it is
    known; otherwise it is what identity and the rest make. Raises `MeshError` for a mesh without enough of a face."""
    fit = _Fit(ours, mesh, seen, neutral, name)
    for _ in range(_ROUNDS):
        if fit.step() < _SETTLED:
            break
    return fit.result()


class _Fit:
    """The state of a fit; `step` is one round."""

    def __init__(self, ours: Ours, mesh: OnOurSkin, seen: Coefficients, neutral: OnOurSkin | None, name: str) -> None:
        self.ours, self.mesh, self.count = ours, mesh, ours.skin_count
        self.ridge = CLEAN if mesh.ours else CARRIED
        own = ours.narrow & (mesh.trust > 0.5)
        if own.sum() < _LEAST_VALID * ours.narrow.sum():
            raise MeshError(
                f"{name}: holds {own.sum() / ours.narrow.sum():.0%} of the face; give one with a whole face"
            )
        self.seen_identity, self.seen_expression = (_numbers(x[0]) for x in (seen.identity, seen.expression))
        self.identity, self.expression = self.seen_identity, self.seen_expression
        self.seen_turn = self.turn = _numbers(seen.rotation[0, 1])
        self.weight = ours.weight * mesh.trust
        self.rows = _rows(ours, self.weight)
        self.modes = self._modes()
        self.weighted = self.modes * np.repeat(self.weight[self.rows], 3)
        self.normal = self.weighted @ self.modes.T
        self.base = ours.mean[: self.count]
        self.given: _Array | None = None
        if neutral is not None:
            self._take_neutral(neutral)
        at_rest = self._at_rest()
        turns, shifts = self._blend(self.turn)
        posed = np.einsum("vxy,vy->vx", turns, at_rest) + shifts
        fitted = fit_umeyama(posed[own], mesh.points[own])
        self.similarity = fitted
        if self.given is not None:
            times = fitted.scale / self.scale
            if not 1 / _ONE_SIZE < times < _ONE_SIZE:
                raise MeshError(f"{name}: is {times:.3g} times the size of its neutral mesh; give both in one unit")
            self.similarity = _sized(fitted, self.scale, posed[own], mesh.points[own])

    def _modes(self) -> Float[np.ndarray, "M N"]:
        """Identity and expression at the rows that are looked at."""
        expression = self.ours.face.expression_basis[:, : self.count].numpy()[:, self.rows]
        both = np.concatenate([self.ours.identity[:, self.rows], expression]).reshape(-1, 3 * len(self.rows))
        return np.asarray(both, np.float64)

    def _take_neutral(self, neutral: OnOurSkin) -> None:
        """The neutral in the model's frame and size, and the identity that is nearest to it."""
        own = self.ours.narrow & (neutral.trust > 0.5) & (self.mesh.trust > 0.5)
        wanted = self.base + np.tensordot(self.identity, self.ours.identity[:, : self.count], 1)
        fit = fit_umeyama(wanted[own], neutral.points[own])
        self.scale, self.given = fit.scale, fit.undo(neutral.points)
        size, off = len(self.identity), (self.given - wanted)[self.rows].ravel()
        left = self.normal[:size, :size] + self.ridge.identity * np.eye(size)
        self.identity = self.identity + np.linalg.solve(left, self.weighted[:size] @ off)

    def _at_rest(self) -> Float[np.ndarray, "N 3"]:
        """S of the identity and expression so far; of the given neutral where there is one."""
        expression = self.ours.face.expression_basis[:, : self.count].numpy()
        neutral = self.base + np.tensordot(self.identity, self.ours.identity[:, : self.count], 1)
        neutral = neutral if self.given is None else self.given
        return neutral + np.tensordot(self.expression, expression, 1)

    def _blend(self, turn: _Array) -> tuple[Float[np.ndarray, "N 3 3"], Float[np.ndarray, "N 3"]]:
        """A(h) and b(h) of every vertex, the eyes turned as the expression says."""
        face = self.ours.face
        gaze = torch.einsum("e,ejx->jx", torch.from_numpy(self.expression), face.gaze_map.double())
        rotation = torch.cat([torch.zeros(1, 3).double(), torch.from_numpy(turn)[None], gaze])[None]
        joints = face.joint_mean.double() + torch.einsum(
            "i,ijx->jx", torch.from_numpy(self.identity), face.joint_identity.double()
        )
        turns, shifts = joint_transforms(rotation, joints[None], face.joint_parents)
        weights = face.skin_weights[: self.count].double()
        return (
            torch.einsum("vj,jxy->vxy", weights, turns[0]).numpy(),
            (weights @ shifts[0]).numpy(),
        )

    def _undone(self) -> tuple[Float[np.ndarray, "N 3"], Float[np.ndarray, "N 3"], Float[np.ndarray, "N 3 3"]]:
        """E of the pose so far, P, and A⁻¹."""
        turns, shifts = self._blend(self.turn)
        turned = self.similarity.undo(self.mesh.points)
        back = np.linalg.inv(turns)
        return np.einsum("vxy,vy->vx", back, turned - shifts), turned, back

    def step(self) -> float:
        """One round; returns the largest change of a coefficient or of the pose."""
        expressive, turned, back = self._undone()
        pose = self._pose_columns(expressive, turned, back)
        known = self.base if self.given is None else self.given
        first = 0 if self.given is None else len(self.identity)
        modes, weighted = self.modes[first:], self.weighted[first:]
        value, loaded = (expressive - known)[self.rows].ravel(), pose * np.repeat(self.weight[self.rows], 3)
        size, units, free = len(self.identity) - first, len(self.expression), len(pose)
        ridge = np.r_[np.full(size, self.ridge.identity), np.full(units, self.ridge.expression), np.full(free, 1e-9)]
        ridge[size + units : size + units + 3] = _TURN_RIDGE
        centre = np.r_[self.seen_identity[:size], self.seen_expression, self.seen_turn - self.turn, np.zeros(free - 3)]
        across = modes @ loaded.T
        left = np.block([[self.normal[first:, first:], across], [across.T, loaded @ pose.T]]) + np.diag(ridge)
        right = np.r_[weighted @ value, loaded @ value] + ridge * centre
        low, high = np.full(len(ridge), -np.inf), np.full(len(ridge), np.inf)
        low[size : size + units], high[size : size + units] = self.ours.face.expression_range.double().numpy().T
        found = bounded(left, right, low, high)
        return self._take(found, size, units)

    def _take(self, found: _Array, size: int, units: int) -> float:
        before = np.r_[self.identity[:size], self.expression]
        if size:
            self.identity = found[:size]
        self.expression, pose = found[size : size + units], found[size + units :]
        self.turn = self.turn + pose[:3]
        rotation = matrix_from_axis_angle(torch.from_numpy(pose[3:6])).numpy()
        own = self.similarity
        self.similarity = Similarity(own.scale, own.rotation @ rotation, own.translation + own.turn(pose[6:9][None])[0])
        return float(np.abs(np.r_[found[: size + units] - before, pose[:6], pose[6:9] / 100]).max())

    def _pose_columns(self, expressive: _Array, turned: _Array, back: _Array) -> Float[np.ndarray, "D N"]:
        """J: what changes of the head's turn, of rotation and place do to E at the rows. Size is a mode of identity
        too, so it stays what it was at the start."""
        rows, columns = self.rows, []
        turns, shifts = self._blend(self.turn)
        for axis in np.eye(3):
            there, beyond = self._blend(self.turn + _STEP * axis)
            columns.append((np.einsum("vxy,vy->vx", there - turns, expressive) + beyond - shifts) / _STEP)
        columns += [np.cross(axis, turned) for axis in np.eye(3)]
        columns += [np.broadcast_to(axis, turned.shape) for axis in np.eye(3)]
        return np.stack([np.einsum("vxy,vy->vx", back[rows], c[rows]).ravel() for c in columns])

    def result(self) -> Unposed:
        expressive = self._undone()[0]
        trust = self._soft_trust()
        expression = self.ours.face.expression_basis[:, : self.count].numpy()
        moved = np.tensordot(self.expression, expression, 1)
        fitted = self.base + np.tensordot(self.identity, self.ours.identity[:, : self.count], 1)
        left = expressive - moved - (fitted if self.given is None else self.given)
        own = self.ours.narrow & (self.mesh.trust > 0.5)
        residual = float(np.median(np.linalg.norm(left[own], axis=1)))
        if self.mesh.ours:
            neutral = expressive - moved if self.given is None else self.given
        else:  # places on other triangles are no even mesh: the way from neutral is taken from them, the mesh is ours
            neutral = fitted
            beyond = np.zeros_like(left) if self.given is None else left
            expressive = neutral + moved + trust[:, None] * beyond
        return Unposed(self.identity, self.expression, self.similarity, self.turn, neutral, expressive, residual)

    def _soft_trust(self) -> Float[np.ndarray, "N"]:
        """Trust that falls softly where the mesh ends."""
        if self.mesh.ours:
            return self.mesh.trust
        mean, soft = adjacency(self.ours.edges, self.count), self.mesh.trust
        for _ in range(4):
            soft = np.minimum(self.mesh.trust, 0.5 * (soft + mean @ soft))
        return soft


def bounded(left: Float[np.ndarray, "N N"], right: Float[np.ndarray, "N"], low: _Array, high: _Array) -> _Array:
    """x that minimises ½ xᵀ left x - right x between its bounds: an active set, changed many at a time."""
    held: Bool[np.ndarray, "N"] = np.zeros(len(right), bool)
    x = np.clip(solve(left, right, assume_a="pos"), low, high)
    for _ in range(40):
        free = ~held
        rest = right[free] - left[np.ix_(free, held)] @ x[held]
        x[free] = solve(left[np.ix_(free, free)], rest, assume_a="pos")
        beyond = (x < low) | (x > high)
        x = np.clip(x, low, high)
        down = left @ x - right  # the gradient: where it pulls back inside, a bound is let go
        loose = held & (((x <= low) & (down < -1e-12)) | ((x >= high) & (down > 1e-12)))
        if not beyond.any() and not loose.any():
            break
        held = (held | beyond) & ~loose
    return x


def _rows(ours: Ours, weight: _Array) -> Int[np.ndarray, "R"]:
    """Vertices that are looked at: every third of the face, every fifth elsewhere, where the mesh is."""
    number = np.arange(ours.skin_count)
    return np.flatnonzero((weight > 0) & np.where(ours.narrow, number % 3 == 0, number % 5 == 0))


def _sized(fit: Similarity, scale: float, source: _Array, target: _Array) -> Similarity:
    """The motion of a similarity at another scale."""
    return replace(fit, scale=scale, translation=np.mean(target - scale * source @ fit.rotation.T, axis=0))


def _numbers(values: Tensor) -> _Array:
    return np.asarray(values.detach().cpu().double().numpy())
