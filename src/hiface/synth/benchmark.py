"""Portraits of people whose exact shape is known: what the open benchmark shows.

Every person sits six times: neutral and expressive, each from the front and turned to both sides. Identity, age, skin,
wrinkles, hair and clothes stay; light, camera, pose and background change. Skins, light and expressions are those held
out from training. Nothing hides the face: no masks, hats, dark glasses or hands; the pictures are sharp.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, UInt8

from hiface.detail.basis import NAMES
from hiface.detail.people import DetailCoefficients
from hiface.synth import truth
from hiface.synth.assets import Sources
from hiface.synth.backgrounds import photo_behind
from hiface.synth.camera import draw_camera
from hiface.synth.canvas import draw
from hiface.synth.generate import compose, exposure_of, landmarks
from hiface.synth.kernels import vertex_normals
from hiface.synth.light import draw_light
from hiface.synth.people import Figures, Person, axis_angle, draw_expression, shapes, turn
from hiface.synth.scene import Scene, draw_things, mouth_is_open
from hiface.synth.skin import SkinFacts, SkinLook, draw_hair_colour, draw_skin
from hiface.synth.things import Thing, Wearer

VIEWS = (("frontal", 0.0), ("right", -1.0), ("left", 1.0))
"""Names, and the side to which the head is turned."""
AGES = (18.0, 80.0)
_FRONTAL_YAW, _SIDE_YAW, _SIDE_SPREAD, _TILT = 7.0, 38.0, 8.0, 6.0
"""Degrees."""
_TRIES = 40
_DRESS = 1000
HIDING = {"hat", "mask", "lens", "beard"}


@dataclass(frozen=True)
class Sitter:
    """Who sits. V vertices of the whole face model, mm, before pose."""

    number: int
    source: str
    """Where the head comes from."""
    identity: Float[np.ndarray, "I"]
    """β of the head, or of the model's nearest to it."""
    offset: Float[np.ndarray, "V 3"] | None = None
    """What a head that is not the model's differs by from the model's nearest, mm."""


@dataclass(frozen=True)
class Portrait:
    """A picture and the exact shape in it."""

    name: str
    """<number> of frontal pictures, <number>_<view> of others."""
    expressive: bool
    picture: UInt8[np.ndarray, "S S 3"]
    neutral: Float[np.ndarray, "V 3"]
    """Vertices of the whole face model without expression and pose, mm."""
    shape: Float[np.ndarray, "V 3"]
    """With the picture's expression, without pose, mm."""
    displacement: Float[np.ndarray, "R R"]
    """Of the face tile in this expression, mm."""
    points68: Float[np.ndarray, "68 2"]
    """mediapipe68, pixels."""
    facts: dict[str, object]
    """Plain values: source, age, sex, tone, yaw."""


def sit(sources: Sources, sitter: Sitter, seed: int, side: int) -> Iterator[Portrait]:
    """All six portraits of one person; the same for a seed."""
    rng = np.random.default_rng([seed, sitter.number])
    people = _people(rng, sources, sitter)
    figures = shapes(sources.model, people)
    neutral = sources.model.neutral(torch.from_numpy(sitter.identity)[None])[0].numpy()
    if sitter.offset is not None:
        figures, neutral = _moved(figures, sitter.offset), neutral + sitter.offset
    detail = sources.wrinkles.draw(rng, people[0].age)
    for row, person in enumerate(people):
        view, _ = VIEWS[row % len(VIEWS)]
        picture, points68 = _photograph(sources, person, figures, row, detail, [seed, sitter.number], side)
        yield Portrait(
            name=str(sitter.number) if view == VIEWS[0][0] else f"{sitter.number}_{view}",
            expressive=row >= len(VIEWS),
            picture=picture,
            neutral=neutral,
            shape=figures.expressive[row],
            displacement=_displacement(sources, figures.neutral[row], figures.expressive[row], detail),
            points68=points68,
            facts=_facts(sitter, person),
        )


def _people(rng: np.random.Generator, sources: Sources, sitter: Sitter) -> list[Person]:
    """The same person with six expressions and poses."""
    names = sources.model.expression_names
    age, sex = float(rng.uniform(*AGES)), "male" if rng.random() < 0.5 else "female"
    tone = float(rng.random())
    people = []
    for expressive in (False, True):
        expression = _expression(rng, names, sources.scores) if expressive else np.zeros(len(names), np.float32)
        for _, way in VIEWS:
            people.append(Person(sitter.identity, expression, _orientation(rng, way), age, sex, tone))
    return people


