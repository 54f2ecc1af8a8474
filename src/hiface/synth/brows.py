"""Brows: painted layers, laid where the landmarks say that brows are.

The layers come from another head and arrive three millimetres too low at the nose and as much too high at the temples,
so that every face looks angry and the picture contradicts its own landmarks.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float

from hiface.face.model import FaceModel
from hiface.synth.files import read_picture

UPPER, LOWER = (70, 63, 105, 66, 107), (46, 53, 52, 65, 55)
"""MediaPipe's points along the edges of the right brow, from the temple to the nose."""
OWN_SHAPE = 0.5
"""How much of what sets a layer apart from the others' mean line is kept."""
_TILE = 1024
_INK = 0.15


def load_brows(folder: Path, face: FaceModel, side: int) -> tuple[Float[np.ndarray, "N R R"], slice]:
    """Cover of each layer in the face tile, 0 to 1, and the rows that any of them touches."""
    places = _places(face, side)
    drawn = [_layer(folder, entry, side) for entry in json.loads((folder / "index.json").read_text())["eyebrows"]]
    lines = [_line(layer, places) for layer in drawn]
    usual, wanted = np.mean(lines, 0), landmark_line(face)
    lifts = [wanted - usual - (1 - OWN_SHAPE) * (own - usual) for own in lines]
    brows = np.stack([_lifted(layer, places, lift) for layer, lift in zip(drawn, lifts, strict=True)])
    rows = np.flatnonzero(brows.max((0, 2)) > 0.02)
    return brows, slice(int(rows[0]), int(rows[-1]) + 1)


def landmark_line(face: FaceModel) -> Float[np.ndarray, "3"]:
    """The middle of the brow's landmarks on the mean face: height over |x|, mm, as a parabola."""
    points = face.landmarks(face.mean[None], "mediapipe478")[0].numpy()
    middle = (points[list(UPPER)] + points[list(LOWER)]) / 2
    return np.polyfit(np.abs(middle[:, 0]), middle[:, 1], 2)


def _layer(folder: Path, entry: dict[str, Any], side: int) -> Float[np.ndarray, "R R"]:
    x0, y0, x1, y1 = entry["box_xyxy_in_face_tile"]
    layer = np.zeros((_TILE, _TILE), np.float32)
    layer[y0:y1, x0:x1] = read_picture(folder / entry["file"], cv2.IMREAD_UNCHANGED)[..., 3] / np.float32(255)
    return cv2.resize(layer, (side, side), interpolation=cv2.INTER_AREA)


def _places(face: FaceModel, side: int) -> Float[np.ndarray, "R R 3"]:
    """Where each texel lies on the mean face, mm."""
    atlas = face.atlas(side)
    count = int(atlas.triangles.max()) + 1
    return np.asarray(atlas.bake(face.mean[None, :count])[0].numpy())


def _line(layer: Float[np.ndarray, "R R"], places: Float[np.ndarray, "R R 3"]) -> Float[np.ndarray, "3"]:
    """The layer's own middle line, weighted by its ink."""
    ink = layer > _INK
    across, up = np.abs(places[ink][:, 0]), places[ink][:, 1]
    return np.polyfit(across, up, 2, w=np.sqrt(layer[ink]))


def _lifted(
    layer: Float[np.ndarray, "R R"], places: Float[np.ndarray, "R R 3"], lift: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "R R"]:
    """The layer moved up by a parabola in |x|, mm; beyond the brow by what its ends move."""
    side = len(layer)
    across = np.clip(np.abs(places[..., 0]), 12, 58)
    down = -np.gradient(places[..., 1], axis=0)  # mm a row; rows run down
    rows = np.polyval(lift, across) / np.clip(down, 0.2 * 512 / side, None)
    x, y = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
    return cv2.remap(layer, x, (y + rows).astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
