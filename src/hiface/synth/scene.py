"""One picture's content: the posed body in front of the camera, what it wears, and the light, ready to be drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from hiface.synth import hair, hairdo, props
from hiface.synth.assets import Sources
from hiface.synth.body import Body
from hiface.synth.camera import Camera, draw_camera
from hiface.synth.kernels import vertex_normals
from hiface.synth.light import Lighting, draw_light
from hiface.synth.people import Person
from hiface.synth.skin import SkinFacts, SkinLook, draw_hair_colour, draw_skin
from hiface.synth.strands import Field, head_field
from hiface.synth.things import Thing, Wearer

BALD, HATS, GLASSES, DARK_GLASSES, MASKS, BEARDS = 0.06, 0.08, 0.2, 0.22, 0.035, 0.09
"""Shares of people; dark glasses of those with glasses, long beards of men."""
SHELLS, STYLES = 0.10, 0.15
"""Shares of layered and of MakeHuman's hair; the rest is grown."""


@dataclass(frozen=True)
class Scene:
    """What is drawn. Points in the camera's frame, mm."""

    points: Float[np.ndarray, "V 3"]
    normals: Float[np.ndarray, "V 3"]
    camera: Camera
    """Of the stored picture."""
    things: list[Thing]
    """In the posed frame."""
    look: SkinLook
    skin_facts: SkinFacts
    light: Lighting
    mouth_open: bool
    hair: str
    """Name of the style, `shell` or `bald`."""


def draw_scene(
    rng: np.random.Generator, sources: Sources, person: Person, wearer: Wearer,
    posed: Float[np.ndarray, "V 3"], points68: Float[np.ndarray, "68 3"], slopes: Float[np.ndarray, "R R 2"],
    side: int,
) -> Scene:  # fmt: skip
    """A scene around a posed person; `posed` are all vertices, `points68` the posed mediapipe68 points."""
    camera = draw_camera(rng, points68, side)
    points = (posed + camera.translation).astype(np.float32)
    normals = np.zeros(points.shape, np.float32)
    vertex_normals(points, sources.body.vertex_triangles, normals)
    colour = draw_hair_colour(rng, person)
    look, facts = draw_skin(rng, sources, person, colour, slopes)
    things, style, roots = draw_things(rng, sources, person, wearer, colour, look.beard > 0.3)
    if any(thing.name == "beard" for thing in things):
        look = look._replace(beard=1.0)
    light = draw_light(rng, sources.environments, points[: len(wearer.skin)].mean(0))
    return Scene(
        points, normals, camera, things, look._replace(scalp=roots), facts, light,
        mouth_is_open(sources.body, posed), style,
    )  # fmt: skip


def draw_things(
    rng: np.random.Generator, sources: Sources, person: Person, wearer: Wearer,
    colour: Float[np.ndarray, "3"], bearded: bool,
) -> tuple[list[Thing], str, float]:  # fmt: skip
    """Hair, hat, glasses, mask and clothes; the hair's name; how densely its roots colour the scalp."""
    hatted = rng.random() < HATS
    field = head_field(wearer, wearer.posed[sources.neck.rim])
    things, style, roots = _hair(rng, sources, person, wearer, field, colour, hatted)
    masked = rng.random() < MASKS
    if bearded and not masked and rng.random() < BEARDS:
        things.append(hairdo.grown_beard(rng, sources.beard, wearer, field, colour * 0.8, person.age))
    if hatted:
        things.append(props.hat(rng, sources.body, wearer))
    if rng.random() < GLASSES:
        things += props.glasses(rng, sources.body, wearer, rng.random() < DARK_GLASSES)
    if masked:
        things += props.face_mask(rng, sources.body, wearer)
    things.append(props.clothes(rng, sources.neck, wearer))
    return things, style, roots


def _hair(
    rng: np.random.Generator, sources: Sources, person: Person, wearer: Wearer, field: Field,
    colour: Float[np.ndarray, "3"], hatted: bool,
) -> tuple[list[Thing], str, float]:  # fmt: skip
    if rng.random() < BALD * (2.0 if person.sex == "male" and person.age > 40 else 0.5):
        return [], "bald", float(rng.uniform(0, 0.5))
    kind = rng.random()
    if kind < SHELLS * (1.3 if person.sex == "male" else 0.4):
        thing = hair.shell_hair(rng, sources.scalp, wearer, colour, hatted)
        return [thing], "shell", float(rng.uniform(0.75, 1.0))
    if kind > 1 - STYLES:
        style = sources.hair[rng.choice(len(sources.hair), p=hair.STYLE_SHARES)]
        return [hair.styled_hair(rng, style, wearer, colour, hatted)], style.name, float(rng.uniform(0.4, 0.8))
    thing, name, cover = hairdo.grown_hair(rng, sources.roots, person, wearer, field, colour, hatted)
    return [thing], name, cover


def mouth_is_open(body: Body, posed: Float[np.ndarray, "V 3"]) -> bool:
    """Whether the inner lips are far enough apart, mm, for anything behind them to be seen."""
    upper, lower = posed[body.mouth_rim[0]], posed[body.mouth_rim[1]]
    return bool(np.linalg.norm(upper - lower, axis=1).max() > 0.4)
