"""Lines of the lower face: nasolabial folds, marionette lines, cheeks, lips, chin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hiface.synth.captures.curves import spline, uneven, wander
from hiface.synth.captures.sketch import Sketch, level, moved
from hiface.synth.captures.strokes import Stroke


def nasolabial(sketch: Sketch) -> None:
    """The sharp part of the fold from the nose past the mouth corner; the cheek over it is in `sculpt`."""
    rng, across = sketch.layout, 0.5 * sketch.shift(1.1)[0]
    knots = [
        (17.8, -0.5),
        (21, -6),
        (25.5, -14.5),
        (29.8, -25),
        (32.8 + rng.uniform(-1, 1.5), -36),
        (33 + rng.uniform(-1, 2), -43),
    ]
    points = wander(spline(moved(knots, across, 0)), rng, 0.33, 8)
    stroke = Stroke(width=1.9, floor=0.75, bulge=0.3, reach=5.0, lean=-0.3, taper=(0.35, 0.6), flare=True)
    sketch.line(points, stroke, 1.0, uneven(rng, 7, 0.65))
    if rng.random() < 0.5:
        beside = wander(moved(points[5:30], rng.uniform(4, 6), 0), rng, 0.39, 5)
        sketch.line(beside, Stroke(width=0.9, bulge=0.4, reach=2.5, taper=(0.4, 0.5)), 0.25)


def marionette(sketch: Sketch) -> None:
    """From the mouth corner down towards the jaw: a trough with a crease in it, and sometimes a second
    line."""
    rng = sketch.layout
    across = 0.6 * sketch.shift(0.9)[0]
    knots = [
        (25.6, -36.2),
        (28.4, -41),
        (30.6 + rng.uniform(-0.8, 1.4), -48),
        (30.4 + rng.uniform(-1.2, 2.2), -56),
        (28.6 + rng.uniform(-1.5, 2.6), -64),
    ]
    points = wander(spline(moved(knots, across, 0)), rng, 0.33, 6)
    trough = Stroke(width=2.6, floor=0.9, bulge=0.32, reach=5.4, lean=-0.5, taper=(0.3, 0.7), flare=True, steepness=1.5)
    sketch.line(points, trough, 0.85, uneven(rng, 5, 0.75))
    crease = Stroke(width=0.85, floor=0.5, bulge=0.0, reach=2.2, taper=(0.3, 0.7), steepness=1.3)
    sketch.line(wander(points, rng, 0.12, 3), crease, 0.8, uneven(rng, 7, 0.6))
    if rng.random() < 0.6:
        beside = wander(moved(points[4:20], rng.uniform(3.0, 4.5), -1), rng, 0.28, 4)
        sketch.line(beside, Stroke(width=1.0, floor=0.8, bulge=0.25, reach=2.8, taper=(0.4, 0.4)), 0.25)


def cheek(sketch: Sketch) -> None:
    """Arcs around the nasolabial fold, seen in a smile: one leads, the others are shorter, softer and lean
    towards its lower end. Even, parallel ones would read as the marks of claws."""
    rng, across = sketch.layout, sketch.shift(1.2)[0]
    x, bottom = 39.5 + rng.normal(0, 1.2) + across, rng.uniform(-47, -41)
    top = rng.uniform(-8, 2)
    foot = x - rng.uniform(3, 5)
    for k in range(int(rng.integers(1, 4))):
        share = 1.0 if k == 0 else rng.uniform(0.2, 0.5)
        inset = 0.0 if k == 0 else rng.uniform(5, 12)
        middle = (x + rng.uniform(1, 3), 0.5 * (top + bottom) + rng.uniform(-3, 3))
        knots = [(x - rng.uniform(4, 8), top - 0.5 * inset), middle, (foot + 0.5 * k, bottom + inset)]
        points = wander(wander(spline(knots), rng, 0.6, 7), rng, 0.15, 2)
        stroke = Stroke(
            width=rng.uniform(1.5, 2.2), floor=0.85, bulge=0.5, reach=rng.uniform(4, 5.5), taper=(0.55, 0.55)
        )
        sketch.line(points, stroke, share, uneven(rng, 8))
        x += rng.uniform(6, 10)
        foot += rng.uniform(3, 6)


def perioral(sketch: Sketch) -> None:
    """Lines that run from inside the lips outwards: a few dominant ones among many shallow, unevenly
    spaced."""
    rng, across = sketch.layout, sketch.shift(0.6)[0]
    for x in _places(rng, 21.0, 1.7, 1.6) + across:
        groove = abs(x) < 4  # the philtrum is mostly spared
        if groove and rng.random() < 0.6:
            continue
        share = float(np.clip(np.exp(rng.normal(-0.6, 0.6)), 0.12, 1.25)) * (1 - 0.6 * (x / 22) ** 2)
        border = -25.6 - 0.017 * x * x + (1.2 if groove else 0)
        length = (5.5 + 9 * share**0.6) * rng.uniform(0.8, 1.2) * (0.7 if groove else 1)
        outward = 0.03 * x * length + rng.normal(0, 0.8)
        bow = rng.normal(0, 0.5)
        knots = [
            (x - 0.1 * outward, border - 2.2),
            (x + 0.4 * outward + 0.5 * bow, border + 0.4 * length),
            (x + 0.7 * outward + bow, border + 0.75 * length),
            (x + outward, border + length),
        ]
        _lip_line(sketch, knots, share, (0.3, 0.75))
        if share > 0.5 and rng.random() < 0.4:
            turn = rng.choice([-1, 1]) * rng.uniform(1.2, 2.4)
            branch = [knots[1], (knots[2][0] + 0.5 * turn, knots[2][1]), (knots[2][0] + turn, knots[3][1] - 0.5)]
            _lip_line(sketch, branch, 0.5 * share, (0.35, 0.75))
    for x in _places(rng, 18.0, 2.6, 1.9):
        share = float(np.clip(np.exp(rng.normal(-1.2, 0.55)), 0.1, 0.8))
        border, length = -42.5 + 0.02 * x * x, rng.uniform(4.5, 8.5)
        knots = [
            (x, border + 1.5),
            (1.04 * x + rng.normal(0, 0.5), border - 0.5 * length),
            (1.1 * x + rng.normal(0, 0.8), border - length),
        ]
        _lip_line(sketch, knots, share, (0.4, 0.75))


def _places(rng: np.random.Generator, half: float, least: float, more: float) -> NDArray[np.float64]:
    """Uneven places along a lip: gaps of `least` mm and a long-tailed rest."""
    steps = least + rng.gamma(1.4, more, 40)
    places = -half + rng.uniform(0, 3) + np.cumsum(steps)
    return places[places < half]


def _lip_line(sketch: Sketch, knots: list[tuple[float, float]], share: float, taper: tuple[float, float]) -> None:
    rng = sketch.layout
    stroke = Stroke(
        width=rng.uniform(0.7, 1.05),
        floor=0.6,
        bulge=0.32,
        reach=rng.uniform(1.7, 2.3),
        taper=taper,
        steepness=2.6,
    )
    sketch.line(wander(spline(knots), rng, 0.22, 3), stroke, share, uneven(rng, 5, 0.55))


def mental(sketch: Sketch) -> None:
    """The crease between lower lip and chin."""
    rng = sketch.layout
    x = np.linspace(-1, 1, 26) * rng.uniform(11, 15)
    points = wander(level(x, -53.5 - 0.018 * x * x + rng.uniform(-1, 1)), rng, 0.28, 6)
    sketch.line(points, Stroke(width=2.0, floor=0.8, bulge=0.3, reach=5.0, taper=(0.45, 0.45)))
