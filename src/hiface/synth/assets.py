"""What the generator reads from a data folder: skins, brows, eyes, environments, hair, backgrounds, expressions."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from hiface.errors import AssetError
from hiface.face.asset import ARKIT
from hiface.face.expression_prior import ExpressionPrior
from hiface.face.model import FaceModel
from hiface.synth.body import Body, build_body
from hiface.synth.brows import load_brows
from hiface.synth.files import read_picture
from hiface.synth.hair import HairStyle, Scalp, load_scalp, load_styles
from hiface.synth.people import from_scores
from hiface.synth.props import Neck, build_neck
from hiface.synth.strands import Roots, spread_roots
from hiface.synth.wrinkles import Wrinkles

FACE_SIDE, EYE_SIDE = 256, 192
"""Texels of skins and eyes: about two a pixel of the stored picture."""
LABELLED = ("fairface", "more", "portraits", "wild")
HELD_OUT_SKINS = (
    "middleage_asian_female", "old_african_male", "young_caucasian_male2", "community_young_eurasian_female",
)  # fmt: skip
HELD_OUT_ENVIRONMENTS = ("bridge", "hall", "sunrise", "workshop")
"""Skins and light that no training face wears: the open benchmark's. Its expressions are those of photos that were
never trained on."""
Part = Literal["training", "held out"]
_BRIGHTEST = 60.0
_LUMINANCE = np.array([0.3, 0.6, 0.1])


@dataclass(frozen=True)
class SkinTexture:
    """A photographic skin, linear RGB."""

    name: str
    age: str
    """young, middleage or old."""
    sex: str
    weight: float
    """How often it is taken; blurred or painted skins less."""
    mean: Float[np.ndarray, "3"]
    """Over the middle of the face."""
    face: Float[np.ndarray, "R R 3"]
    head: Float[np.ndarray, "R R 3"]


@dataclass(frozen=True)
class Sources:
    """Everything that is loaded once and drawn from."""

    model: FaceModel
    body: Body
    skins: list[SkinTexture]
    brows: Float[np.ndarray, "N R R"]
    brow_rows: slice
    """Rows of the face tile that any brow touches."""
    eyes: list[Float[np.ndarray, "R R 3"]]
    brown_eyes: list[int]
    environments: list[Float[np.ndarray, "H W 3"]]
    """Linear, mean luminance 1."""
    hair: list[HairStyle]
    scalp: Scalp
    growth: Float[np.ndarray, "N 3"]
    """Beard, lips and scalp hair per corner, 0 to 1."""
    roots: Roots
    """Of the hair of the head."""
    beard: Roots
    neck: Neck
    wrinkles: Wrinkles
    backgrounds: list[UInt8[np.ndarray, "H W 3"]]
    scores: Float[np.ndarray, "N E"]
    """Expression weights that people in photos make, drawn from the prior over them."""


def load_sources(
    data: Path, model: FaceModel | None = None, part: Part = "training", texels: int = FACE_SIDE
) -> Sources:
    """Read the data folder; raises `AssetError` naming what is missing. `texels`: side of the skins."""
    for needed in ("makehuman/skins_ict/index.json", "makehuman/ict_on_hm08.npz", "hdri/envmaps_128x64.npz"):
        if not (data / needed).is_file():
            raise AssetError(f"{data / needed}: no such file; --data must name the generator's source data")
    model = model or FaceModel.load()
    body = build_body(model)
    scalp = load_scalp(data / "makehuman", body)
    brows, rows = load_brows(data / "makehuman/skins_ict", model, texels)
    eyes, brown = _eyes(data / "makehuman/eyes")
    return Sources(
        model=model,
        body=body,
        skins=_skins(data / "makehuman/skins_ict", part, texels),
        brows=brows,
        brow_rows=rows,
        eyes=eyes,
        brown_eyes=brown,
        environments=_environments(data / "hdri/envmaps_128x64.npz", part),
        hair=load_styles(data / "makehuman"),
        scalp=scalp,
        growth=_growth(body, scalp),
        roots=_roots(body, scalp.weight, 3000),
        beard=_roots(body, body.growth[: len(scalp.weight), 0], 1200),
        neck=build_neck(body),
        wrinkles=Wrinkles(model),
        backgrounds=_backgrounds(data / "photos"),
        scores=_scores(model.expression_names) if part == "training" else _seen_scores(data, model.expression_names),
    )


def _growth(body: Body, scalp: Scalp) -> Float[np.ndarray, "N 3"]:
    everywhere = np.zeros(len(body.neutral), np.float32)
    everywhere[: len(scalp.weight)] = scalp.weight
    return np.ascontiguousarray(np.column_stack([body.growth, everywhere])[body.source], np.float32)


def _roots(body: Body, density: Float[np.ndarray, "V"], count: int) -> Roots:
    triangles = body.vertex_triangles[: body.skin_triangles()]
    return spread_roots(body.neutral[: len(density)], triangles, density, count)


def linear(picture: UInt8[np.ndarray, "*S"]) -> Float[np.ndarray, "*S"]:
    """8-bit sRGB to linear 0..1, with the plain power 2.2 that the tone curve undoes."""
    return np.asarray((picture.astype(np.float32) / 255) ** np.float32(2.2))


def _reduced(picture: UInt8[np.ndarray, "H W C"], side: int) -> Float[np.ndarray, "R R C"]:
    return np.asarray(cv2.resize(linear(picture), (side, side), interpolation=cv2.INTER_AREA))


def _skins(folder: Path, part: Part, side: int) -> list[SkinTexture]:
    skins = []
    for entry in json.loads((folder / "index.json").read_text())["skins"]:
        if not _belongs(entry["name"], HELD_OUT_SKINS, part):
            continue
        face = _reduced(read_picture(folder / entry["face"]), side)
        head = _reduced(read_picture(folder / entry["head"]), side)
        third = side // 3
        mean = face[third : 2 * third, third : 2 * third].mean((0, 1))
        skins.append(SkinTexture(entry["name"], entry["age"], entry["sex"], _skin_weight(entry), mean, face, head))
    return skins


def _belongs(name: str, held_out: tuple[str, ...], part: Part) -> bool:
    return (name in held_out) == (part == "held out")


def _skin_weight(entry: dict[str, Any]) -> float:
    """Painted, tinted and blurred skins are taken less often."""
    notes = entry["notes"]
    if "leave out" in notes or "blotchy" in notes:
        return 0.15
    if "tinted" in notes or "over-saturated" in notes:
        return 0.4
    return 0.5 if "512" in notes else 1.0


def _eyes(folder: Path) -> tuple[list[Float[np.ndarray, "R R 3"]], list[int]]:
    files = sorted(folder.glob("*_eye.png"))
    if not files:
        raise AssetError(f"{folder}: no *_eye.png; --data must name the generator's source data")
    return [_reduced(read_picture(f), EYE_SIDE) for f in files], [
        i for i, f in enumerate(files) if f.stem.startswith("brown")
    ]


def _environments(path: Path, part: Part) -> list[Float[np.ndarray, "H W 3"]]:
    maps = []
    with np.load(path) as stored:
        for name in (n for n in stored.files if _belongs(n, HELD_OUT_ENVIRONMENTS, part)):
            radiance = np.minimum(stored[name].astype(np.float32), _BRIGHTEST)
            maps.append(radiance / (radiance.mean((0, 1)) @ _LUMINANCE + 1e-6).astype(np.float32))
    return maps


def _backgrounds(folder: Path) -> list[UInt8[np.ndarray, "H W 3"]]:
    """Photos of the detector's set in which nobody is seen."""
    chosen = []
    with zipfile.ZipFile(folder / "photos.zip") as archive:
        for entry in json.loads((folder / "photos.json").read_text()):
            if (
                entry["licence"] == "CC BY 2.0"
                and entry["id"].startswith("coco")
                and not entry.get("persons")
                and not entry.get("yunet")
            ):
                packed = np.frombuffer(archive.read(entry["id"] + ".jpg"), np.uint8)
                chosen.append(cv2.cvtColor(cv2.imdecode(packed, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB))
    return chosen


def _scores(names: tuple[str, ...], count: int = 4096) -> Float[np.ndarray, "N E"]:
    """Draws from the prior over scores of photos, sorted into the model's expressions."""
    drawn = ExpressionPrior.load().draw(np.random.default_rng(0), count)
    result = np.zeros((count, len(names)), np.float32)
    result[:, [names.index(n) for n in ARKIT]] = drawn
    return from_scores(result, names)


def _seen_scores(data: Path, names: tuple[str, ...]) -> Float[np.ndarray, "N E"]:
    """Scores of the labelled photos that nothing was ever trained on, sorted into the model's expressions."""
    order = json.loads((data / "mediapipe/arkit52.json").read_text())["mediapipe_order"]
    rows = []
    for folder in LABELLED:
        with np.load(data / folder / "labels_val.npz") as labels:
            rows.append(labels["blendshapes"][labels["found"] == 1].astype(np.float32))
    found = np.concatenate(rows)
    result = np.zeros((len(found), len(names)), np.float32)
    for column, name in enumerate(order):
        if name in names:
            result[:, names.index(name)] = found[:, column]
    return from_scores(result, names)
