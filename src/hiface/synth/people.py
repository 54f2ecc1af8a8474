"""Who is drawn: identity, age, sex, skin tone, expression and pose of each sample, and their shapes in batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hiface.face.model import FaceModel
from hiface.face.people import PeopleShapes
from hiface.geometry.skinning import joint_transforms
from hiface.synth.body import as_array
from hiface.types import JOINTS

HEAD = JOINTS.index("head")
NECK_SHARE, HEAD_SHARE = 0.3, 0.7
"""How neck and head share the head's orientation r (axis-angle): one axis, so their product is r itself."""
AGES = (14.0, 86.0)
YOUNGEST = 4.0
"""Years, of a face model that has children."""
_PITCH, _ROLL = 32.0, 28.0


@dataclass(frozen=True)
class Person:
    """One sample's draw, before any geometry. I identity modes, E expressions."""

    identity: Float[np.ndarray, "I"]
    """Standard deviations."""
    expression: Float[np.ndarray, "E"]
    """Weights 0 to 1."""
    orientation: Float[np.ndarray, "3"]
    """r, axis-angle of the head in the frame of the stored picture, radians."""
    age: float
    """Years; it chooses skin, hair colour and wrinkles, and the bones where the face model knows them by age."""
    sex: str
    tone: float
    """0 the lightest to 1 the darkest human skin, even over people."""


@dataclass(frozen=True)
class Figures:
    """Shapes of a batch of people. `posed` is FaceModel.pose with no translation, mm."""

    rotation: Float[np.ndarray, "B 4 3"]
    """Local axis-angle of neck, head, left eye, right eye, as in `Coefficients`."""
    neutral: Float[np.ndarray, "B V 3"]
    """Without expression and pose; skin only."""
    expressive: Float[np.ndarray, "B V 3"]
    """With expression, before pose."""
    posed: Float[np.ndarray, "B V 3"]
    weights: Float[np.ndarray, "B E"]
    """ξ of `expressive`: what was drawn, and the correctives that follow from it."""
    head_turn: Float[np.ndarray, "B 3 3"]
    head_shift: Float[np.ndarray, "B 3"]
    """Of what is fixed to the head: x → turn x + shift."""


def draw_person(
    rng: np.random.Generator,
    names: tuple[str, ...],
    identity_size: int,
    scores: Float[np.ndarray, "N E"],
    people: PeopleShapes | None = None,
) -> Person:
    """One person. `scores` are expressions that people make, in the order of `names`.

    Where the face model knows `people`, age and sex choose the bones as well, and children are among them.
    """
    noise = rng.standard_normal(identity_size) * rng.uniform(0.75, 1.05)
    expression, orientation = draw_expression(rng, names, scores, mixed=False), draw_orientation(rng)
    youngest = AGES[0] if people is None else max(YOUNGEST, people.youngest)
    age = float(youngest + (AGES[1] - youngest) * rng.beta(1.1, 1.7))
    male = bool(rng.random() < 0.5)
    return Person(
        identity=noise.astype(np.float32) if people is None else people.identity(noise, age, male),
        expression=expression,
        orientation=orientation,
        age=age,
        sex="male" if male else "female",
        tone=float(rng.random()),
    )


_AT_REST = {"eyeSquint": 0.22, "eyeBlink": 0.06, "eyeLookDown": 0.06}
"""Scores that relaxed faces in photos have; the model's units are shapes, zero at rest."""


def from_scores(scores: Float[np.ndarray, "N E"], names: tuple[str, ...]) -> Float[np.ndarray, "N E"]:
    """Weights of the model's units from scores seen in photos, in the order of `names`: rest is taken off."""
    rest = np.array([next((v for k, v in _AT_REST.items() if n.startswith(k)), 0.0) for n in names])
    return np.asarray(np.maximum(scores - rest, 0) / (1 - rest), np.float32)


def draw_expression(
    rng: np.random.Generator, names: tuple[str, ...], scores: Float[np.ndarray, "N E"], mixed: bool = True
) -> Float[np.ndarray, "E"]:
    """Weights 0 to 1: a row of `scores`, sometimes with units that it has not; if `mixed`, often with another row."""
    weights = scores[rng.integers(len(scores))] * rng.uniform(0.6, 1.3)
    if mixed and rng.random() < 0.3:
        weights = np.maximum(weights, scores[rng.integers(len(scores))] * rng.uniform(0.3, 1.0))
    if rng.random() < 0.35:
        chosen = rng.integers(0, len(names), rng.integers(1, 4))
        weights[chosen] = np.maximum(weights[chosen], rng.uniform(0.2, 1.0, len(chosen)))
    if rng.random() < 0.08:
        weights = np.zeros_like(weights)
    weights = weights * rng.uniform(0.8, 1.2, len(names))
    _strike(rng, names, weights)
    weights[names.index("mouthClose")] = min(weights[names.index("mouthClose")], weights[names.index("jawOpen")])
    weights[names.index("tongueOut")] = 0  # the model has no shape for it
    return np.asarray(np.clip(weights, 0, 1), np.float32)


