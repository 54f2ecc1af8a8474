"""The 52 ARKit units of ICT-FaceKit, mended where they passed through the eye or each other; MakeHuman's tongue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from hiface.face.asset import ARKIT
from tools.face_model.carry import FACE, SKIN, Carrier
from tools.face_model.inner import Inner
from tools.face_model.lids import Lids, lips
from tools.face_model.makehuman import MakeHuman
from tools.face_model.source import Source

JOINED = {"browInnerUp": ("browInnerUp_L", "browInnerUp_R"), "cheekPuff": ("cheekPuff_L", "cheekPuff_R")}
DROPPED = ("PupilDilate_L", "PupilDilate_R")  # they move only the inner iris, which is a texture here
HM08_TONGUE = slice(13380, 13606)
TONGUE, TONGUE_ROOT_MM = slice(16594, 17039), (46.0, 80.0)
"""Our tongue's vertices, and where along z it begins to move and moves wholly."""
LIPS_AT_REST_MM = 0.08
CORNER_MM, CORNER_KEEP = 9.0, 0.03
"""Round the mouth's corners, within this radius, displacements are drawn even; so much of their own data is kept."""
LIPS_PRESSED_MM = 0.3
MEETING = ("mouthDimple", "mouthPress", "mouthPucker", "mouthFrown", "mouthLeft", "mouthRight", "mouthStretch")
"""Units in which the lips press on each other, by no more than `LIPS_PRESSED_MM`; rolls and shrugs go over them."""
CORNERED = ("mouthSmile", "mouthDimple", "mouthStretch", "mouthFrown", "mouthPress")


def long_name(name: str) -> str:
    """ICT's `_L`, `_R` as ARKit writes them."""
    return name.replace("_L", "Left").replace("_R", "Right")


@dataclass
class Units:
    """Named displacements of all vertices at full weight."""

    names: list[str]
    fields: np.ndarray
    """(E, V, 3) mm."""

    def __getitem__(self, name: str) -> np.ndarray:
        return self.fields[self.names.index(name)]

    def __setitem__(self, name: str, field: np.ndarray) -> None:
        self.fields[self.names.index(name)] = field

    def add(self, name: str, field: np.ndarray) -> None:
        self.names.append(name)
        self.fields = np.concatenate([self.fields, field[None]])


def of_ict(source: Source) -> Units:
    """The 52 in ARKit's order, then ICT's others. `tongueOut` is zero: the source has no such shape."""
    own = dict(zip(source.expression_names, source.expression, strict=True))
    by_name = {long_name(k): v for k, v in own.items() if k not in DROPPED}
    by_name |= {k: own[a] + own[b] for k, (a, b) in JOINED.items()}
    by_name["tongueOut"] = np.zeros_like(source.vertices, dtype=np.float32)
    names = [*ARKIT, *sorted(set(by_name) - set(ARKIT))]
    return Units(names, np.stack([by_name[n] for n in names]))


def swapped(name: str) -> str:
    """The unit's name on the other side."""
    return name.replace("Left", "#").replace("Right", "Left").replace("#", "Right")


def make_even(units: Units, partner: np.ndarray) -> None:
    """Pairs become mirror images of each other, units of both sides their own; halves without a pair stay."""
    turn = np.array([-1, 1, 1], units.fields.dtype)
    for k, name in enumerate(units.names):
        if swapped(name) in units.names[: k + 1]:
            other = units.names.index(swapped(name))
            image = units.fields[k][partner] * turn
            units.fields[other] = (units.fields[other] + image) / 2
            units.fields[k] = units.fields[other][partner] * turn


