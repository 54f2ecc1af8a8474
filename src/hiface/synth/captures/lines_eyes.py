"""Lines around an eye: crow's feet, lower lid, tear trough, upper lid."""

from __future__ import annotations

import numpy as np

from hiface.synth.captures.curves import Points, spline, uneven, wander
from hiface.synth.captures.sketch import Sketch, level, moved
from hiface.synth.captures.strokes import Stroke

_FAN_CENTRE = (45.5, 32.5)


def crow(sketch: Sketch) -> None:
    """Crow's feet: four to six lines fanning out from the outer corner, some forked."""
    rng, lift = sketch.layout, sketch.shift(0.9)[1]
    count = int(rng.integers(4, 7))
    angles = np.radians(np.linspace(32, -36, count) + rng.normal(0, 3.5, count))
    for k, angle in enumerate(angles):
        points = wander(_ray(rng, angle, k, count, lift), rng, 0.26, 3.5)
        stroke = Stroke(width=rng.uniform(0.65, 0.95), bulge=0.6, reach=rng.uniform(2.0, 2.6), taper=(0.35, 0.65))
        sketch.line(points, stroke, rng.uniform(0.6, 1.1), uneven(rng, 7, 0.6))
        if rng.random() < 0.35:
            _fork(sketch, points)
    if rng.random() < 0.6:
        _down_the_cheek(sketch, lift)


def _ray(rng: np.random.Generator, angle: float, k: int, count: int, lift: float) -> Points:
    start = rng.uniform(4.0, 8.5)
    length = max(rng.uniform(13, 24) * (1.1 - 0.7 * abs(k - (count - 1) * 0.45) / count), 12.0)
    bend = rng.uniform(0.05, 0.22) * (np.sign(angle) if abs(angle) > 0.15 else rng.choice([-1, 1]))
    out = np.linspace(start, start + length, 6)
    direction = angle - bend * (out - start) / length * (1 if angle < 0 else -0.6)
    x = _FAN_CENTRE[0] + 0.78 * out * np.cos(direction)  # the temple turns away: the chart is shorter than the skin
    return spline(level(x, _FAN_CENTRE[1] + lift + out * np.sin(direction)))


def _down_the_cheek(sketch: Sketch, lift: float) -> None:
    """The lowest crow's foot goes on over the cheekbone, long and faint."""
    rng = sketch.layout
    x = _FAN_CENTRE[0] + rng.uniform(1, 5)
    knots = [
        (x, 23.0 + lift),
        (x + rng.uniform(3, 6), 15.0),
        (x + rng.uniform(4, 7), 4.0),
        (x + rng.uniform(0, 5), rng.uniform(-10, -2)),
    ]
    stroke = Stroke(width=rng.uniform(1.4, 1.8), floor=0.9, bulge=0.45, reach=4.0, taper=(0.6, 0.7))
    sketch.line(wander(spline(knots), rng, 0.5, 5), stroke, rng.uniform(0.12, 0.28), uneven(rng, 9))


def _fork(sketch: Sketch, points: Points) -> None:
    rng = sketch.layout
    split = int(len(points) * rng.uniform(0.3, 0.5))
    turn = rng.choice([-1, 1]) * rng.uniform(0.18, 0.34)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    branch = spline([tuple(points[split]), tuple(points[split] + 0.8 * rotation @ (points[-1] - points[split]))])
    stroke = Stroke(width=0.6, bulge=0.4, reach=1.8, taper=(0.3, 0.7))
    sketch.line(wander(branch, rng, 0.2, 3), stroke, rng.uniform(0.2, 0.4))


def lower_lid(sketch: Sketch) -> None:
    """Three to five fine lines, parallel to the lid's margin."""
    rng, lift = sketch.layout, sketch.shift(0.5)[1]
    for k in range(int(rng.integers(2, 5))):
        below = 3.0 + 2.3 * k + rng.normal(0, 0.35)
        x = np.arange(rng.uniform(14, 22) + k, rng.uniform(39, 46))
        sag = 3.2 * np.sin(np.pi * np.clip((x - 16) / 32, 0, 1)) * (0.9 + 0.05 * k)
        points = level(x, 28.6 - below - sag + 0.05 * (x - 30) + lift)
        stroke = Stroke(width=rng.uniform(0.6, 0.85), bulge=0.45, reach=1.8, taper=(0.4, 0.45))
        sketch.line(
            wander(points, rng, 0.22, 4),
            stroke,
            rng.uniform(0.45, 1) * (1 - 0.08 * k),
            uneven(rng, lowest=0.6),
        )


def tear_trough(sketch: Sketch) -> None:
    """The trough from the inner corner along the lower border of the eye socket."""
    rng, lift = sketch.layout, sketch.shift(0.8)[1]
    knots = moved([(15.5, 27), (20, 20.5), (27, 15.5), (35, 13.3), (43, 15.8)], 0, lift)
    stroke = Stroke(width=2.6, floor=0.9, bulge=0.0, reach=4.6, taper=(0.3, 0.6))
    sketch.line(wander(spline(knots), rng, 0.28, 7), stroke)


def upper_lid(sketch: Sketch) -> None:
    """Two lines over the crease of the upper lid."""
    rng = sketch.layout
    for k in range(2):
        x = np.arange(22 + 3.0 * k, 47)
        y = 41.2 + 2.2 * k + 3.2 * np.sin(np.pi * (x - 16) / 36) - 0.10 * np.clip(x - 36, 0, 20) ** 1.4
        stroke = Stroke(width=0.8, bulge=0.4, reach=1.8, taper=(0.4, 0.4))
        sketch.line(wander(level(x, y), rng, 0.19, 4), stroke, rng.uniform(0.6, 1), uneven(rng))
