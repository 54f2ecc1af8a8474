"""One family of lines of one person being drawn: its layout, its depths, its side of the face."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from hiface.synth.captures.curves import Points
from hiface.synth.captures.person import LINE, Person
from hiface.synth.captures.strokes import Canvas, Stroke

SIDES = {"left": 1, "right": -1}


class Sketch:
    """Draws lines of a family. Curves are written for the subject's left (x > 0) and mirrored for the
    right."""

    def __init__(self, canvas: Canvas, person: Person, family: str, side: str = "", squeeze: float = 1.0) -> None:
        """`side` is "left", "right", or empty for a family across the midline; `squeeze` as in
        `Person.depth`."""
        self.canvas, self.person, self.family, self.side = canvas, person, family, side
        self.layout = person.layout(family, side)
        self.depth = person.depth(family, squeeze)
        if side:
            self.depth *= person.factor(f"{family} {side}", 0.10)
        self._personal = person.stream("lines", family, side)

    def shift(self, spread_mm: float) -> Float[np.ndarray, "2"]:
        """This person's offset from the layout, mm."""
        return self.person.shift(self.family, self.side, spread_mm)

    def line(
        self,
        points: Points,
        stroke: Stroke,
        share: float = 1.0,
        profile: Float[np.ndarray, "N"] | None = None,
    ) -> None:
        """A line of `share` of the family's depth, give or take this line's own factor."""
        own = float(np.exp(self._personal.normal(0, LINE)))
        if SIDES.get(self.side) == -1:
            points = points * np.array([-1.0, 1.0])
            stroke = replace(stroke, lean=-stroke.lean, lopsided=1 / stroke.lopsided)
        self.canvas.draw(points, self.depth * (share * own), stroke, profile)


def level(x: NDArray[np.float64], y: NDArray[np.float64]) -> Points:
    """Chart points of a curve y(x)."""
    return np.stack([x, y], 1)


def moved(points: Points | list[tuple[float, float]], x: float, y: float) -> Points:
    """Chart points moved by (x, y) mm."""
    result: NDArray[np.float64] = np.asarray(points, float) + np.array([x, y])
    return result
