"""Random fields and marks on the face, functions of a place in mm, so that they cross the tiles' border unbroken."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Float

from tools.albedo.tiles import Tiles

_EYES = {
    "upper": ((33, 246, 161, 160, 159, 158, 157, 173, 133), (263, 466, 388, 387, 386, 385, 384, 398, 362)),
    "lower": ((33, 7, 163, 144, 145, 153, 154, 155, 133), (263, 249, 390, 373, 374, 380, 381, 382, 362)),
}
"""MediaPipe's points along the lids: the subject's right eye, then the left."""

Places = Float[np.ndarray, "*S 3"]
Field = Float[np.ndarray, "*S"]


def random_field(rng: np.random.Generator, length_mm: float, waves: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and phases of a smooth field of unit deviation; `field_at` evaluates it."""
    return rng.normal(0, 1 / length_mm, (3, waves)), rng.uniform(0, 2 * np.pi, waves)


def field_at(field: tuple[np.ndarray, np.ndarray], places: Places) -> Field:
    frequencies, phases = field
    waves = np.cos(places.astype(np.float32) @ frequencies.astype(np.float32) + phases.astype(np.float32))
    return np.asarray(waves.sum(-1) * np.sqrt(2 / len(phases)), np.float32)


def blob(places: Places, centre: np.ndarray, radii: tuple[float, float, float]) -> Field:
    """exp(-d²/2) about a centre; radii in mm along x, y and z."""
    apart = (places - np.asarray(centre, np.float32)) / np.asarray(radii, np.float32)
    return np.asarray(np.exp(-0.5 * (apart**2).sum(-1)), np.float32)


def rise(values: Field, at: float, width: float) -> Field:
    """0 below, 1 above, over about `width`."""
    return np.asarray(1 / (1 + np.exp(-np.clip(4 * (values - at) / width, -40, 40))), np.float32)


def near_line(places: Places, line: Float[np.ndarray, "K 3"], width_mm: float) -> Field:
    """exp(-d²/2) of the distance to a polyline."""
    flat = places.reshape(-1, 3)
    best = np.full(len(flat), np.inf, np.float32)
    close = np.flatnonzero((np.abs(flat - line.mean(0)) < np.ptp(line, axis=0) / 2 + 5 * width_mm + 3).all(1))
    for a, b in pairwise(line):
        along = np.clip(((flat[close] - a) @ (b - a)) / max(float((b - a) @ (b - a)), 1e-6), 0, 1)
        best[close] = np.minimum(best[close], np.linalg.norm(flat[close] - a - along[:, None] * (b - a), axis=1))
    return np.asarray(np.exp(-0.5 * (best / width_mm) ** 2).reshape(places.shape[:-1]), np.float32)


def points(tiles: Tiles, indices: tuple[int, ...]) -> Float[np.ndarray, "K 3"]:
    """MediaPipe's points on the mean face."""
    vertices, weights = tiles.model.landmark_weights("mediapipe478")
    found = (tiles.model.mean[vertices] * weights[..., None]).sum(1).numpy()
    return np.asarray(found[list(indices)])


def lids(tiles: Tiles, which: str) -> list[Float[np.ndarray, "K 3"]]:
    """The "upper" or "lower" lid lines of both eyes."""
    return [points(tiles, indices) for indices in _EYES[which]]
