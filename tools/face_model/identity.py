"""Identity modes from a sample of heads: size first, then the face's modes, then those of the rest of the head.

Over the narrow face the modes are orthogonal and each coefficient has unit deviation. Every mode is either symmetric
or its own negative in the mirror: a head and its mirror image count as equally likely.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from tools.face_model.carry import NARROW, SKIN, rigid

EDGE_MM = 25.0
"""Over this distance from the narrow face the modes of the head's rest fade in."""


@dataclass(frozen=True)
class Identity:
    """A mean head and modes of one standard deviation each."""

    mean: np.ndarray
    modes: np.ndarray
    """(I, P, 3) float32, mm."""
    kinds: list[str]
    """`size`, `face` or `head` for each mode."""
    symmetric: np.ndarray
    """(I,) bool."""
    spectrum: np.ndarray
    """Root mean square displacement over the narrow face of every face mode found, mm, decreasing."""
    weights: np.ndarray
    """(N, I) coefficients of the heads that were learnt from."""


def mirrored(field: np.ndarray, partner: np.ndarray) -> np.ndarray:
    """Displacements (..., V, 3) as the mirror shows them."""
    return field[..., partner, :] * np.array([-1, 1, 1], field.dtype)


def nearest_partner(mean: np.ndarray, symmetry: np.ndarray, parts: dict[str, dict[str, list[int]]]) -> np.ndarray:
    """The mirror image of every vertex; where vertices have no exact one, the nearest in the mirrored part."""
    partner = symmetry.copy()
    alone = np.flatnonzero((symmetry == np.arange(len(mean))) & (np.abs(mean[:, 0]) > 0.1))
    for name, ranges in parts.items():
        other = name.replace("left", "#").replace("right", "left").replace("#", "right")
        own = alone[(alone >= ranges["vertices"][0]) & (alone < ranges["vertices"][1])]
        target = np.arange(*parts[other]["vertices"])
        if len(own):
            partner[own] = target[cKDTree(mean[target]).query(mean[own] * [-1, 1, 1])[1]]
    return partner


def laid_rigidly(heads: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Displacements (N, V, 3) with each head's narrow face turned and shifted onto the mean's."""
    for k, field in enumerate(heads):
        head = mean + field
        turn, shift = rigid(head[:NARROW], mean[:NARROW])
        heads[k] = head @ turn.T + shift - mean
    return heads


def size_direction(mean: np.ndarray) -> np.ndarray:
    """(P, 3): growth of the whole head about the face's middle, of norm 1 over the narrow face."""
    away = mean - mean[:NARROW].mean(0)
    return away / np.linalg.norm(away[:NARROW])


def decompose(
    heads: np.ndarray,
    mean: np.ndarray,
    partner: np.ndarray,
    counts: tuple[int, int],
    condition: Callable[[np.ndarray], np.ndarray] = lambda field: field,
) -> Identity:
    """Modes of displacements (N, P, 3) float32 of the skin from `mean`; `counts` are those of face and head.

    `condition` is linear and keeps what all heads must (lids at the ball, lips together). `heads` is used up.
    """
    heads = laid_rigidly(heads, mean)
    for k, field in enumerate(heads):
        heads[k] = condition(field.astype(np.float64))
    shift = heads.mean(0, dtype=np.float64)
    shift = (shift + mirrored(shift, partner)) / 2
    mean = mean + shift
    heads -= shift.astype(np.float32)
    grown = condition(size_direction(mean))
    grown = (grown + mirrored(grown, partner)) / (2 * np.linalg.norm(grown[:NARROW]))
    flat = heads[:, :NARROW].reshape(len(heads), -1)
    amount = flat @ grown[:NARROW].ravel().astype(np.float32)
    deviation = float(np.sqrt((amount**2).mean()))
    heads -= amount[:, None, None] * grown.astype(np.float32)
    other = mirrored(heads, partner)
    halves = {True: (heads + other) / 2, False: (heads - other) / 2}
    del other
    found = [(value, vector, even) for even, half in halves.items() for value, vector in _spectrum(half[:, :NARROW])]
    found.sort(key=lambda item: -item[0])
    face = [_mode(halves[even], vector) for _, vector, even in found[: counts[0]]]
    rest = _rest(halves, found[: counts[0]], mean, counts[1])
    weights = [amount / deviation]
    weights += [np.sqrt(len(heads)) * v for _, v, _ in found[: counts[0]]] + [w for _, _, w in rest]
    return Identity(
        mean=mean,
        modes=np.stack([(deviation * grown).astype(np.float32), *face, *(m for m, _, _ in rest)]),
        kinds=["size"] + ["face"] * len(face) + ["head"] * len(rest),
        symmetric=np.array([True, *(even for _, _, even in found[: counts[0]]), *(even for _, even, _ in rest)]),
        spectrum=np.sqrt(np.array([value for value, _, _ in found]) / NARROW),
        weights=np.stack(weights, 1),
    )


def _spectrum(half: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """Variances and unit sample vectors (N,), largest first; those of rounding are left out."""
    flat = half.reshape(len(half), -1)
    gram = (flat @ flat.T).astype(np.float64) / len(flat)
    value, vector = np.linalg.eigh(gram)
    keep = value > 1e-7 * value[-1]
    return list(zip(value[keep][::-1], vector[:, keep].T[::-1], strict=True))


def _mode(half: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """What goes with a unit deviation of this component, on all vertices."""
    return np.tensordot(vector.astype(np.float32), half, 1) / np.float32(np.sqrt(len(half)))


def _rest(
    halves: dict[bool, np.ndarray], taken: list[tuple[float, np.ndarray, bool]], mean: np.ndarray, count: int
) -> list[tuple[np.ndarray, bool, np.ndarray]]:
    """Ears, cranium and neck as far as the face's modes do not foretell them: modes that are zero on the narrow face,
    whether each is symmetric, and the heads' coefficients."""
    away = cKDTree(mean[:NARROW]).query(mean[:SKIN])[0]
    fade = np.clip(away / EDGE_MM, 0, 1)
    fade = (fade * fade * (3 - 2 * fade)).astype(np.float32)
    fade[:NARROW] = 0
    found = []
    for even, half in halves.items():
        known = np.array([v for _, v, e in taken if e == even], np.float32).reshape(-1, len(half))
        skin = half[:, :SKIN].reshape(len(half), -1)
        left = (skin - known.T @ (known @ skin)).reshape(len(half), SKIN, 3) * fade[:, None]
        for value, vector in _spectrum(left)[:count]:
            mode = np.zeros((len(mean), 3), np.float32)
            mode[:SKIN] = _mode(left, vector)
            found.append((value, mode, even, np.sqrt(len(half)) * vector))
    found.sort(key=lambda item: -item[0])
    return [(mode, even, weight) for _, mode, even, weight in found[:count]]
