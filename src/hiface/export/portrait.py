"""Portraits of people who are in no photo: the face model's own faces under studio light, and sheets of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from hiface.assets.format import unknown_name
from hiface.detail.basis import DetailBasis
from hiface.detail.people import Captures, DetailCoefficients, draw_detail
from hiface.detail.sddetail import SDDetail
from hiface.errors import ConfigError
from hiface.export.clay import key_shadow, openness, shaded
from hiface.export.eyes import EyeTextures
from hiface.export.lashes import lash_cover
from hiface.export.pictures import cavity, clay, in_light, on_ground, srgb, with_lashes
from hiface.export.seen import look_at, with_relief
from hiface.face.albedo import AlbedoModel
from hiface.face.model import FaceModel

LOOKS = ("clay", "skin")
_KINDS = ("static", "compressed", "stretched")
PICTURE_MM = 300.0
"""What a picture's side shows: the head with some air."""


@dataclass(frozen=True)
class Sitter:
    """One person as coefficients; standard deviations, expression weights 0 to 1."""

    identity: Float[np.ndarray, "I"]
    expression: Float[np.ndarray, "E"]
    albedo: Float[np.ndarray, "A"]
    detail: DetailCoefficients
    eyes: str = "brown"
    yaw: float = 0.0
    """Turn of the head, radians; positive shows its right side."""