def _expression(
    rng: np.random.Generator, names: tuple[str, ...], scores: Float[np.ndarray, "N E"]
) -> Float[np.ndarray, "E"]:
    """One that is no rest: the strongest of a few."""
    drawn = [draw_expression(rng, names, scores) for _ in range(4)]
    return max(drawn, key=lambda weights: float(np.abs(weights).sum()))


def _orientation(rng: np.random.Generator, way: float) -> Float[np.ndarray, "3"]:
    """Axis-angle, radians."""
    yaw = rng.normal(0, _FRONTAL_YAW) if way == 0 else way * rng.normal(_SIDE_YAW, _SIDE_SPREAD)
    return axis_angle(turn(*np.radians([yaw, *rng.normal(0, _TILT, 2)]))).astype(np.float32)


def _moved(figures: Figures, offset: Float[np.ndarray, "V 3"]) -> Figures:
    """Figures of heads that differ from the model's by an offset, which turns with the head."""
    skin = figures.neutral.shape[1]
    turned = np.einsum("bij,vj->bvi", figures.head_turn, offset).astype(np.float32)
    return replace(
        figures,
        neutral=figures.neutral + offset[:skin],
        expressive=figures.expressive + offset,
        posed=figures.posed + turned,
    )


def _photograph(
    sources: Sources, person: Person, figures: Figures, row: int, detail: DetailCoefficients, seed: list[int], side: int
) -> tuple[UInt8[np.ndarray, "S S 3"], Float[np.ndarray, "68 2"]]:
    """The picture of one figure, and its landmarks."""
    model, skin = sources.model, figures.neutral.shape[1]
    posed = figures.posed[row]
    wearer = Wearer(figures.expressive[row, :skin], posed[:skin], figures.head_turn[row], figures.head_shift[row])
    points68 = landmarks(model.landmark_weights("mediapipe68"), posed)
    slopes = sources.wrinkles.slopes(figures.neutral[row, None], figures.expressive[row, None], [detail])[0]
    rng = np.random.default_rng([*seed, row])
    camera = draw_camera(rng, points68, side)
    points = (posed + camera.translation).astype(np.float32)
    normals = np.zeros(points.shape, np.float32)
    vertex_normals(points, sources.body.vertex_triangles, normals)
    look, facts, things, style = _dressed(sources, person, wearer, slopes, seed)
    light = draw_light(rng, sources.environments, points[:skin].mean(0))
    scene = Scene(points, normals, camera, things, look, facts, light, mouth_is_open(sources.body, posed), style)
    drawn = draw(scene, sources.body, sources.growth, side)
    behind = photo_behind(rng, sources.backgrounds, side)
    picture = compose(rng, behind, drawn, exposure_of(rng, drawn, scene)) * (1 + rng.normal(0, 0.03, 3))
    noise = rng.normal(0, 0.006, picture.shape)
    return np.clip((picture + noise) * 255 + 0.5, 0, 255).astype(np.uint8), camera.project(points68)[:, :2]


def _dressed(
    sources: Sources, person: Person, wearer: Wearer, slopes: Float[np.ndarray, "R R 2"], seed: list[int]
) -> tuple[SkinLook, SkinFacts, list[Thing], str]:
    """Skin, hair and clothes, the same in all portraits of a person: the first of a few draws that hides nothing."""
    for attempt in range(_TRIES):
        rng = np.random.default_rng([*seed, _DRESS, attempt])
        colour = draw_hair_colour(rng, person)
        look, facts = draw_skin(rng, sources, person, colour, slopes)
        things, style, roots = draw_things(rng, sources, person, wearer, colour, look.beard > 0.3)
        if not HIDING & {thing.name for thing in things}:
            break
    return look._replace(scalp=roots), facts, things, style


@torch.no_grad()
def _displacement(
    sources: Sources,
    neutral: Float[np.ndarray, "V 3"],
    expressive: Float[np.ndarray, "V 3"],
    detail: DetailCoefficients,
) -> Float[np.ndarray, "R R"]:
    model = sources.wrinkles.detail
    tension = model.tension_map(torch.from_numpy(neutral)[None], torch.from_numpy(expressive)[None])
    static, compressed, stretched = (torch.from_numpy(getattr(detail, name))[None] for name in NAMES)
    return np.asarray(model.detail(static, compressed, stretched, tension).displacement[0].numpy())


def _facts(sitter: Sitter, person: Person) -> dict[str, object]:
    yaw = float(np.degrees(person.orientation[1]))
    facts = {"source": sitter.source, "age": person.age, "sex": person.sex, "tone": person.tone, "yaw": yaw}
    return dict(truth.plain(facts))
