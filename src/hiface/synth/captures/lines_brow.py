"""Lines of the upper face: forehead, glabella, procerus, and the bunny lines beside the nose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hiface.synth.captures.curves import Points, spline, uneven, wander
from hiface.synth.captures.sketch import Sketch, level
from hiface.synth.captures.strokes import Stroke


def forehead(sketch: Sketch) -> None:
    """Three or four long lines that follow the brows, some in two overlapping halves, and minor ones
    between."""
    rng, lift = sketch.layout, sketch.shift(1.0)[1]
    count, dip, arch = int(rng.integers(3, 5)), rng.uniform(-1, 5), rng.uniform(0.4, 1.0)

    def follow(x: NDArray[np.float64], y: float) -> NDArray[np.float64]:
        over_brow = arch * 3.2 * np.exp(-(((np.abs(x) - 26) / 17) ** 2))
        at_middle = dip * np.exp(-((x / 15) ** 2)) * (1 - (y - 72) / 50)
        return y + over_brow - at_middle - (np.abs(x) / 50) ** 3 * 6

    heights = np.linspace(72.5, 101 if count > 3 else 97, count) + rng.normal(0, 0.9, count) + lift
    for i, y in enumerate(heights):
        share = (1 - 0.22 * i / (count - 1)) * (1 if i < 3 else 0.8)
        half, middle = rng.uniform(36, 53) - 3.5 * i, rng.uniform(-5, 5)
        cut = rng.random() < 0.35 and i != 1
        spans = [(middle - half, middle + half)]
        if cut:
            spans = [(middle - half, rng.uniform(1, 9)), (rng.uniform(-9, -1), middle + half)]
        for start, stop in spans:
            x = np.arange(start, stop)
            points = level(x, follow(x, y) + (rng.uniform(-1.6, 1.6) if cut else 0))
            points = wander(wander(points, rng, 0.41, 6), rng, 0.12, 1.6)
            sketch.line(points, _forehead_stroke(rng), share, uneven(rng))
    _forehead_minor(sketch, heights, follow)


def _forehead_stroke(rng: np.random.Generator) -> Stroke:
    return Stroke(
        width=rng.uniform(0.95, 1.25),
        bulge=0.62,
        reach=rng.uniform(3.4, 4.4),
        lopsided=rng.uniform(1.05, 1.3),
        lean=-0.15,
        taper=(0.22, 0.22),
    )


def _forehead_minor(sketch: Sketch, heights: NDArray[np.float64], follow) -> None:  # type: ignore[no-untyped-def]
    rng, lift = sketch.layout, sketch.shift(1.0)[1]
    for _ in range(int(rng.integers(7, 12))):
        start, length, y = rng.uniform(-42, 30), rng.uniform(9, 26), rng.uniform(73, 104) + lift
        x = np.arange(start, start + length)
        nearest = rng.choice(heights)
        y += 0.5 * (nearest - y) * (abs(nearest - y) < 3.5)  # a companion joins the main line
        points = wander(level(x, follow(x, y) + rng.normal(0, 0.08) * (x - start)), rng, 0.33, 4)
        stroke = Stroke(width=rng.uniform(0.55, 0.8), bulge=0.4, reach=2.0, taper=(0.4, 0.4))
        sketch.line(points, stroke, rng.uniform(0.18, 0.45), uneven(rng))


def glabella(sketch: Sketch) -> None:
    """The furrows between the brows: mostly two, one of them dominant, feet curled over the brow heads."""
    rng, across = sketch.layout, sketch.shift(0.7)[0]
    count = int(rng.choice([1, 2, 2, 2, 2, 3, 3]))
    places = {
        1: [rng.uniform(-5.5, 5.5)],
        2: [-rng.uniform(5, 7.5), rng.uniform(5, 7.5)],
        3: [-rng.uniform(6.5, 8.5), rng.uniform(-2, 2), rng.uniform(6.5, 8.5)],
    }[count]
    dominant = int(rng.random() < 0.5)
    for i, place in enumerate(places):
        low, high = rng.uniform(44.5, 49), rng.uniform(64, 73) - (8 if count == 3 and i == 1 else 0)
        tilt, x = np.sign(place) * rng.uniform(0.5, 2.6), place + across
        knots = [
            (x + 0.9 * tilt, low - 2),
            (x, low + 5),
            (x + 0.3 * tilt, (low + high) / 2 + 3),
            (x + 1.6 * tilt, high + 3),
        ]
        share = 1.0 if count == 1 or (i + dominant) % 2 == 0 else rng.uniform(0.5, 0.95)
        stroke = Stroke(
            width=rng.uniform(1.2, 1.6),
            floor=0.6,
            bulge=0.42,
            reach=4.6,
            lean=-0.5 * float(np.sign(place)),
            taper=(0.5, 0.7),
            flare=True,
        )
        furrow = wander(spline(knots), rng, 0.28, 4)
        sketch.line(furrow, stroke, share, uneven(rng, 6, 0.6))
        _ends(sketch, furrow, float(np.sign(place)))
        for _ in range(int(rng.integers(0, 3))):
            start, beside = rng.uniform(50, 60), rng.uniform(1.8, 3.2) * np.sign(x + 1e-3)
            companion = spline([(x + beside, start), (x + beside + tilt, start + rng.uniform(7, 12))])
            thin = Stroke(width=0.7, bulge=0.4, reach=2.0, taper=(0.45, 0.45))
            sketch.line(wander(companion, rng, 0.17, 3), thin, rng.uniform(0.2, 0.4))


def _ends(sketch: Sketch, furrow: Points, outward: float) -> None:
    """A furrow's ends run out in two or three faint strokes, so that none looks cut."""
    rng = sketch.layout
    for at, up in ((0.78, 1.0), (0.72, 1.0), (0.2, -1.0)):
        if rng.random() < 0.35:
            continue
        x, y = furrow[int(at * (len(furrow) - 1))]
        reach, lean = rng.uniform(7, 12), rng.normal(0.25, 0.3) * outward
        stroke = Stroke(width=0.9, floor=0.7, bulge=0.35, reach=2.4, taper=(0.35, 0.65))
        fork = spline([(x, y), (x + 0.4 * lean * reach, y + 0.5 * up * reach), (x + lean * reach, y + up * reach)])
        sketch.line(wander(fork, rng, 0.2, 3), stroke, rng.uniform(0.2, 0.4))


