"""Morph targets: what each expression adds to the corners of a piece, kept only where it adds something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int

from hiface.export.corners import Piece, Surface, pieces
from hiface.face.model import FaceModel
from hiface.geometry.rotation import matrix_from_axis_angle

TOLERANCE_MM = 0.005
"""Offsets below this are left out: a twentieth of a hair."""
NORMAL_TOLERANCE = 0.01
"""Changes of unit normals below this (0.6 degrees) are left out."""


@dataclass(frozen=True)
class Offset:
    """Sparse offsets of one expression on one piece."""

    rows: Int[np.ndarray, "K"]
    """Corners, ascending."""
    values: Float[np.ndarray, "K 3"]


@lru_cache(maxsize=2)
def position_offsets(model: FaceModel) -> dict[str, tuple[Offset, ...]]:
    """By piece, what expression weight 1 adds, mm, one `Offset` an expression; without the turn of the
    eyes."""
    basis = model.expression_basis.cpu().numpy()
    return {p.name: tuple(_kept(mode[p.source], TOLERANCE_MM) for mode in basis) for p in pieces(model)}


def gaze_offsets(
    model: FaceModel,
    piece: Piece,
    neutral: Float[np.ndarray, "V 3"],
    joints: Float[np.ndarray, "J 3"],
    factor: float,
) -> tuple[Offset, ...]:
    """What each expression at weight 1, and its gaze (`FaceModel.gaze`), add to the eyeballs, in mm of
    `neutral`.

    Morph targets are linear, a turn is not. The target is the chord (R − 1)(x − joint), exact at weight 1:
    half way the cornea lies 4 % of the radius too deep, behind the lids, where the tangent would push it
    out by 17 %.
    """
    turn = model.gaze_map.cpu()
    moved = factor * model.expression_basis[:, torch.from_numpy(piece.source)].cpu()
    points = torch.from_numpy(np.asarray(neutral, np.float32)[piece.source])
    owner = model.skin_weights.cpu()[piece.source]
    for eye, joint in enumerate((2, 3)):
        mine = owner[:, joint] == 1
        from_joint = points[mine] - torch.from_numpy(np.asarray(joints[joint], np.float32))
        rotation = matrix_from_axis_angle(turn[:, eye]) - torch.eye(3)
        moved[:, mine] += torch.einsum("exy,vy->evx", rotation, from_joint)
    return tuple(_kept(mode, TOLERANCE_MM) for mode in moved.numpy())


def normal_offsets(
    model: FaceModel, surface: Surface, neutral: Float[np.ndarray, "V 3"], factor: float, units: Sequence[int]
) -> Iterator[Float[np.ndarray, "V 3"]]:
    """For each of the expressions `units`, what it adds to the unit normals of a surface at weight 1; small changes are
    zero."""
    rest = surface.normals(neutral)
    for mode in model.expression_basis[list(units)].cpu().numpy():
        change = surface.normals(neutral + factor * mode) - rest
        change[np.einsum("vx,vx->v", change, change) < NORMAL_TOLERANCE**2] = 0
        yield change


def _kept(values: Float[np.ndarray, "N 3"], tolerance: float) -> Offset:
    rows = np.flatnonzero(np.einsum("vx,vx->v", values, values) > tolerance**2)
    return Offset(rows, values[rows])


def sparse_rows(values: Float[np.ndarray, "N 3"]) -> Offset:
    """The rows that are not zero."""
    return _kept(values, 0.0)
