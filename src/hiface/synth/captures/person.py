"""A person who does not exist: age, sex, skin type, skull, and the many choices that make one face's lines its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from zlib import crc32

import numpy as np
from jaxtyping import Float

from hiface.synth.captures.anatomy import FAMILIES, at_age, line_age
from hiface.synth.captures.strokes import Depth

Sex = Literal["female", "male"]

LAYOUTS = 14
"""Shared ways to lay out a family of lines. Few enough that faces have lines in common, which a basis can
learn; many enough that the basis also explains lines placed freely."""
_LAYOUT_SEED = 20230  # all people choose from the same layouts

WHOLE_FACE, FAMILY, LINE = 0.18, 0.28, 0.20  # log-normal spread of depth
NATURE = 0.22  # of weather, liveliness and slackness
FARTHEST_IDENTITY = 2.0
"""Standard deviations of identity at most: odder skulls would move lines more than a basis can hold."""


@dataclass(frozen=True)
class Person:
    """The seed decides everything that age and sex leave open."""

    seed: int
    age: float
    """Years, 5 to 90."""
    sex: Sex
    skin: int = 2
    """Fitzpatrick's type, 1 (always burns) to 6 (never burns)."""

    @classmethod
    def draw(cls, seed: int, age: float | None = None) -> Person:
        """A person of the seed; ages are spread evenly from 5 to 90 where none is given."""
        rng = np.random.default_rng([seed, 1])
        sex: Sex = "male" if rng.random() < 0.5 else "female"
        age = float(rng.uniform(5, 90)) if age is None else age
        return cls(seed, age, sex, int(rng.integers(1, 7)))

    def identity(self, modes: int) -> Float[np.ndarray, "I"]:
        """Identity coefficients of this person's skull, standard deviations."""
        drawn = self.stream("identity").standard_normal(modes)
        return np.clip(drawn, -FARTHEST_IDENTITY, FARTHEST_IDENTITY)

    def stream(self, *topics: str) -> np.random.Generator:
        """Random numbers for a topic, the same whenever it is asked for: captures of a person share them."""
        return np.random.default_rng([self.seed, 2, *(crc32(t.encode()) for t in topics)])

    def layout(self, family: str, side: str = "") -> np.random.Generator:
        """Random numbers that lay out a family: one of `LAYOUTS` that all people share."""
        choice = int(self.stream("layout", family, side).integers(LAYOUTS))
        return np.random.default_rng([_LAYOUT_SEED, crc32(f"{family}{side}".encode()), choice])

    def shift(self, family: str, side: str, spread_mm: float) -> Float[np.ndarray, "2"]:
        """By how much this person's family lies off its layout, mm, clipped at 1.6 standard deviations."""
        limit = 1.6 * spread_mm
        return np.clip(self.stream("shift", family, side).normal(0, spread_mm, 2), -limit, limit)

    def factor(self, topic: str, spread: float) -> float:
        """A log-normal factor of this person."""
        return float(np.exp(self.stream("factor", topic).normal(0, spread)))

    @property
    def overall(self) -> float:
        """Depth of everything on this face."""
        return self.factor("face", WHOLE_FACE)

    def depth(self, family: str, squeeze: float = 1.0) -> Depth:
        """Depth of a family's main lines on this face; `squeeze` is how much more than usual the family's
        expression squeezes this skull."""
        row = FAMILIES[family]
        age = self.age if row.nature == "fold" else line_age(self.age, self.skin)
        personal = self.overall * self.factor(row.nature, NATURE) * self.factor(family, FAMILY)
        personal *= row.male if self.sex == "male" else 1 / row.male
        neutral = at_age(row.neutral, age) * personal * squeeze
        # Contraction differs less between people than what has stayed behind.
        return Depth(neutral, max(at_age(row.contracted, age) * personal**0.5 * squeeze, neutral))

    def amount(self, row: tuple[float, ...], topic: str, spread: float = 0.25) -> float:
        """A row of slow sculpting (`anatomy`) at this person's age and build, mm."""
        return at_age(row, self.age) * self.overall * self.factor("fold", NATURE) * self.factor(topic, spread)


def even_age(index: int) -> float:
    """Ages from 5 to 90 spread evenly over any run of indices (golden ratio sequence)."""
    return 5.0 + 85.0 * ((index * 0.6180339887498949 + 0.5) % 1.0)