def _strike(rng: np.random.Generator, names: tuple[str, ...], weights: Float[np.ndarray, "E"]) -> None:
    """Closed eyes, winks and wide jaws, which photos of posing people rarely show, and smiles that show teeth."""
    at = names.index
    smile = 0.5 * (weights[at("mouthSmileLeft")] + weights[at("mouthSmileRight")])
    if smile > 0.3 and rng.random() < 0.6:  # the scores know the smile but say little of the lips' gap
        for unit, low, high in (("mouthUpperUp", 0.2, 0.7), ("mouthLowerDown", 0.2, 0.8)):
            for side in ("Left", "Right"):
                weights[at(unit + side)] = max(weights[at(unit + side)], smile * rng.uniform(low, high))
        weights[at("jawOpen")] = max(weights[at("jawOpen")], rng.uniform(0, 0.15))
    if smile > 0.2 and rng.random() < 0.6:  # nor do they know of cheeks
        weights[[at("cheekSquintLeft"), at("cheekSquintRight")]] = smile * rng.uniform(0.2, 0.8)
    frown = 0.5 * (weights[at("browDownLeft")] + weights[at("browDownRight")])
    if frown > 0.4 and rng.random() < 0.3:
        weights[[at("noseSneerLeft"), at("noseSneerRight")]] = frown * rng.uniform(0.2, 0.8)
    if rng.random() < 0.06:
        weights[[at("eyeBlinkLeft"), at("eyeBlinkRight")]] = rng.uniform(0.7, 1.0)
    elif rng.random() < 0.02:
        weights[at(str(rng.choice(["eyeBlinkLeft", "eyeBlinkRight"])))] = rng.uniform(0.7, 1.0)
    if rng.random() < 0.05:
        weights[at("jawOpen")] = rng.uniform(0.5, 1.0)
    for unit in (
        "browInnerUp",
        "cheekPuff",
        "cheekRaiser",
    ):  # the halves double the whole unit: keep them rare
        if rng.random() > 0.1:
            for name in (f"{unit}Left", f"{unit}Right"):
                if name in names:
                    weights[at(name)] = 0


def draw_orientation(rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    """r, radians: a quarter of the heads is turned by more than 45 degrees, pitch and roll are bell-shaped."""
    kind = rng.random()
    if kind < 0.40:
        yaw = rng.normal(0, 13)
    elif kind < 0.77:
        yaw = rng.normal(0, 28)
    else:
        yaw = rng.uniform(45, 82) * rng.choice([-1, 1])
    pitch = np.clip(rng.normal(2, 12), -_PITCH, _PITCH)
    roll = np.clip(rng.normal(0, 10) if rng.random() < 0.85 else rng.uniform(-_ROLL, _ROLL), -_ROLL, _ROLL)
    return axis_angle(turn(*np.radians([np.clip(yaw, -85, 85), pitch, roll])))


def turn(yaw: float, pitch: float, roll: float) -> Float[np.ndarray, "3 3"]:
    """Rz(roll) Rx(pitch) Ry(yaw), radians; the NumPy twin of geometry.rotation.matrix_from_euler."""
    (cy, cp, cr), (sy, sp, sr) = np.cos([yaw, pitch, roll]), np.sin([yaw, pitch, roll])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y)


def axis_angle(matrix: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3"]:
    """Axis-angle of a rotation of less than π."""
    axis = np.array([matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]])
    sine = np.linalg.norm(axis) / 2
    angle = np.arctan2(sine, (np.trace(matrix) - 1) / 2)
    return np.asarray(axis / 2 * (angle / sine if sine > 1e-9 else 1.0))


def rotation_matrix(vector: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """The rotation of an axis-angle vector."""
    angle = float(np.linalg.norm(vector))
    x, y, z = vector / max(angle, 1e-12)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


@torch.no_grad()
def shapes(model: FaceModel, people: list[Person]) -> Figures:
    """Neutral, expressive and posed vertices of a batch; the matrix products are shared by the whole batch."""
    identity = torch.from_numpy(np.stack([p.identity for p in people]))
    expression = model.with_correctives(torch.from_numpy(np.stack([p.expression for p in people])))
    orientation = torch.from_numpy(np.stack([p.orientation for p in people]).astype(np.float32))[:, None]
    rotation = torch.cat([NECK_SHARE * orientation, HEAD_SHARE * orientation, model.gaze(expression)], 1)
    neutral = model.neutral(identity)
    expressive = neutral + model.expression_offset(expression)
    turns, shifts = joint_transforms(rotation, model.joints(identity), model.joint_parents)
    posed = skin_quickly(expressive, turns, shifts, model.skin_weights)
    skin = neutral[:, : model.vertex_count("skin")]
    arrays = (rotation, skin, expressive, posed, expression, turns[:, HEAD], shifts[:, HEAD])
    return Figures(*map(as_array, arrays))


def skin_quickly(
    vertices: Float[Tensor, "B V 3"],
    turns: Float[Tensor, "B J 3 3"],
    shifts: Float[Tensor, "B J 3"],
    weights: Float[Tensor, "V J"],
) -> Float[Tensor, "B V 3"]:
    """What geometry.skinning.skin gives, quicker where nearly every vertex follows the head alone."""
    posed = moved_by(vertices, turns, shifts, HEAD)
    for joint in range(weights.shape[1]):
        own = (weights[:, joint] > 0).nonzero()[:, 0]
        if joint != HEAD and len(own):
            away = moved_by(vertices[:, own], turns, shifts, joint) - moved_by(vertices[:, own], turns, shifts, HEAD)
            posed[:, own] += weights[own, joint, None] * away
    return posed


def moved_by(
    vertices: Float[Tensor, "B V 3"], turns: Float[Tensor, "B J 3 3"], shifts: Float[Tensor, "B J 3"], joint: int
) -> Float[Tensor, "B V 3"]:
    """Vertices as if fixed to one joint."""
    return vertices @ turns[:, joint].transpose(1, 2) + shifts[:, joint, None]
