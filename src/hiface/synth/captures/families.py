"""All families of lines of a person, drawn on one canvas."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hiface.synth.captures import lines_brow, lines_eyes, lines_mouth, lines_neck
from hiface.synth.captures.person import Person
from hiface.synth.captures.sketch import SIDES, Sketch
from hiface.synth.captures.strokes import Canvas
from hiface.synth.captures.surface import Surface

MIDLINE: dict[str, Callable[[Sketch], None]] = {
    "forehead": lines_brow.forehead,
    "glabella": lines_brow.glabella,
    "procerus": lines_brow.procerus,
    "perioral": lines_mouth.perioral,
    "mental": lines_mouth.mental,
    "neck": lines_neck.neck,
}
PAIRED: dict[str, Callable[[Sketch], None]] = {
    "bunny": lines_brow.bunny,
    "crow": lines_eyes.crow,
    "lower_lid": lines_eyes.lower_lid,
    "tear_trough": lines_eyes.tear_trough,
    "upper_lid": lines_eyes.upper_lid,
    "nasolabial": lines_mouth.nasolabial,
    "marionette": lines_mouth.marionette,
    "cheek": lines_mouth.cheek,
}


def draw(surface: Surface, person: Person, squeeze: Mapping[str, float] | None = None) -> Canvas:
    """Every line of a person; `squeeze` by family as in `Person.depth`, 1 where none is given."""
    squeeze = squeeze or {}
    canvas = Canvas(surface)
    for family, lines in MIDLINE.items():
        lines(Sketch(canvas, person, family, squeeze=squeeze.get(family, 1.0)))
    for family, lines in PAIRED.items():
        for side in SIDES:
            lines(Sketch(canvas, person, family, side, squeeze.get(family, 1.0)))
    return canvas
