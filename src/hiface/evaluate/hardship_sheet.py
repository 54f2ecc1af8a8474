"""A sheet of photos under hardship, each beside itself with the face that the model saw in it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import UInt8

from hiface.assets.format import write_atomically
from hiface.evaluate.answers import Answers, crop_box
from hiface.evaluate.hardship_answers import HardAnswers, seed_of
from hiface.evaluate.hardships import SERIES, STEPS, Hardship, hardened
from hiface.export.clay import key_shadow, openness
from hiface.export.pictures import clay, overlay
from hiface.export.seen import look_at
from hiface.face.model import FaceModel
from hiface.model import HiFace
from hiface.photo.crop import CropBox, crop_pixels
from hiface.photo.packs import Pack
from hiface.photo.read import read_photo

TILE = 168
_WIDER = 1.35
"""Part of the photo that a tile shows, in crop sides."""
PHOTOS = 5


def write_hard_sheet(model: HiFace, pack: Pack, found: HardAnswers, path: Path) -> Path:
    """Rows: clean, then each kind in the middle and at its strongest; columns: photos, bare and with the mesh."""
    chosen = [Hardship()] + [
        Hardship(k, s) for k, steps in STEPS.items() for s in (steps[len(steps) // 2 - 1], steps[-1])
    ]
    photos = np.unique(np.linspace(0, len(pack) - 1, PHOTOS).round().astype(int))
    lines = []
    for hardship in chosen:
        tiles = [tile for i in photos for tile in _pair(model, pack, found, int(i), hardship)]
        cv2.putText(
            tiles[0], hardship.title, (4, TILE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 0), 1, cv2.LINE_AA
        )
        lines.append(np.concatenate(tiles, 1))
    sheet = cv2.cvtColor(np.concatenate(lines), cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(path.suffix, sheet, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()
    return write_atomically(path, lambda p: p.write_bytes(encoded))


def _pair(
    model: HiFace, pack: Pack, found: HardAnswers, i: int, hardship: Hardship
) -> list[UInt8[np.ndarray, "S S 3"]]:
    pixels = read_photo(pack.encoded[i]).pixels
    points = pack.fractions[i] * pixels.shape[1::-1]
    hard = hardened(pixels, points, hardship, seed_of(pack.encoded[i]))
    answer = _at(found.answers, i, SERIES.index(hardship))
    own = crop_box(answer.box[0])
    clean = crop_box(found.answers.box[i, 0])
    factor = hard.shape[1] / pixels.shape[1]
    wide = CropBox((clean.centre[0] * factor, clean.centre[1] * factor), _WIDER * clean.side * factor, clean.roll)
    bare = crop_pixels(hard, wide, TILE).copy()
    return [bare, crop_pixels(laid_over(model, hard, answer, own), _within(wide, own), TILE).copy()]


def _at(answers: Answers, i: int, k: int) -> Answers:
    c = answers.coefficients
    one = type(c)(**{name: value[i, k][None] for name, value in vars(c).items()})
    return Answers(one, answers.box[i, k][None], answers.sigma[i, k][None], answers.found[i, k][None])


@torch.no_grad()
def laid_over(
    model: HiFace, pixels: UInt8[np.ndarray, "H W 3"], answer: Answers, box: CropBox
) -> UInt8[np.ndarray, "S S 3"]:
    """The photo round a crop, `_SPAN` crop sides of it, with the answer's face in clay over it."""
    side = round(TILE * _SPAN)
    crop = crop_pixels(pixels, CropBox(box.centre, box.side * _SPAN, box.roll), side)
    face: FaceModel = model.face
    posed = model.reconstructor.shape(answer.coefficients.to(model.device), "all").posed[0].cpu().numpy()
    seen = look_at(face, posed, float(answer.coefficients.scale[0]) / _SPAN, side)
    return overlay(crop, seen, face, clay(seen, seen.normal, openness(seen), key_shadow(seen)))


_SPAN = 2.0
"""Crop sides that the picture with the mesh shows: enough for a tile where the answer's crop lies beside the clean."""


def _within(wide: CropBox, own: CropBox) -> CropBox:
    """Where a box of the photo lies in the picture of `laid_over`."""
    side = TILE * _SPAN
    per_pixel = side / (own.side * _SPAN)
    cosine, sine = np.cos(own.roll), np.sin(own.roll)
    x, y = np.asarray(wide.centre) - own.centre
    centre = (side / 2 + per_pixel * (cosine * x + sine * y), side / 2 + per_pixel * (cosine * y - sine * x))
    return CropBox((float(centre[0]), float(centre[1])), wide.side * per_pixel, wide.roll - own.roll)
