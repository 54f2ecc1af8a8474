"""The look of one person's skin, eyes, lips, brows, beard and teeth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float

from hiface.synth.assets import SkinTexture, Sources
from hiface.synth.kernels import mix_textures
from hiface.synth.people import Person

HAIR_COLOURS = np.array(
    [
        [0.010, 0.008, 0.007], [0.018, 0.012, 0.009], [0.05, 0.028, 0.015], [0.10, 0.055, 0.03],
        [0.19, 0.11, 0.05], [0.36, 0.24, 0.12], [0.5, 0.38, 0.22], [0.22, 0.215, 0.21], [0.42, 0.41, 0.4],
        [0.22, 0.06, 0.02],
    ]
)  # fmt: skip
"""Linear: black, near black, dark brown, brown, light brown, dark blond, blond, grey, white, red."""
_DARK_PEOPLE = np.array([0.5, 0.3, 0.17, 0.02, 0, 0, 0, 0.01, 0, 0])
_LIGHT_PEOPLE = np.array([0.12, 0.17, 0.2, 0.17, 0.13, 0.1, 0.05, 0.02, 0.01, 0.03])
_GREYED = np.array([0, 0, 0, 0, 0, 0, 0, 0.6, 0.4, 0])
_LAB = np.array(
    [
        [0.0, 76, 12, 13],
        [0.25, 67, 16, 17],
        [0.5, 55, 18, 20],
        [0.7, 44, 18, 19],
        [0.85, 34, 15, 16],
        [1, 25, 11, 10],
    ]
)
"""Skin from light to dark: tone, L*, a*, b* (D65); as light as measured cheeks, as coloured as in photos."""


class SkinLook(NamedTuple):
    """What the compiled shading needs to know of a person; float32, linear colours."""

    face: Float[np.ndarray, "R R 3"]
    head: Float[np.ndarray, "R R 3"]
    slopes: Float[np.ndarray, "R R 2"]
    """Displacement's change in mm per unit of u and v."""
    hair: Float[np.ndarray, "3"]
    """Colour of stubble and of the scalp's hair roots."""
    beard: float
    scalp: float
    """How densely hair roots cover the scalp, 0 to 1."""
    lips: Float[np.ndarray, "4"]
    """Factor of the lips' colour, and how much of it."""
    gloss: float
    power: float
    teeth: float
    mouth_light: float
    eye: Float[np.ndarray, "R R 3"]
    pupil: float
    """Radius of the pupil over that of the picture's."""


@dataclass(frozen=True)
class SkinFacts:
    """What is recorded of the look."""

    names: tuple[str, str]
    mix: float
    mean: Float[np.ndarray, "3"]
    """Linear albedo over the middle of the face."""
    hair: Float[np.ndarray, "3"]
    grey: bool


def tone_colour(rng: np.random.Generator, tone: float) -> Float[np.ndarray, "3"]:
    """Linear RGB of a skin tone from 0 (lightest) to 1 (darkest), with the spread of people of that tone."""
    lab = np.array([np.interp(tone, _LAB[:, 0], _LAB[:, c]) for c in (1, 2, 3)])
    lab += rng.normal(0, 1, 3) * np.array([1.5, 2.0, 2.3])
    return np.asarray(np.clip(linear_from_lab(lab), 0.01, 0.85))


