"""Photographic skins in our UV: read, freed of light and paint, split into a colour and a pattern.

What is taken out, in the logarithm of reflectance, where shade adds the same to every channel:
large shades (wider than 25 mm) to seven tenths, shadows of creases and folds by half, dark lines by half, hair roots
of scalp and brows wholly; colour differences between channels stay. Lips of painted skins are those of the others.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float

from hiface.export.blend import fill_smoothly
from hiface.face.albedo import density_of
from hiface.synth.assets import HELD_OUT_SKINS
from hiface.synth.body import build_body
from hiface.synth.hair import load_scalp
from tools.albedo.tiles import FACE, HEAD, Tiles, joined

_LUMINANCE = np.array([0.3, 0.6, 0.1], np.float32)
_WIDE, _FOLD = 28.0, 5.0
"""Blur in texels of the face tile: shades of the head, and folds."""
_PAINTED_LIPS = ("lip", "make-up")
_LEFT_OUT = ("community_caucasian_female", "community_bronze_female")
"""Painted all over; a tinted copy of another."""


@dataclass(frozen=True)
class Skin:
    """Density maps of one person; `face` and `head` meet at their border."""

    name: str
    weight: float
    colour: Float[np.ndarray, "3"]
    """Median density over the middle of the face, before anything was taken out."""
    face: Float[np.ndarray, "R R 3"]
    """Density less `colour`."""
    head: Float[np.ndarray, "Rh Rh 3"]


def read_skins(folder: Path, tiles: Tiles) -> list[Skin]:
    """The skins that may be learnt from: those of the open benchmark are never opened."""
    index = json.loads((folder / "index.json").read_text())
    scalp = load_scalp(folder.parent, build_body(tiles.model)).weight
    padded = np.pad(scalp, (0, len(tiles.model.mean) - len(scalp)))
    regions = Regions.of(
        tiles, brow_layers(folder).max(0), np.maximum.reduce([padded, tiles.model.region("scalp"), temples(tiles)])
    )
    skins = []
    for entry in index["skins"]:
        name = entry["name"]
        if name in HELD_OUT_SKINS or name in _LEFT_OUT:
            continue
        skins.append(_skin(folder, entry, tiles, regions))
    return with_borrowed_lips(skins, index["skins"], regions.lips_face)


def temples(tiles: Tiles) -> Float[np.ndarray, "V"]:
    """1 where hair reaches down before the ears."""
    x, y, z = tiles.model.mean.numpy().T
    return np.asarray((np.abs(x) > 60) & (y > 8) & (z < 60) & ~tiles.model.region("ears"), np.float32)


@dataclass(frozen=True)
class Regions:
    """Where what is taken out lies; 0 to 1."""

    lips_face: Float[np.ndarray, "R R"]
    detail_face: Float[np.ndarray, "R R"]
    """Lips, eyes, nostrils: no shade is judged there."""
    hair_face: Float[np.ndarray, "R R"]
    hair_head: Float[np.ndarray, "Rh Rh"]

    @classmethod
    def of(cls, tiles: Tiles, brows: Float[np.ndarray, "R R"], scalp: Float[np.ndarray, "V"]) -> Regions:
        lips = tiles.face.bake(tiles.model.region("lips"))
        eyes = tiles.face.bake(tiles.model.region("eyes"))
        near_brows = cv2.dilate(brows, np.ones((9, 9), np.uint8))
        face_scalp, head_scalp = (
            cv2.dilate(np.asarray(tile.bake(scalp) > 0.35, np.float32), np.ones((n, n), np.uint8))
            for tile, n in ((tiles.face, 15), (tiles.head, 13))
        )
        hair = np.maximum(face_scalp, near_brows)
        return cls(_soft(lips, 2), _soft(np.maximum(lips, eyes), 3), _soft(hair, 5), _soft(head_scalp, 4))


def _soft(field: Float[np.ndarray, "R R"], texels: float) -> Float[np.ndarray, "R R"]:
    return np.asarray(cv2.GaussianBlur(np.asarray(field, np.float32), (0, 0), texels))


def linear(picture: np.ndarray) -> np.ndarray:
    """Linear light of sRGB bytes."""
    value = picture.astype(np.float32) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


def read(path: Path, side: int) -> np.ndarray:
    picture = cv2.imread(str(path))[..., ::-1]
    return linear(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA))


def brow_layers(folder: Path) -> Float[np.ndarray, "12 R R"]:
    """Opacity of the brow layers in the face tile."""
    layers = []
    for entry in json.loads((folder / "index.json").read_text())["eyebrows"]:
        picture = cv2.imread(str(folder / entry["file"]), cv2.IMREAD_UNCHANGED)
        x0, y0, x1, y1 = entry["box_xyxy_in_face_tile"]
        alpha = np.zeros((1024, 1024), np.float32)
        alpha[y0:y1, x0:x1] = picture[..., 3] / 255
        layers.append(cv2.resize(alpha, (FACE, FACE), interpolation=cv2.INTER_AREA))
    return np.stack(layers)


def _skin(folder: Path, entry: dict, tiles: Tiles, regions: Regions) -> Skin:
    face, head = read(folder / entry["face"], FACE), read(folder / entry["head"], HEAD)
    colour = middle_density(face)
    face = delit(face, regions.detail_face, regions.hair_face, _WIDE)
    head = delit(head, np.zeros_like(regions.hair_head), regions.hair_head, _WIDE / 2)
    pattern, head_pattern = density_of(face) - colour, density_of(head) - colour
    pattern -= np.median(pattern[200:328, 150:362], axis=(0, 1))
    notes = entry["notes"]
    weight = 0.25 if "blotchy" in notes or "saturated" in notes or "cast" in notes else 0.6 if "512" in notes else 1.0
    return Skin(entry["name"], weight, colour, pattern, joined(tiles, pattern, head_pattern))


def middle_density(face: Float[np.ndarray, "R R 3"]) -> Float[np.ndarray, "3"]:
    """Density of the median colour of cheeks and nose: the skin's own."""
    side = len(face)
    rows, columns = slice(int(0.39 * side), int(0.64 * side)), slice(int(0.29 * side), int(0.7 * side))
    return np.asarray(density_of(np.median(face[rows, columns].reshape(-1, 3), axis=0)))


