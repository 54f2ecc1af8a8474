"""Detail coefficients of people who fit together: static, compressed and stretched of one face, at an age."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from hiface.assets.format import Asset
from hiface.detail.basis import HOW_TO_GET, NAMES, read_basis
from hiface.errors import AssetError

NEAR_YEARS = 4.0
"""Captures within about this of the wanted age are chosen."""
LARGEST_SHARE = 0.6
"""At most this much of a second face is mixed in; more would show both faces' lines, each half as deep."""
JITTER = 0.08
"""Standard deviations of noise on top, in each coefficient."""


@dataclass(frozen=True)
class DetailCoefficients:
    """φ, φ_com and φ_str of one face, standard deviations."""

    static: Float[np.ndarray, "K"]
    compressed: Float[np.ndarray, "C"]
    stretched: Float[np.ndarray, "D"]


@dataclass(frozen=True)
class Captures:
    """The coefficients of the captures behind a detail basis; row i of each array is the same person."""

    age: Float[np.ndarray, "n"]
    """Years."""
    static: Float[np.ndarray, "n K"]
    compressed: Float[np.ndarray, "n C"]
    stretched: Float[np.ndarray, "n D"]

    @classmethod
    def load(cls, name_or_path: str | Path = "detail_basis.safetensors") -> Captures:
        """The captures in a detail basis' asset; raises `AssetError` where it holds none."""
        return cls.from_asset(read_basis(name_or_path))

    @classmethod
    def from_asset(cls, asset: Asset) -> Captures:
        missing = sorted({"capture_age", *(f"capture_{n}" for n in NAMES)} - set(asset.tensors))
        if missing:
            raise AssetError(f"{asset.path}: holds no coefficients of captures ({', '.join(missing)}); {HOW_TO_GET}")
        arrays = (asset.tensors[f"capture_{n}"].astype(np.float32) for n in ("age", *NAMES))
        return cls(*arrays)

    def __len__(self) -> int:
        return len(self.age)


def draw_detail(captures: Captures, age: float, rng: np.random.Generator) -> DetailCoefficients:
    """A new face of an age: a capture of about that age, a share of a second, a little noise.

    The deviations of the two from what is usual at their ages are mixed so that their variance stays, and
    added to what is usual at `age`; all three kinds of detail use the same two people, so their lines fall
    into place.
    """
    age = float(np.clip(age, captures.age.min(), captures.age.max()))
    first, second = _two_near(captures.age, age, rng)
    turn = rng.uniform(0, np.arcsin(LARGEST_SHARE))
    parts = [
        _mixed(getattr(captures, name), captures.age, age, (first, second), turn)
        + rng.normal(0, JITTER, getattr(captures, name).shape[1])
        for name in NAMES
    ]
    return DetailCoefficients(*(p.astype(np.float32) for p in parts))


def _nearness(ages: Float[np.ndarray, "n"], age: float) -> Float[np.ndarray, "n"]:
    """Weights of captures at an age, sum 1; the nearest one counts even where all are far."""
    distance = (ages - age) ** 2
    weights: NDArray[np.float64] = np.exp(-(distance - distance.min()) / (2 * NEAR_YEARS**2)).astype(np.float64)
    return np.asarray(weights / weights.sum())


def _two_near(ages: Float[np.ndarray, "n"], age: float, rng: np.random.Generator) -> tuple[int, int]:
    chosen = rng.choice(len(ages), 2, p=_nearness(ages, age))
    return int(chosen[0]), int(chosen[1])


def _mixed(
    values: Float[np.ndarray, "n K"],
    ages: Float[np.ndarray, "n"],
    age: float,
    two: tuple[int, int],
    turn: float,
) -> Float[np.ndarray, "K"]:
    def usual(at: float) -> NDArray[np.float64]:
        return np.asarray(_nearness(ages, at) @ values)

    own, other = (values[i] - usual(float(ages[i])) for i in two)
    if two[0] == two[1]:
        turn = 0.0
    return np.asarray(usual(age) + np.cos(turn) * own + np.sin(turn) * other)


def aged(captures: Captures, person: int, age: float) -> DetailCoefficients:
    """A capture's person at another age: what is usual then, and the person's own deviation from the usual, grown or
    shrunk as deviations grow with age. Lines stay where they are and deepen."""
    own_age = float(captures.age[person])
    parts = []
    for name in NAMES:
        values = getattr(captures, name)
        usual = {a: _nearness(captures.age, a) @ values for a in (own_age, age)}
        growth = _deviation(values, captures.age, age) / _deviation(values, captures.age, own_age)
        parts.append((usual[age] + growth * (values[person] - usual[own_age])).astype(np.float32))
    return DetailCoefficients(*parts)


def _deviation(values: Float[np.ndarray, "n K"], ages: Float[np.ndarray, "n"], age: float) -> float:
    """Root mean square of what captures of about an age deviate from the usual."""
    weights = _nearness(ages, age)
    return float(np.sqrt(weights @ ((values - weights @ values) ** 2).mean(1)) + 1e-9)
