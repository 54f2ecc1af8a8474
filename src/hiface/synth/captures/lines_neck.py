"""Rings of the neck."""

from __future__ import annotations

import numpy as np

from hiface.synth.captures.curves import Points, uneven, wander
from hiface.synth.captures.sketch import Sketch, level
from hiface.synth.captures.strokes import Stroke


def neck(sketch: Sketch) -> None:
    """Two to four rings that rise towards the sides, tilted, of unequal length, some in two overlapping
    parts."""
    rng, lift = sketch.layout, sketch.shift(1.5)[1]
    count = int(rng.integers(2, 5))
    heights = np.linspace(-95, -136 if count > 2 else -114, count) + rng.normal(0, 3.0, count)
    for y, share in zip(heights, rng.permutation([1.0, 0.85, 0.6, 0.5][:count]), strict=True):
        half, middle, tilt = rng.uniform(22, 44), rng.uniform(-9, 9), rng.normal(0, 0.05)
        rise = rng.uniform(0.004, 0.011)
        spans = [(middle - half, middle + half)]
        if rng.random() < 0.4:
            cut = rng.uniform(-8, 8)
            spans = [(middle - half, cut + rng.uniform(2, 8)), (cut - rng.uniform(2, 8), middle + half)]
        for start, stop in spans:
            x = np.arange(start, stop, 1.2)
            offset = rng.uniform(-2.2, 2.2) if len(spans) > 1 else 0.0
            points = level(x, y + lift + offset + rise * x * x + tilt * x)
            points = wander(wander(points, rng, 0.9, 10), rng, 0.15, 2)
            stroke = Stroke(width=rng.uniform(1.1, 1.5), bulge=0.42, reach=rng.uniform(3.6, 5), taper=(0.35, 0.35))
            sketch.line(points, stroke, float(share) * rng.uniform(0.85, 1.1), uneven(rng))
            if rng.random() < 0.5:
                _branch(sketch, points, float(share))


def _branch(sketch: Sketch, ring: Points, share: float) -> None:
    """A thinner ring leaves the main one at a small angle."""
    rng = sketch.layout
    start = int(rng.uniform(0.2, 0.6) * len(ring))
    stop = min(start + int(rng.uniform(10, 22)), len(ring))
    if stop - start < 6:
        return
    ramp = np.linspace(0, 1, stop - start) ** 1.3
    apart = rng.choice([-1, 1]) * rng.uniform(2.5, 5)
    points = ring[start:stop] + np.stack([0 * ramp, apart * ramp], 1)
    stroke = Stroke(width=0.95, bulge=0.4, reach=2.8, taper=(0.4, 0.6))
    sketch.line(wander(points, rng, 0.25, 4), stroke, share * rng.uniform(0.3, 0.5))
