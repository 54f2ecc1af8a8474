"""Contact sheets of photos with our points (green) and the true ones (red): what lies behind a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from hiface.assets.format import write_atomically
from hiface.photo.crop import CropBox, crop_pixels, photo_from_crop, transform_points

TILE = 256
_GREEN, _RED = (40, 220, 60), (255, 60, 50)


@dataclass(frozen=True)
class Tile:
    """One photo of a sheet."""

    pixels: UInt8[np.ndarray, "H W 3"]
    points: Float[np.ndarray, "L 2"]
    truth: Float[np.ndarray, "M 2"]
    caption: str


def write_sheet(path: Path, tiles: Sequence[Tile], columns: int = 6) -> Path:
    """The tiles in rows, each cut square round all of its points."""
    drawn = [_draw(tile) for tile in tiles]
    drawn += [np.zeros_like(drawn[0])] * (-len(drawn) % columns)
    rows = [np.concatenate(drawn[i : i + columns], 1) for i in range(0, len(drawn), columns)]
    picture = cv2.imencode(path.suffix, np.concatenate(rows)[..., ::-1])[1].tobytes()
    return write_atomically(path, lambda p: p.write_bytes(picture))


def _draw(tile: Tile) -> UInt8[np.ndarray, "S S 3"]:
    everything = np.concatenate([tile.points, tile.truth])
    low, high = everything.min(0), everything.max(0)
    centre = (low + high) / 2
    box = CropBox((float(centre[0]), float(centre[1])), 1.35 * float((high - low).max()), 0.0)
    cut = crop_pixels(tile.pixels, box, TILE).copy()
    to_tile = np.linalg.inv(photo_from_crop(box, TILE))
    for points, colour in ((tile.truth, _RED), (tile.points, _GREEN)):
        for x, y in transform_points(to_tile, points):
            cv2.circle(cut, (round(16 * x), round(16 * y)), 24, colour, -1, cv2.LINE_AA, 4)
    cv2.rectangle(cut, (0, TILE - 20), (TILE, TILE), (0, 0, 0), -1)
    cv2.putText(cut, tile.caption, (5, TILE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA)
    return cut
