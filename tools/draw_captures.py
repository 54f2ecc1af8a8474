"""Sheets of generated captures in clay, at the captures' own resolution: the pictures of docs/wrinkles.md.

    python tools/draw_captures.py ages --out SHEET.png [--seed 31] [--side 480]
    python tools/draw_captures.py expressions --out SHEET.png

ages: 20, 35, 50, 65 and 80 years; a row of women, a row of men. expressions: one person at 25 and at 70 with
raised brows, a frown, a smile, a sneer and the jaw dropped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from hiface.detail.compose import compose
from hiface.export.clay import key_shadow, openness
from hiface.export.maps import write_png8
from hiface.export.pictures import cavity, clay, on_ground, srgb
from hiface.export.portrait import Studio, grid
from hiface.export.seen import look_at, with_relief
from hiface.synth.captures.generate import Capture, CaptureGenerator
from hiface.synth.captures.person import Person

PICTURE_MM = 225.0
EXPRESSIONS: dict[str, dict[str, float]] = {
    "rest": {},
    "raise": {"browInnerUp": 1, "browOuterUp": 1},
    "frown": {"browDown": 1, "noseSneer": 0.2},
    "smile": {"mouthSmile": 0.9, "cheekSquint": 0.8, "eyeSquint": 0.4},
    "sneer": {"noseSneer": 1, "mouthUpperUp": 0.4, "browDown": 0.4},
    "stretch": {"jawOpen": 0.8, "eyeWide": 0.7},
}


class Sculptor:
    """Draws people with their captures on them."""

    def __init__(self, side: int) -> None:
        self.studio, self.side = Studio.load(), side
        self.generator = CaptureGenerator(self.studio.face, 512)

    @torch.no_grad()
    def draw(self, person: Person, expression: str = "rest", yaw: float = 0.0) -> UInt8[np.ndarray, "S S 3"]:
        face = self.studio.face
        identity = torch.from_numpy(person.identity(face.identity_size).astype(np.float32))[None]
        weights = self._weights(expression)
        neutral = face.neutral(identity)
        expressive = neutral + face.expression_offset(weights)
        relief = self._relief(self.generator.capture(person), neutral, expressive)
        turn = torch.tensor([[0.0, yaw, 0.0]])
        rotation = torch.cat([0.3 * turn, 0.7 * turn, face.gaze(weights)[0]])[None]
        posed = face.pose(expressive, identity, rotation, torch.zeros(1, 3))[0].numpy()
        skin = face.region("face")
        posed = posed - [*(posed[skin].min(0) + posed[skin].max(0))[:2] / 2, 0] + [0, 12, 0]
        seen = look_at(face, posed, 1 / PICTURE_MM, self.side)
        raised, lit = with_relief(seen, face, relief), key_shadow(seen)
        return on_ground(srgb(clay(seen, raised, openness(seen) * cavity(seen, relief), lit)), seen)

    def _weights(self, expression: str) -> torch.Tensor:
        face = self.studio.face
        weights = torch.zeros(1, face.expression_size)
        for unit, weight in EXPRESSIONS[expression].items():
            for k, own in enumerate(face.expression_names):
                if own in (unit, f"{unit}Left", f"{unit}Right"):
                    weights[0, k] = weight
        return weights

    def _relief(self, capture: Capture, neutral: torch.Tensor, expressive: torch.Tensor) -> Float[np.ndarray, "R R"]:
        """The capture under the expression's tension (Eq. 9), at the capture's resolution."""
        tension = self.studio.detail.tension_map(neutral, expressive)[0].numpy()
        size = capture.neutral.shape
        fine = torch.from_numpy(cv2.resize(tension, size, interpolation=cv2.INTER_CUBIC))[None]
        rest, com, ext = (torch.from_numpy(m)[None] for m in (capture.neutral, capture.compressed, capture.stretched))
        return compose(rest, com - rest, ext - rest, fine).displacement[0].numpy().astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sheet", choices=("ages", "expressions"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=31)
    parser.add_argument("--side", type=int, default=480, help="pixels of a portrait")
    options = parser.parse_args()
    sculptor = Sculptor(options.side)
    if options.sheet == "ages":
        people = [
            Person(options.seed + 100 * row + k, age, sex)
            for row, sex in enumerate(("female", "male"))
            for k, age in enumerate((20.0, 35.0, 50.0, 65.0, 80.0))
        ]
        cells = [sculptor.draw(p, yaw=0.3 * (-1) ** k) for k, p in enumerate(people)]
        write_png8(options.out, grid(cells, 5))
        return
    people = [Person(options.seed, age, "male") for age in (25.0, 70.0)]
    write_png8(options.out, grid([sculptor.draw(p, e, 0.15) for p in people for e in EXPRESSIONS], len(EXPRESSIONS)))


if __name__ == "__main__":
    main()
