"""Pores and the fine net of furrows: finer than any basis, drawn on maps whose texels can hold them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from hiface.errors import ConfigError
from hiface.synth.captures.noise import cells, value_noise
from hiface.synth.captures.person import Person
from hiface.synth.captures.sculpt import Map
from hiface.synth.captures.surface import Surface

COARSEST_TEXEL_MM = 0.3
"""Maps of 1,024 texels a side and more."""


def mesostructure(surface: Surface, person: Person) -> Map:
    """Skin without wrinkles, seen close, mm: a net of furrows, pores, and slight unevenness."""
    if surface.texel_mm > COARSEST_TEXEL_MM:
        raise ConfigError(f"pores need maps of at least 1024 texels a side, got {surface.side}")
    seed = int(person.stream("mesostructure").integers(1 << 20))
    age = float(np.clip((person.age - 20) / 60, 0, 1))
    oily = _oily(surface)
    uneven = 0.012 * value_noise(surface.chart, 1.6, seed) + 0.025 * value_noise(surface.chart, 4.2, seed + 1)
    total: Map = uneven - _net(surface, seed, age) * (1.1 - 0.5 * oily) - _pores(surface, seed) * oily
    return np.asarray(total * surface.window)


def _net(surface: Surface, seed: int, age: float) -> Map:
    """Primary and secondary furrows: walls between random cells, bent so that none is straight; depth, mm."""
    bend = np.stack([value_noise(surface.chart, 1.3, seed + k) for k in (2, 3, 4)], -1)
    points = surface.chart + 0.22 * bend
    depth = np.zeros((surface.side, surface.side))
    for cell, width, deep in ((1.15, 0.16, 0.018), (0.62, 0.11, 0.010)):
        found = cells(points, cell, seed + 10)
        wall = np.exp(-(((found.second - found.nearest) / max(width, 0.6 * surface.texel_mm)) ** 2))
        depth += deep * (1 + 0.6 * age) * wall * (0.7 + 0.5 * value_noise(surface.chart, 2.6, seed + 20))
    return depth


def _pores(surface: Surface, seed: int) -> Map:
    """Dimples of unequal size, some missing; depth, mm."""
    found = cells(surface.chart, 1.25, seed + 30)
    size = 0.13 + 0.17 * found.identity**1.5
    return (0.02 + 0.09 * found.identity) * (found.identity > 0.25) * np.exp(-((found.nearest / size) ** 2))


def _oily(surface: Surface) -> Float[np.ndarray, "R R"]:
    """Where pores are seen: nose, inner cheeks, chin, middle of the forehead; 0 to 1."""
    blob = surface.blob
    total = (
        0.12
        + blob(0, 5, 17, 22, paired=False, power=3)
        + 0.8 * blob(24, 2, 13, 15)
        + 0.4 * blob(0, 84, 40, 22, paired=False, power=4)
        + 0.35 * blob(0, -62, 18, 12, paired=False, power=3)
    )
    return np.clip(total, 0, 1)
