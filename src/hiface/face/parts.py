"""Parts of a person in a picture: the classes of part maps and of the face parser."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from jaxtyping import UInt8


class Part(IntEnum):
    """Classes; the value is the grey of a part map's pixel."""

    BACKGROUND = 0
    SKIN = 1
    """Of face and head, but for what has a class of its own."""
    BROWS = 2
    EYES = 3
    """Eyeballs, lashes and the inner corners."""
    LIPS = 4
    MOUTH = 5
    """Between the lips: teeth, gums, tongue."""
    EARS = 6
    NECK = 7
    HAIR = 8
    BEARD = 9
    CLOTHES = 10
    GLASSES = 11
    """Frames and dark lenses; clear lenses are not seen."""
    HAT = 12
    MASK = 13
    OTHER = 14
    """Hands and things before the face."""


PART_NAMES = tuple(part.name.lower() for part in Part)
OF_THE_FACE = (Part.SKIN, Part.BROWS, Part.EYES, Part.LIPS, Part.MOUTH, Part.BEARD)
"""What belongs into a face's texture."""
SKIN_PARTS = (Part.SKIN, Part.BROWS, Part.LIPS, Part.EARS, Part.NECK, Part.BEARD)
"""What counts as skin in the skin masks of drawn faces."""

COLOURS = np.array([
    (0, 0, 0), (232, 178, 140), (110, 60, 30), (60, 130, 255), (220, 50, 80), (255, 255, 255), (250, 130, 60),
    (190, 140, 110), (70, 50, 120), (130, 100, 20), (40, 110, 70), (0, 230, 230), (200, 60, 220), (120, 200, 60),
    (255, 220, 0),
], np.uint8)  # fmt: skip
"""RGB of each class in sheets and overlays."""


def painted(parts: UInt8[np.ndarray, "*S"]) -> UInt8[np.ndarray, "*S 3"]:
    """A part map in colours."""
    return COLOURS[parts]


def among(parts: UInt8[np.ndarray, "*S"], chosen: tuple[Part, ...]) -> np.ndarray:
    """Where a part map shows one of the chosen classes; bool."""
    table = np.zeros(256, bool)
    table[list(chosen)] = True
    return np.asarray(table[parts])