class Mender:
    """Knows the mean face's lids and lips; mends the mean and the units."""

    def __init__(self, source: Source, inner: Inner, carrier: Carrier) -> None:
        self.source, self.inner, self.carrier = source, inner, carrier
        self.lids = {side: Lids.of(source, inner, side) for side in ("left", "right")}
        self.lips = lips(source)
        self.skin = self.rest()

    def rest(self) -> np.ndarray:
        """The mean skin with lips that meet and lids off the ball."""
        skin = self.source.vertices[:SKIN].copy()
        gap = self.lips.gap(skin)
        skin = self.lips.opened(skin, np.minimum(LIPS_AT_REST_MM - gap, 0))
        for lids in self.lids.values():
            skin = lids.guarded(skin, self.inner)
        return skin

    def unit(self, units: Units, *names: str) -> np.ndarray:
        return sum(units[n][:SKIN].astype(np.float64) for n in names)  # type: ignore[return-value]

    def mend(self, units: Units, makehuman: MakeHuman) -> None:
        """Everything that is wrong with single units."""
        for name in units.names:
            if name.startswith(CORNERED):
                units[name][:SKIN] = self.evened(units[name][:SKIN])
        for side, lids in self.lids.items():
            blink = f"eyeBlink{side.capitalize()}"
            self._set(units, blink, lids.closed(self.skin + self.unit(units, blink), self.inner))
        for name in units.names:
            if "Blink" not in name:
                moved = self.skin + self.unit(units, name)
                for lids in self.lids.values():
                    moved = lids.guarded(moved, self.inner)
                self._set(units, name, moved)
        for name in units.names:
            if name.startswith(MEETING):
                moved = self.skin + self.unit(units, name)
                through = np.maximum(-LIPS_PRESSED_MM - self.lips.gap(moved), 0)
                self._set(units, name, self.lips.opened(moved, through))
        moved = self.skin + self.unit(units, "jawOpen", "mouthClose")
        shut = self.lips.opened(moved, LIPS_AT_REST_MM - self.lips.gap(moved))
        self._set(units, "mouthClose", shut - self.unit(units, "jawOpen"))
        units["tongueOut"] = self.tongue(makehuman)

    def _set(self, units: Units, name: str, skin: np.ndarray) -> None:
        """Take the skin's place at full weight; the sockets' rims and lashes go with it."""
        change = skin - self.skin - units[name][:SKIN]
        if np.abs(change).max() > 1e-6:
            units[name] = units[name] + self.following(change)

    def following(self, change: np.ndarray) -> np.ndarray:
        """A change of lids and lips on all vertices: lashes and linings go with it, eyes and teeth stay."""
        whole = np.zeros_like(self.source.vertices)
        whole[:SKIN] = change
        whole[self.inner.lashes] = self.inner.lash_weights @ change
        for eye in self.inner.eyes.values():
            whole[eye.socket] = (1 - eye.socket_share[:, None]) * (eye.lids @ change)
        whole[self.inner.lining] = self.inner.lined(change, np.zeros((4, 3)))
        return whole

    def evened(self, field: np.ndarray) -> np.ndarray:
        """A displacement drawn even round the mouth's corners, where the scans' own has a knot."""
        near = np.zeros(SKIN)
        for corner in self.source.ibug68[[48, 54]]:
            distance = np.linalg.norm(self.source.vertices[:SKIN] - self.source.vertices[corner], axis=1)
            near = np.maximum(near, np.exp(-((distance / CORNER_MM) ** 4)))
        return self.carrier.smoothed(field, 1 - near * (1 - CORNER_KEEP), 0.6)

    def tongue(self, makehuman: MakeHuman) -> np.ndarray:
        """MakeHuman's tongue put out, laid on ours by the boxes that hold the two; the root stays."""
        rest = self.carrier.neutral[HM08_TONGUE]
        moved = makehuman.action("tongueOut")[HM08_TONGUE].astype(np.float64)
        own = self.source.vertices[TONGUE]
        place = lambda p, box: (p - box.min(0)) / np.ptp(box, axis=0)  # noqa: E731
        distance, k = cKDTree(place(rest, rest)).query(place(own, own), 6)
        weight = 1 / (distance + 0.03) ** 2
        shift = np.einsum("nk,nkc->nc", weight / weight.sum(1, keepdims=True), moved[k])
        root = np.clip((own[:, 2] - TONGUE_ROOT_MM[0]) / (TONGUE_ROOT_MM[1] - TONGUE_ROOT_MM[0]), 0, 1)
        field = np.zeros_like(self.source.vertices)
        field[TONGUE] = shift * (root * root * (3 - 2 * root))[:, None]
        return field


def crosswise(face: np.ndarray) -> np.ndarray:
    """(FACE,) 0 on the subject's right to 1 on the left, smooth over the mouth's middle."""
    t = np.clip(face[:FACE, 0] / 24.0 + 0.5, 0, 1)
    return t * t * (3 - 2 * t)