@dataclass(frozen=True)
class Studio:
    """The models that make a person, loaded once."""

    face: FaceModel
    albedo: AlbedoModel
    basis: DetailBasis
    captures: Captures
    eyes: EyeTextures

    @classmethod
    def load(
        cls,
        face_model: str | Path = "face_model.safetensors",
        albedo: str | Path = "albedo.safetensors",
        detail_basis: str | Path = "detail_basis.safetensors",
    ) -> Studio:
        """Shipped assets by name, or files of one's own."""
        basis, captures = DetailBasis.load(detail_basis), Captures.load(detail_basis)
        return cls(FaceModel.load(face_model), AlbedoModel.load(albedo), basis, captures, EyeTextures.load())

    @cached_property
    def detail(self) -> SDDetail:
        return SDDetail.of_face(self.face, self.basis)

    def usual(self) -> Sitter:
        """The mean face at rest, without detail."""
        sizes = self.basis.sizes
        none = DetailCoefficients(*(np.zeros(sizes[n], np.float32) for n in _KINDS))
        return Sitter(
            np.zeros(self.face.identity_size, np.float32),
            np.zeros(self.face.expression_size, np.float32),
            np.zeros(self.albedo.size, np.float32),
            none,
        )

    def draw(self, rng: np.random.Generator, expressive: bool) -> Sitter:
        """A random person of any age; a child where the face model has children."""
        people = self.face.people
        noise = rng.standard_normal(self.face.identity_size).astype(np.float32)
        albedo = rng.standard_normal(self.albedo.size).astype(np.float32)
        years = float(rng.uniform(18, 85) if people is None else rng.uniform(people.youngest, 85))
        person = replace(
            self.usual(),
            identity=noise,
            albedo=albedo,
            detail=draw_detail(self.captures, max(years, 18.0), rng),
            eyes=str(rng.choice(self.eyes.colours)),
            yaw=float(rng.uniform(-0.45, 0.45)),
        )
        if people is not None:
            person = replace(person, identity=people.identity(noise, years, bool(rng.random() < 0.5)))
        return replace(person, expression=mood(self.face, rng)) if expressive else person

    @torch.no_grad()
    def portrait(self, sitter: Sitter, side: int = 256, look: str = "skin") -> UInt8[np.ndarray, "S S 3"]:
        """The sitter under studio light, sRGB; detail as relief."""
        if look not in LOOKS:
            raise ConfigError(unknown_name(look, LOOKS, "look"))
        identity, expression, albedo = (_row(v) for v in (sitter.identity, sitter.expression, sitter.albedo))
        neutral = self.face.neutral(identity)
        expressive = neutral + self.face.expression_offset(expression)
        static, compressed, stretched = (_row(getattr(sitter.detail, n)) for n in _KINDS)
        tension = self.detail.tension_map(neutral, expressive)
        relief = self.detail.detail(static, compressed, stretched, tension).displacement[0].numpy()
        turn = torch.tensor([[0.0, sitter.yaw, 0.0]])
        rotation = torch.cat([0.3 * turn, 0.7 * turn, self.face.gaze(expression)[0]])[None]
        posed = self.face.pose(expressive, identity, rotation, torch.zeros(1, 3))[0].numpy()
        posed = self.framed(posed)
        seen = look_at(self.face, posed, 1 / PICTURE_MM, side)
        raised, lit = with_relief(seen, self.face, relief), key_shadow(seen)
        share = openness(seen) * cavity(seen, relief)
        if look == "clay":
            return on_ground(srgb(clay(seen, raised, share, lit)), seen)
        light, spark = shaded(seen, raised, share, lit)
        tiles = self.albedo.face(albedo, 2 * side)[0].numpy(), self.albedo.head(albedo, 2 * side)[0].numpy()
        samples = in_light(seen, tiles, self.eyes.map(sitter.eyes, 512), light, spark)
        return on_ground(with_lashes(samples, lash_cover(seen, self.face, posed)), seen)

    def framed(self, posed: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
        """The posed head in the middle of a portrait whose side shows `PICTURE_MM`."""
        head = self.face.region("face") | self.face.region("scalp")
        return posed - [*(posed[head].min(0) + posed[head].max(0))[:2] / 2, 0] + [0, 15, 0]


def mood(face: FaceModel, rng: np.random.Generator) -> Float[np.ndarray, "E"]:
    """An expression that people make: one of a few, at some strength, not quite even."""
    name = str(rng.choice(list(_MOODS)))
    weights = np.zeros(face.expression_size, np.float32)
    for unit, weight in _MOODS[name].items():
        for k, own in enumerate(face.expression_names):
            if own in (unit, f"{unit}Left", f"{unit}Right"):
                weights[k] = weight * rng.uniform(0.7, 1.0)
    return face.with_correctives(_row(weights))[0].numpy()


_MOODS = {
    "smile": {"mouthSmile": 0.8, "cheekSquint": 0.5, "eyeSquint": 0.4},
    "laugh": {"mouthSmile": 0.9, "jawOpen": 0.35, "mouthUpperUp": 0.4, "cheekSquint": 0.6, "eyeSquint": 0.5},
    "frown": {"browDown": 0.9, "mouthFrown": 0.4, "noseSneer": 0.3},
    "surprise": {"browInnerUp": 0.8, "browOuterUp": 0.8, "eyeWide": 0.6, "jawOpen": 0.4},
    "kiss": {"mouthPucker": 0.9, "eyeSquint": 0.2},
    "doubt": {"browDown": 0.3, "mouthPress": 0.6, "mouthShrugLower": 0.4},
}


def people_sheet(
    studio: Studio, rows: int, columns: int, seed: int, look: str = "skin", expressive: bool = False, side: int = 256
) -> UInt8[np.ndarray, "H W 3"]:
    """Random people in a grid; the same seed gives the same people, whatever their look."""
    streams = [np.random.default_rng([seed, k]) for k in range(rows * columns)]
    return grid([studio.portrait(studio.draw(rng, expressive), side, look) for rng in streams], columns)


def modes_sheet(
    studio: Studio, kind: str, count: int = 8, deviations: float = 3.0, side: int = 256
) -> UInt8[np.ndarray, "H W 3"]:
    """A row a mode: −`deviations`, the mean face, +`deviations`; of an expression unit half and full weight."""
    sizes = {
        "identity": studio.face.identity_size, "expression": studio.face.expression_size,
        "albedo": studio.albedo.size, "static": studio.basis.sizes["static"],
    }  # fmt: skip
    if kind not in sizes:
        raise ConfigError(unknown_name(kind, sizes, "kind of mode"))
    amounts = (0.0, 0.5, 1.0) if kind == "expression" else (-deviations, 0.0, deviations)
    look: str = "skin" if kind == "albedo" else "clay"
    cells = []
    for mode in range(min(count, sizes[kind])):
        for amount in amounts:
            cells.append(studio.portrait(_moved(studio.usual(), kind, mode, amount), side, look))
    return grid(cells, 3 * max(1, min(count, 8) // 4))


def _moved(sitter: Sitter, kind: str, mode: int, amount: float) -> Sitter:
    if kind == "static":
        static = sitter.detail.static.copy()
        static[mode] = amount
        return replace(sitter, detail=replace(sitter.detail, static=static))
    values = getattr(sitter, kind).copy()
    values[mode] = amount
    return replace(sitter, **{kind: values})


def grid_size(text: str) -> tuple[int, int]:
    """Rows and columns of "6x4"; raises `ConfigError` for anything else."""
    rows, _, columns = text.lower().partition("x")
    if not (rows.isdigit() and columns.isdigit() and int(rows) and int(columns)):
        raise ConfigError(f"grid {text!r}: expected ROWSxCOLUMNS such as 6x6")
    return int(rows), int(columns)


def grid(pictures: Sequence[UInt8[np.ndarray, "S S 3"]], columns: int) -> UInt8[np.ndarray, "H W 3"]:
    """Pictures side by side, the last row filled with the ground's colour."""
    cells = list(pictures) + [np.full_like(pictures[0], 28)] * (-len(pictures) % columns)
    return np.asarray(cv2.vconcat([cv2.hconcat(cells[k : k + columns]) for k in range(0, len(cells), columns)]))


def _row(values: Float[np.ndarray, "N"]) -> torch.Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))[None]
