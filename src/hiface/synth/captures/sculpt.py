"""What is not a line: slow sculpting, fine crinkle, the chin's dimples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from hiface.synth.captures import anatomy
from hiface.synth.captures.curves import spline
from hiface.synth.captures.field import Flow
from hiface.synth.captures.noise import along_flow, value_noise
from hiface.synth.captures.person import Person
from hiface.synth.captures.sketch import SIDES
from hiface.synth.captures.strokes import tapered, trace
from hiface.synth.captures.surface import Surface

Map = Float[np.ndarray, "R R"]

_NONE = (0.0,) * len(anatomy.AGES)

CRINKLES = 4
"""Shared patterns of fine crinkle; as with layouts, a basis can only learn what people share."""


@dataclass(frozen=True)
class Form:
    """A soft ridge along a chart curve; lengths in mm."""

    knots: tuple[tuple[float, float], ...]
    """On the subject's left."""
    width: float
    """Half width of its Gaussian cross-section."""
    reach: float
    """Where it has ended."""
    ends: tuple[float, float]
    """Share of its length over which it fades in and out."""
    row: tuple[float, ...]
    """Height at rest, at `anatomy.AGES`."""
    contraction: float
    """What full contraction adds."""


FORMS: dict[str, Form] = {
    "bag": Form(((17.5, 26), (25, 20.6), (33, 19), (43, 22.5)), 4.6, 13.8, (0.45, 0.45), anatomy.BAG, 0.25),
    "cheek over fold": Form(
        ((24.1, -1.5), (28.6, -9), (33.2, -18), (37.1, -28), (39.1, -37)),
        4.8,
        24,
        (0.45, 0.5),
        anatomy.FOLD,
        0.0,
    ),
    "cheek lifted": Form(((25.5, -3), (30, -10), (35, -18.5), (39, -27)), 6.0, 26, (0.45, 0.6), _NONE, 0.85),
    "malar tail": Form(((30, 3), (37, -8), (41, -18)), 11, 30, (0.4, 0.4), tuple(0.45 * x for x in anatomy.FOLD), 0.45),
    "jowl": Form(((37, -38), (40, -47), (41, -55), (40, -61)), 9, 30, (0.6, 0.4), anatomy.JOWL, 0.0),
    "brow pad": Form(((10.5, 52), (14, 57), (20, 60)), 5, 16, (0.4, 0.4), anatomy.BROW_PAD, 0.5),
    "bands": Form(((11, -86), (13, -105), (17, -128)), 4.2, 13, (0.5, 0.5), anatomy.BANDS, 0.0),
}
"""Bag under the eye, cheek over the nasolabial fold and its tail, jowl, pad over the brow's head, platysma
band."""


def slow_forms(surface: Surface, person: Person) -> tuple[Map, Map]:
    """All `FORMS` on both sides, at rest and at full contraction, mm."""
    rest, contracted = np.zeros((2, surface.side, surface.side))
    youth = 0.6 + 0.4 * min(person.age / 20, 1)
    for side, sign in SIDES.items():
        own = person.factor(f"forms {side}", 0.12)
        for name, form in FORMS.items():
            height = own * person.amount(form.row, name)
            found = trace(surface, spline(form.knots) * [sign, 1], form.reach, room=2.2)
            fade = np.clip(1 - (found.distance / form.reach) ** 2, 0, 1) ** 2
            ridge = tapered(found.along, form.ends) * np.exp(-((found.distance / form.width) ** 2)) * fade
            rest[found.window] += height * ridge
            contracted[found.window] += (height + own * youth * form.contraction) * ridge
    return rest, contracted


def crinkle(surface: Surface, flow: Flow, variant: int) -> Map:
    """Fine broken lines along the orientation field, 1 at the strength of `anatomy.CRINKLE`, regions
    weighted."""
    out = np.zeros((surface.side, surface.side))
    for cell, half_length, weight in ((1.7, 7.0, 1.0), (1.0, 4.5, 0.6)):
        cell = max(cell, 2.2 * surface.texel_mm)  # finer ones would alias
        noise = value_noise(surface.chart, cell, 11 + variant)
        lines = along_flow(noise, flow.along_uv, half_length, max(0.35, 0.6 * surface.texel_mm))
        lines /= lines[surface.mask].std()
        out -= weight * np.clip(lines - 0.25, 0, 2.2)
    broken = 0.5 + 0.9 * np.clip(value_noise(surface.chart, 9.0, 31 + variant) + 0.25, 0, 1)
    return np.asarray((out + 0.5) * broken * crinkle_regions(surface))


def crinkle_regions(surface: Surface) -> Map:
    """Where skin crinkles, 0 to 1.1. Elsewhere nearly nothing: temples would look like bark."""
    blob = surface.blob
    total: NDArray[np.float64] = (
        0.05
        + 0.25 * blob(0, 86, 44, 20, paired=False, power=4)
        + 0.6 * blob(51, 32, 11, 15)
        + 0.42 * blob(32, 24, 15, 5)
        + 0.6 * blob(32, 44, 14, 5)
        + 0.30 * blob(44, -5, 15, 22)
        + 0.42 * blob(0, -20, 22, 8, paired=False, power=4)
        + 0.2 * blob(33, -50, 9, 13)
        + 0.28 * blob(0, -115, 45, 26, paired=False, power=4)
        + 0.12 * blob(0, 56, 14, 10, paired=False)
    )
    return np.clip(total, 0, 1.1)


def chin_dimples(surface: Surface, person: Person) -> Map:
    """Orange peel of the chin at full contraction, mm; soft on children."""
    variant = int(person.stream("chin").integers(CRINKLES))
    noise = value_noise(surface.chart, 3.4, 91 + variant) + 0.5 * value_noise(surface.chart, 2.0, 92 + variant)
    where = surface.blob(0, -63, 13, 9, paired=False, power=3)
    strength = person.factor("chin", 0.35) * min(0.4 + person.age / 40, 1)
    return strength * where * (0.12 - 0.75 * np.clip(noise - 0.05, 0, 2))
