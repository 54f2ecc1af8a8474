"""A sheet of portraits from the youngest to the oldest, each above its reconstruction under a grazing light."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from hiface.assets.format import write_atomically
from hiface.evaluate.answers import Answers, crop_box
from hiface.export.overview import row_of
from hiface.export.sculpture import Frame, sculpture
from hiface.model import HiFace
from hiface.photo.crop import crop_pixels
from hiface.photo.packs import Pack
from hiface.photo.read import read_photo

COLUMNS, ROWS, SIDE = 6, 2, 320


def write_ages_sheet(path: Path, model: HiFace, pack: Pack, answers: Answers, ages: Float[np.ndarray, "N"]) -> Path:
    """Photos at even steps through the ages, in pairs of rows: photo, clay."""
    order = np.argsort(ages, kind="stable")
    count = min(COLUMNS * ROWS, len(order))
    chosen = order[np.linspace(0, len(order) - 1, count).round().astype(int)]
    rows = []
    for start in range(0, count, COLUMNS):
        part = chosen[start : start + COLUMNS]
        photos, clays = zip(*(_pair(model, pack, answers, int(i)) for i in part), strict=True)
        rows += [row_of(photos, [f"{ages[i]:.0f} years" for i in part]), row_of(clays, [""] * len(part))]
    wide = max(row.shape[1] for row in rows)
    sheet = np.concatenate([_padded(row, wide) for row in rows])
    picture = cv2.imencode(path.suffix, sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
    return write_atomically(path, lambda p: p.write_bytes(picture))


def _pair(
    model: HiFace, pack: Pack, answers: Answers, i: int
) -> tuple[UInt8[np.ndarray, "S S 3"], UInt8[np.ndarray, "S S 3"]]:
    photo, box = read_photo(pack.encoded[i]), crop_box(answers.box[i])
    coefficients = answers[np.array([i])].coefficients
    result = model.assemble(photo, box, coefficients, (1.0, ""))
    frame = Frame((0.0, 0.0), 1 / float(coefficients.scale[0]))
    picture = sculpture(model.face, result.shape.posed, result.detail.displacement, frame, SIDE)
    return crop_pixels(photo.pixels, box, SIDE), picture


def _padded(row: UInt8[np.ndarray, "H W 3"], wide: int) -> UInt8[np.ndarray, "H W 3"]:
    missing = wide - row.shape[1]
    return cv2.copyMakeBorder(row, 0, 0, 0, missing, cv2.BORDER_REPLICATE) if missing else row
