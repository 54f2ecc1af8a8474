"""What real skins leave beside their colour: principal patterns, and how well they tell a skin they never saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from tools.albedo.axes import colour_of
from tools.albedo.colour import lab
from tools.albedo.skins import Skin, blurred_where
from tools.albedo.tiles import Tiles, shrunk

SIDE, HEAD_SIDE = 128, 64
"""Texels of the stored patterns."""


@dataclass(frozen=True)
class Patterns:
    """Mean, slope over melanin and principal patterns of the skins, as density."""

    mean: tuple[Float[np.ndarray, "R R 3"], Float[np.ndarray, "Rh Rh 3"]]
    """At the size of the tiles."""
    slope: tuple[Float[np.ndarray, "S S 3"], Float[np.ndarray, "Sh Sh 3"]]
    """Change per unit along the melanin line beyond that of the colour itself."""
    face: Float[np.ndarray, "N S S 3"]
    head: Float[np.ndarray, "N Sh Sh 3"]
    share: Float[np.ndarray, "N"]
    """Of the variance of patterns, per mode."""


def find_patterns(skins: list[Skin], direction: Float[np.ndarray, "3"], count: int) -> Patterns:
    """Principal patterns of the skins and their mirror images."""
    weights = np.array([s.weight for s in skins])
    weights = weights / weights.sum()
    tones = np.array([s.colour @ direction for s in skins])
    tones -= weights @ tones
    flat, cut = _flat(skins)
    mean = weights @ flat
    slope = _smoothed((weights * tones) @ (flat - mean) / (weights @ tones**2), cut)
    rest = flat - mean - np.outer(tones, slope)
    modes, share = principal_modes(both_sides(rest, cut), np.tile(weights / 2, 2), count)
    full = [np.einsum("n,nijk->ijk", weights, np.stack([getattr(s, t) for s in skins])) for t in ("face", "head")]
    full = [(m + m[:, ::-1]) / 2 for m in full]
    face, head = _maps(modes, cut)
    slopes = _maps(both_sides(slope[None], cut).mean(0, keepdims=True), cut)
    return Patterns((full[0], full[1]), (slopes[0][0], slopes[1][0]), face, head, share)


def principal_modes(
    samples: Float[np.ndarray, "N D"], weights: Float[np.ndarray, "N"], count: int
) -> tuple[Float[np.ndarray, "K D"], Float[np.ndarray, "K"]]:
    """Modes of unit deviation and their shares of the weighted variance, greatest first."""
    scaled = samples * np.sqrt(weights)[:, None]
    values, vectors = np.linalg.eigh(scaled @ scaled.T)
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = min(count, int((values > 1e-9 * values[0]).sum()))
    return vectors[:, :kept].T @ scaled, values[:kept] / values.sum()


def both_sides(flat: Float[np.ndarray, "N D"], cut: int) -> Float[np.ndarray, "2N D"]:
    """The samples and their mirror images."""
    face, head = _maps(flat, cut)
    mirrored = np.concatenate([m[:, :, ::-1].reshape(len(flat), -1) for m in (face, head)], 1)
    return np.concatenate([flat, mirrored])


def _flat(skins: list[Skin]) -> tuple[Float[np.ndarray, "N D"], int]:
    rows = [np.concatenate([shrunk(s.face, SIDE).ravel(), shrunk(s.head, HEAD_SIDE).ravel()]) for s in skins]
    return np.stack(rows).astype(np.float64), SIDE * SIDE * 3


def _maps(flat: Float[np.ndarray, "N D"], cut: int) -> tuple[np.ndarray, np.ndarray]:
    return flat[:, :cut].reshape(-1, SIDE, SIDE, 3), flat[:, cut:].reshape(-1, HEAD_SIDE, HEAD_SIDE, 3)


def _smoothed(slope: Float[np.ndarray, "D"], cut: int) -> Float[np.ndarray, "D"]:
    face, head = _maps(slope[None], cut)
    even = [
        np.stack([blurred_where(m[0, ..., c], np.ones(m.shape[1:3]), texels) for c in range(3)], -1)
        for m, texels in ((face, 2.0), (head, 2.0))
    ]
    return np.concatenate([m.ravel() for m in even])


@dataclass(frozen=True)
class LeftOut:
    """Errors over the face of skins that the patterns never saw, by number of modes."""

    modes: tuple[int, ...]
    density: Float[np.ndarray, "N K"]
    """Root mean square."""
    delta_e: Float[np.ndarray, "N K"]
    """Mean distance in CIELAB."""


def leave_one_out(
    skins: list[Skin],
    tiles: Tiles,
    direction: Float[np.ndarray, "3"],
    modes: tuple[int, ...] = (0, 2, 5, 10, 20, 30, 40),
) -> LeftOut:
    """Each skin told by its own colour and the patterns of the others."""
    inside = shrunk(tiles.face.inside.astype(np.float32), SIDE) > 0.5
    density, delta = [], []
    for k, skin in enumerate(skins):
        learnt = find_patterns(skins[:k] + skins[k + 1 :], direction, max(modes))
        rows = told(skin, skins[:k] + skins[k + 1 :], learnt, inside, direction, modes)
        density.append(rows[0])
        delta.append(rows[1])
    return LeftOut(modes, np.array(density), np.array(delta))


def told(
    skin: Skin, seen: list[Skin], learnt: Patterns, inside: np.ndarray, direction: np.ndarray, modes: tuple[int, ...]
) -> tuple[list[float], list[float]]:
    """Density and colour errors of one skin over the face, by number of modes."""
    weights = np.array([s.weight for s in seen])
    tone = skin.colour @ direction - weights @ np.array([s.colour @ direction for s in seen]) / weights.sum()
    truth = shrunk(skin.face, SIDE)
    base = shrunk(learnt.mean[0], SIDE) + tone * learnt.slope[0]
    basis = learnt.face[:, inside].reshape(len(learnt.face), -1)
    wanted = (truth - base)[inside].ravel()
    errors: tuple[list[float], list[float]] = ([], [])
    for count in modes:
        some = basis[:count]
        found = np.linalg.lstsq(some.T, wanted, rcond=None)[0] @ some if count else np.zeros_like(wanted)
        errors[0].append(float(np.sqrt(((wanted - found) ** 2).mean())))
        pair = [lab(colour_of(skin.colour + base[inside] + x.reshape(-1, 3))) for x in (found, wanted)]
        errors[1].append(float(np.linalg.norm(pair[0] - pair[1], axis=1).mean()))
    return errors