def procerus(sketch: Sketch) -> None:
    """One or two arcs across the root of the nose."""
    rng = sketch.layout
    heights = [rng.uniform(36, 39.5)] if rng.random() < 0.6 else [rng.uniform(35, 37), rng.uniform(39, 42)]
    for y in heights:
        half = rng.uniform(6, 10)
        x = np.linspace(-half, half, 18) + rng.uniform(-1.5, 1.5)
        points = wander(level(x, y - 0.02 * x * x + rng.normal(0, 0.06) * x), rng, 0.22, 4)
        sketch.line(points, Stroke(bulge=0.6, reach=2.8, taper=(0.4, 0.4)), 1.0, uneven(rng, 5))


def bunny(sketch: Sketch) -> None:
    """Short oblique lines on the side of the nose, lateral ends higher."""
    rng = sketch.layout
    for k in range(int(rng.integers(2, 4))):
        y = 20 + 5.2 * k + rng.normal(0, 0.8)
        points = spline([(4.5, y - 1.5), (9, y + 1.5), (13 + rng.uniform(-1, 2), y + 5.5)])
        stroke = Stroke(width=0.85, bulge=0.7, reach=2.3, taper=(0.4, 0.4))
        sketch.line(wander(points, rng, 0.19, 3), stroke, rng.uniform(0.7, 1.1), uneven(rng, 5))
