"""Captures of a person: neutral, fully contracted, fully stretched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from hiface.face.model import FaceModel
from hiface.synth.captures import anatomy
from hiface.synth.captures.families import draw
from hiface.synth.captures.field import Flow, flow
from hiface.synth.captures.grain import photographic_grain, skin_pictures
from hiface.synth.captures.mesostructure import mesostructure
from hiface.synth.captures.person import Person
from hiface.synth.captures.sculpt import CRINKLES, Map, chin_dimples, crinkle, slow_forms
from hiface.synth.captures.strain import Squeeze
from hiface.synth.captures.strokes import CONTRACTED, NEUTRAL
from hiface.synth.captures.surface import Surface

STRETCHED_LINES, STRETCHED_FORMS, STRETCHED_CRINKLE = 0.45, 0.85, 0.35
"""What full extension leaves of a neutral face's lines, slow forms and crinkle."""
STRETCHED_PORES = 0.7


@dataclass(frozen=True)
class Capture:
    """Displacement along the normal over the face tile, mm, row 0 is v = 1; one skeleton of lines in all
    three."""

    neutral: Float[np.ndarray, "R R"]
    compressed: Float[np.ndarray, "R R"]
    """All skin squeezed as far as its own expressions squeeze it."""
    stretched: Float[np.ndarray, "R R"]


class CaptureGenerator:
    """Draws captures of a face model's people; the slow preparation on its mean shape is shared by all."""

    def __init__(self, face: FaceModel, side: int = 512, skins: Path | None = None) -> None:
        """`skins`: folder of photographed skins; with it captures have pores and grain (1,024 texels and more)."""
        self.face = face
        self.surface = Surface.of_face(face, side)
        self.flow: Flow = flow(face, self.surface)
        self.squeeze = Squeeze(face, self.surface)
        self._skins = [] if skins is None else skin_pictures(skins)
        self._crinkles: dict[int, Float[np.ndarray, "R R"]] = {}

    def capture(self, person: Person) -> Capture:
        """The three maps of a person.

        Lines lie where anatomy has them on the person's own skull; widths and lengths are millimetres there.
        """
        surface, window = self.skin(person), self.surface.window
        canvas = draw(surface, person, self.squeeze(surface.vertices))
        at_rest, in_action = slow_forms(surface, person)
        fine = self._crinkle(int(person.stream("crinkle").integers(CRINKLES)))
        strength = person.amount(anatomy.CRINKLE, "crinkle")
        lines = canvas.height(NEUTRAL)
        pores = self._pores(person)
        youth = min(person.age / 20, 1)  # a child's skin hardly crinkles, even squeezed
        contracted = fine * (1.5 * strength + 0.05 * youth) + chin_dimples(surface, person)
        stretched = STRETCHED_LINES * lines + STRETCHED_FORMS * at_rest + STRETCHED_CRINKLE * fine * strength
        return Capture(
            (lines + at_rest + fine * strength + pores) * window,
            (canvas.height(CONTRACTED) + in_action + contracted + pores) * window,
            (stretched + STRETCHED_PORES * pores) * window,
        )

    def _pores(self, person: Person) -> Map | float:
        """Drawn pores and furrows, and the grain of one photographed skin; 0 without skins."""
        if not self._skins:
            return 0.0
        picture = self._skins[int(person.stream("skin").integers(len(self._skins)))]
        return mesostructure(self.surface, person) + photographic_grain(picture, self.surface)

    def skin(self, person: Person) -> Surface:
        """The person's own neutral shape."""
        identity = person.identity(self.face.identity_size)
        with torch.no_grad():
            shape = self.face.neutral(torch.from_numpy(identity.astype(np.float32))[None], "skin")
        return self.surface.worn_by(shape[0].double().numpy())

    def _crinkle(self, variant: int) -> Float[np.ndarray, "R R"]:
        if variant not in self._crinkles:
            self._crinkles[variant] = crinkle(self.surface, self.flow, variant)
        return self._crinkles[variant]
