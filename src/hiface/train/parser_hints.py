"""What landmarks tell of the parts in a photo: for each pixel a set of classes that it may show."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from hiface.face.landmarks import (
    FACE_OVAL,
    INNER_LIPS,
    LEFT_BROW,
    LEFT_EYE,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
)
from hiface.face.parts import PART_NAMES, Part

_COVERS = {Part.HAIR, Part.GLASSES, Part.HAT, Part.MASK, Part.OTHER}
_FEATURES = {Part.BROWS, Part.EYES, Part.LIPS, Part.MOUTH}
_ALL = set(Part)
RULES: tuple[set[Part], ...] = (
    _ALL,
    {Part.SKIN} | _COVERS,  # forehead
    {Part.SKIN, Part.BEARD} | _COVERS - {Part.HAIR, Part.HAT},  # below the brows; what hangs there is rare in photos
    {Part.SKIN, Part.BROWS} | _COVERS,  # about the brows
    {Part.EYES} | _COVERS,
    {Part.LIPS, Part.BEARD, Part.MASK, Part.OTHER},
    {Part.MOUTH, Part.LIPS, Part.MASK, Part.OTHER},
    _ALL - _FEATURES,  # beyond the face
    _ALL - _FEATURES - {Part.SKIN, Part.GLASSES},  # below the chin
)
"""Classes that each rule allows; a pixel holds the number of its rule."""
_OPEN, _FOREHEAD, _FACE, _BROW, _EYE, _LIPS, _MOUTH, _BEYOND, _BELOW = range(9)
_INNER, _OUTER = 0.9, 1.25
"""Sizes of the oval inside of which all is face, and outside of which none is."""
_LEAST_EYE, _LEAST_MOUTH = 0.012, 0.02
"""Openings, of the crop's side, from which eyes and mouth say anything."""


def hints(points: Float[np.ndarray, "478 2"], side: int) -> UInt8[np.ndarray, "S S"]:
    """Numbers of `RULES` for a crop of `side` pixels; `points` in its pixels."""
    oval = points[list(FACE_OVAL)]
    rules = np.full((side, side), _BEYOND, np.uint8)
    below = np.arange(side)[:, None] + 0.5 > oval[:, 1].max() + 0.05 * side
    rules[np.broadcast_to(below, rules.shape)] = _BELOW
    middle = oval.mean(0)
    _fill(rules, middle + (oval - middle) * _OUTER, _OPEN)
    _fill(rules, middle + (oval - middle) * _INNER, _FACE)
    above = np.arange(side)[:, None] + 0.5 < points[[*RIGHT_BROW, *LEFT_BROW], 1].max()
    rules[above & (rules == _FACE)] = _FOREHEAD
    apart = float(np.linalg.norm(points[33] - points[263]))
    for brow in (RIGHT_BROW, LEFT_BROW):
        _outlined(rules, points[list(brow)], _BROW, 0.12 * apart)
    for eye in (RIGHT_EYE, LEFT_EYE):
        ring = points[list(eye)]
        _outlined(rules, ring, _OPEN, 0.12 * apart)
        if np.ptp(ring[:, 1]) > _LEAST_EYE * side:
            _fill(rules, ring.mean(0) + (ring - ring.mean(0)) * 0.85, _EYE)
    _outlined(rules, points[list(OUTER_LIPS)], _OPEN, 0.08 * apart)
    _lips(rules, points, side)
    return rules


def _lips(rules: UInt8[np.ndarray, "S S"], points: Float[np.ndarray, "478 2"], side: int) -> None:
    outer, inner = points[list(OUTER_LIPS)], points[list(INNER_LIPS)]
    _fill(rules, outer.mean(0) + (outer - outer.mean(0)) * 0.92, _LIPS)
    _outlined(rules, inner, _OPEN, 0.01 * side)
    if np.ptp(inner[:, 1]) > _LEAST_MOUTH * side:
        _fill(rules, inner.mean(0) + (inner - inner.mean(0)) * 0.9, _MOUTH)


def _fill(rules: UInt8[np.ndarray, "S S"], ring: Float[np.ndarray, "N 2"], value: int) -> None:
    cv2.fillPoly(rules, [np.round((ring - 0.5) * 16).astype(np.int32)], value, shift=4)


def _outlined(rules: UInt8[np.ndarray, "S S"], ring: Float[np.ndarray, "N 2"], value: int, width: float) -> None:
    """A contour and `width` pixels round it."""
    polygon = [np.round((ring - 0.5) * 16).astype(np.int32)]
    cv2.fillPoly(rules, polygon, value, shift=4)
    cv2.polylines(rules, polygon, True, value, max(1, round(width)), shift=4)


def allowed() -> Bool[Tensor, "R C"]:
    """The table of `RULES`."""
    return torch.tensor([[Part(c) in rule for c in range(len(PART_NAMES))] for rule in RULES])


def hint_loss(logits: Float[Tensor, "B C S S"], rules: UInt8[Tensor, "B S S"]) -> Float[Tensor, ""]:
    """Mean of −log of the probability that the allowed classes have together, over pixels with a rule."""
    table = allowed().to(logits.device)
    logs = logits.log_softmax(1)
    barred = ~table[rules.long()].permute(0, 3, 1, 2)
    together = logs.masked_fill(barred, -1e4).logsumexp(1)
    ruled = rules != _OPEN
    return -(together * ruled).sum() / ruled.sum().clamp(min=1)