def linear_from_lab(lab: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """CIELAB (D65) to linear sRGB."""
    fy = (lab[0] + 16) / 116
    f = np.array([fy + lab[1] / 500, fy, fy - lab[2] / 200])
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * np.array([0.95047, 1, 1.08883])
    matrix = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
    return np.asarray(matrix @ xyz)


def age_group(age: float) -> str:
    """The name under which skins of that age are filed."""
    return "young" if age < 36 else "middleage" if age < 56 else "old"


def draw_skin(
    rng: np.random.Generator, sources: Sources, person: Person, hair: Float[np.ndarray, "3"],
    slopes: Float[np.ndarray, "R R 2"],
) -> tuple[SkinLook, SkinFacts]:  # fmt: skip
    """A person's look: two photographic skins mixed and brought to the person's tone, brows, lips, beard."""
    target = tone_colour(rng, person.tone)
    first, second = (_choose(rng, sources.skins, person, target) for _ in range(2))
    mix = float(rng.uniform(0.55, 1))
    gains = [(target / s.mean).astype(np.float32) for s in (first, second)]
    parts = (np.float32(mix) * gains[0], np.float32(1 - mix) * gains[1])
    face, head = np.zeros_like(first.face), np.zeros_like(first.head)
    mix_textures(first.face, second.face, *parts, _uneven(rng, len(face)), face)
    mix_textures(first.head, second.head, *parts, np.zeros_like(head), head)
    _add_brows(rng, sources, face, hair)
    male = person.sex == "male"
    look = SkinLook(
        face=face,
        head=head,
        slopes=slopes,
        hair=(hair * 0.8 + 0.008).astype(np.float32),
        beard=float(rng.uniform(0.1, 1.1)) if male and person.age > 17 and rng.random() < 0.55 else 0.0,
        scalp=0.0,
        lips=_lips(rng, male),
        gloss=float(rng.uniform(0.25, 1.0)),
        power=float(rng.uniform(9, 28)),
        teeth=float(rng.uniform(0.55, 0.95)),
        mouth_light=float(rng.uniform(0.4, 0.95)),
        eye=_eye(rng, sources, person),
        pupil=float(rng.uniform(0.8, 1.6)),
    )
    mean = (first.mean * parts[0] + second.mean * parts[1]).astype(np.float32)
    return look, SkinFacts((first.name, second.name), mix, mean, hair.astype(np.float32), bool(hair.min() > 0.25))


def draw_hair_colour(rng: np.random.Generator, person: Person) -> Float[np.ndarray, "3"]:
    """Linear colour of scalp hair, brows and beard: dark for dark skins, grey with age."""
    shares = _DARK_PEOPLE if person.tone > 0.45 and rng.random() < 0.93 else _LIGHT_PEOPLE
    grey = np.clip((person.age - 42) / 40, 0, 1) * 0.7
    shares = shares / shares.sum() * (1 - grey) + _GREYED * grey
    colour = HAIR_COLOURS[rng.choice(len(HAIR_COLOURS), p=shares / shares.sum())]
    return np.asarray(colour * rng.uniform(0.7, 1.3, 3) ** 0.4)


def _choose(
    rng: np.random.Generator, skins: list[SkinTexture], person: Person, target: Float[np.ndarray, "3"]
) -> SkinTexture:
    """A skin of about the person's tone, age and sex."""
    luminance = np.array([0.3, 0.6, 0.1])
    apart = np.log(np.stack([s.mean for s in skins]) @ luminance) - np.log(target @ luminance)
    weights = np.array([s.weight for s in skins]) * np.exp(-0.5 * (apart / 0.7) ** 2)
    weights *= [1.0 if s.age == age_group(person.age) else 0.12 for s in skins]
    weights *= [1.0 if s.sex == person.sex else 0.15 for s in skins]
    shares = weights + 1e-9
    return skins[rng.choice(len(skins), p=shares / shares.sum())]


def _uneven(rng: np.random.Generator, side: int) -> Float[np.ndarray, "R R 3"]:
    """Slow relative changes of blood and melanin over the face."""
    blood, melanin = rng.standard_normal((2, 7, 7, 1)) * np.abs(rng.normal(0, 0.05, (2, 1, 1, 1)))
    coarse = blood * [0.3, -0.9, -0.7] + melanin * [-0.5, -0.75, -0.95]
    slow = cv2.resize(coarse.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(slow)


def _add_brows(
    rng: np.random.Generator, sources: Sources, face: Float[np.ndarray, "R R 3"], hair: Float[np.ndarray, "3"]
) -> None:
    rows = sources.brow_rows
    cover = sources.brows[rng.integers(len(sources.brows)), rows, :, None] * np.float32(rng.uniform(0.65, 1.0))
    colour = np.clip(hair * rng.uniform(0.3, 0.9), 0.006, 0.2).astype(np.float32)
    face[rows] = face[rows] * (1 - cover) + colour * cover


def _lips(rng: np.random.Generator, male: bool) -> Float[np.ndarray, "4"]:
    if male or rng.random() < 0.5:
        return np.array([1.05, 0.72, 0.75, rng.uniform(0, 0.5)], np.float32)
    return np.array([*rng.uniform([0.7, 0.2, 0.2], [1.1, 0.5, 0.6]), rng.uniform(0.3, 1.0)], np.float32)


def _eye(rng: np.random.Generator, sources: Sources, person: Person) -> Float[np.ndarray, "R R 3"]:
    if person.tone < 0.5 and rng.random() < 0.5:
        return sources.eyes[rng.integers(len(sources.eyes))]
    eye = sources.eyes[rng.choice(sources.brown_eyes)]
    dark = rng.uniform(0.2, 0.8) * np.array([1.0, 0.85, 0.8])  # of the iris; the white keeps its own colour
    white = np.clip((eye[..., 2:] - np.float32(0.15)) * np.float32(5), 0, 1)
    return np.asarray(eye * (white + (1 - white) * dark.astype(np.float32)), np.float32)
