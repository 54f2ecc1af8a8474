"""Who the identity modes are learnt from: heads drawn jointly from ICT-FaceKit's modes and MakeHuman's targets.

A head is the mean, plus what MakeHuman says of its age, sex, ancestry, build and single features, plus a draw of
ICT's 100 scanned modes. Children take their size from published distances between the pupils, not from MakeHuman.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tools.face_model.carry import FACE, SKIN, Carrier
from tools.face_model.inner import Inner
from tools.face_model.makehuman import GROUPS, MakeHuman, Traits

OPPOSITES = (("incr", "decr"), ("up", "down"), ("out", "in"), ("forward", "backward"), ("convex", "concave"))
SCANNED = 0.72
"""Share of ICT's own deviation that a head takes: the rest of the spread comes from MakeHuman."""
TRAITS = 0.85
"""How far adults go towards what MakeHuman's sculptors made of their sex and ancestry."""
PEAK_MM, MOST = 1.4, 0.3
"""Standard deviation of a local target: of its largest displacement, and of its weight."""
UNEVEN = 0.3
"""Deviation between left and right beside that of both together."""
CHILDREN = 0.22
PUPILS_YEARS = (1.5, 2.5, 3.5, 4.5, 5.5, 16.0)
PUPILS_MM = (46.5, 47.5, 49.5, 51.0, 51.0, 62.0)
"""Distance of the pupils by age (docs/face_model.md says whose figures); adults keep ICT's."""


@dataclass(frozen=True)
class Person:
    """What a head was drawn from."""

    traits: Traits
    local: dict[str, float]
    scanned: np.ndarray
    """ICT's coefficients, (100,)."""


def opposite(name: str) -> str | None:
    """The target that undoes this one, by name."""
    for a, b in OPPOSITES:
        for one, other in ((a, b), (b, a)):
            if name.endswith(f"-{one}"):
                return name.removesuffix(one) + other
    return None


def mirrored_name(name: str) -> str:
    """The same target on the other side; unsided ones are their own."""
    folder, _, target = name.partition("/")
    swap = {"l-": "r-", "r-": "l-"}.get(target[:2])
    return f"{folder}/{swap}{target[2:]}" if swap else name


def axes(names: list[str]) -> list[tuple[str, str | None]]:
    """Local targets as signed axes: one name and its opposite where there is one; left ones stand for both sides."""
    known, out = set(names), []
    for name in names:
        other = opposite(name)
        if name.split("/")[1].startswith("r-") or (other in known and other < name):
            continue
        out.append((name, other if other in known else None))
    return out


def draw(rng: np.random.Generator, makehuman: MakeHuman, peaks: dict[str, float]) -> Person:
    """A random person."""
    child = rng.random() < CHILDREN
    years = rng.uniform(2.0, 16.0) if child else 16 + 72 * rng.beta(1.1, 1.6)
    share = rng.dirichlet(np.full(3, 0.35))
    sex = 0.5 + TRAITS * (0.5 if rng.random() < 0.5 else -0.5)
    mixed = TRAITS * share + (1 - TRAITS) / 3
    traits = Traits(
        float(years), float(sex), dict(zip(GROUPS, map(float, mixed), strict=True)),
        float(np.clip(rng.normal(0.5, 0.2), 0, 1)), float(np.clip(rng.beta(2, 2.2), 0, 1)),
    )  # fmt: skip
    local: dict[str, float] = {}
    for plus, minus in axes(makehuman.local_names):
        deviation = min(MOST, PEAK_MM / max(peaks[plus], 1e-6)) * (0.5 if plus.startswith("asym") else 1.0)
        both, apart = rng.normal(0, deviation), rng.normal(0, UNEVEN * deviation)
        sides = {plus: both + apart, mirrored_name(plus): both - apart}
        for name, weight in sides.items():
            target = name if weight > 0 else (opposite(name) if minus else None)
            if target:
                local[target] = abs(float(weight))
    return Person(traits, local, SCANNED * rng.standard_normal(100))


class Population:
    """Draws whole heads as displacements from the mean face."""

    def __init__(self, makehuman: MakeHuman, carrier: Carrier, inner: Inner) -> None:
        self.makehuman, self.carrier, self.inner = makehuman, carrier, inner
        source = inner.source
        self.modes = source.identity.astype(np.float64)
        self.mean = source.vertices
        self.pupils = [inner.eyes[s] for s in ("left", "right")]
        reference = carrier.carried(makehuman.head(Traits(groups=dict.fromkeys(GROUPS, 1.0)), {}))
        self.reference = reference
        used = carrier.used
        self.peaks = {n: float(np.linalg.norm(makehuman.local(n)[used], axis=1).max()) for n in makehuman.local_names}

    def people(self, count: int, seed: int) -> Iterator[Person]:
        rng = np.random.default_rng(seed)
        for _ in range(count):
            yield draw(rng, self.makehuman, self.peaks)

    def carried(self, person: Person) -> np.ndarray:
        """MakeHuman's part, (11248, 3): difference from its middling adult, in the size of the person's age."""
        field = self.carrier.carried(self.makehuman.head(person.traits, person.local)) - self.reference
        return self._sized(field, person.traits.years)

    def _sized(self, field: np.ndarray, years: float) -> np.ndarray:
        """The head scaled about its face so that a child's pupils are as far apart as children's are."""
        if years >= PUPILS_YEARS[-1]:
            return field
        shift = [eye.motion(field)[0] for eye in self.pupils]
        apart = np.linalg.norm(self.pupils[0].centre + shift[0] - self.pupils[1].centre - shift[1])
        factor = float(np.interp(years, PUPILS_YEARS, PUPILS_MM)) / apart
        head = self.mean[:SKIN] + field
        middle = head[:FACE].mean(0)
        return middle + factor * (head - middle) - self.mean[:SKIN]

    def head(self, person: Person, scanned: bool = True, carried: bool = True) -> np.ndarray:
        """Displacement of all vertices, (V, 3); either source may be left out."""
        skin = self.carried(person) if carried else np.zeros((SKIN, 3))
        if not scanned:
            return self.inner.extended(self.carrier.untangled(self.inner.seated(skin)))
        whole = self.inner.extended(skin)
        size = 1.0
        if carried:
            size = float(np.ptp((self.mean[:SKIN] + skin)[:FACE, 0]) / np.ptp(self.mean[:FACE, 0]))
        own = size * np.tensordot(person.scanned, self.modes, 1)
        return self.inner.extended(self.carrier.untangled(skin + own[:SKIN]), whole + own)