def delit(
    tile: Float[np.ndarray, "R R 3"], detail: Float[np.ndarray, "R R"], hair: Float[np.ndarray, "R R"], wide: float
) -> Float[np.ndarray, "R R 3"]:
    """Reflectance without most of the light that was in it.

    `detail`: places whose darkness is their own. `hair`: places whose fine darkness is hair. `wide`: blur in texels.
    """
    logs = np.log(np.maximum(tile, 0.004))
    shade = logs @ _LUMINANCE
    judged = 1 - np.maximum(detail, hair)
    large = fill_smoothly(blurred_where(shade, judged, wide)[..., None], np.asarray(hair < 0.05, np.float32))[..., 0]
    fold = blurred_where(shade, 1 - detail, wide * _FOLD / _WIDE)
    gone = 0.7 * (large - np.median(large))
    gone = gone + 0.5 * np.minimum(fold - large, 0) * (1 - detail)
    gone = gone + 0.5 * np.minimum(shade - fold, 0) * (1 - detail)
    logs = logs - gone[..., None]
    bare = fill_smoothly(logs, np.asarray(hair < 0.05, np.float32))
    logs = logs * (1 - hair[..., None]) + bare * hair[..., None]
    return np.asarray(np.exp(np.minimum(logs, np.log(0.88))), np.float32)


def blurred_where(
    field: Float[np.ndarray, "R R"], weight: Float[np.ndarray, "R R"], texels: float
) -> Float[np.ndarray, "R R"]:
    """Gaussian average of what has weight, continued to where none has."""
    known = weight + 1e-3
    return np.asarray(
        cv2.GaussianBlur((field * known).astype(np.float32), (0, 0), texels)
        / cv2.GaussianBlur(known.astype(np.float32), (0, 0), texels)
    )


def with_borrowed_lips(skins: list[Skin], entries: list[dict], lips: Float[np.ndarray, "R R"]) -> list[Skin]:
    """Lips drawn halfway to the mean lips of the unpainted skins, painted ones wholly: the families have lips too."""
    notes = {e["name"]: e["notes"] for e in entries}
    painted = [any(word in notes[s.name] for word in _PAINTED_LIPS) for s in skins]
    plain = np.mean([s.face for s, p in zip(skins, painted, strict=True) if not p], axis=0)
    covers = [lips[..., None] * (1.0 if p else 0.5) for p in painted]
    return [
        Skin(s.name, s.weight, s.colour, s.face * (1 - cover) + plain * cover, s.head)
        for s, cover in zip(skins, covers, strict=True)
    ]
