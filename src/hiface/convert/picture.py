"""What a converted model looks like: the mean face with its landmarks, its modes at both ends, a few units."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import torch
from jaxtyping import UInt8

from hiface.detail.people import draw_detail
from hiface.export.portrait import PICTURE_MM, Sitter, Studio, grid

COLUMNS = 4
_UNITS = ("jawOpen", "mouthSmile", "eyeBlink", "browInnerUp")
_MODES, _DEVIATIONS = 4, 3.0
_COLOURS = {"mediapipe478": (90, 200, 255), "mediapipe68": (255, 200, 40), "dense669": (120, 255, 120)}
_RADII = {"mediapipe478": 1.0, "mediapipe68": 1.8, "dense669": 1.0}
_FINE = 16


def model_sheet(studio: Studio, side: int = 384, textured: bool = True) -> UInt8[np.ndarray, "H W 3"]:
    """A sheet of four columns: mean face in clay, with 478 and 68 points, with 669 points, in skin; below it identity
    modes and the source's own expression modes at -3 and +3, and ARKit units at full weight."""
    usual = studio.usual()
    look = "skin" if textured else "clay"
    plain = studio.portrait(usual, side, "clay")
    cells = [
        plain,
        _with_points(studio, plain, ("mediapipe478", "mediapipe68")),
        _with_points(studio, plain, ("dense669",)),
        studio.portrait(_aged(studio, usual) if textured else replace(usual, yaw=0.6), side, look),
    ]
    for mode in range(min(_MODES, studio.face.identity_size)):
        cells += [studio.portrait(_moved(usual, "identity", mode, s * _DEVIATIONS), side, "clay") for s in (-1, 1)]
    cells += [studio.portrait(_unit(studio, usual, name), side, look) for name in _UNITS]
    for mode in np.flatnonzero(studio.face.signed.numpy())[:_MODES]:
        cells += [
            studio.portrait(_moved(usual, "expression", int(mode), s * _DEVIATIONS), side, "clay") for s in (-1, 1)
        ]
    return grid(cells, COLUMNS)


def _moved(sitter: Sitter, kind: str, mode: int, amount: float) -> Sitter:
    values = getattr(sitter, kind).copy()
    values[mode] = amount
    return replace(sitter, **{kind: values})


def _unit(studio: Studio, sitter: Sitter, name: str) -> Sitter:
    """A unit, or its left and right together, at full weight."""
    weights = sitter.expression.copy()
    for k, own in enumerate(studio.face.expression_names):
        if own in (name, f"{name}Left", f"{name}Right"):
            weights[k] = 1
    return replace(sitter, expression=weights)


def _aged(studio: Studio, sitter: Sitter) -> Sitter:
    """Turned a little, with the wrinkles of seventy years: shows whether detail and colour lie where they belong."""
    return replace(sitter, yaw=0.35, detail=draw_detail(studio.captures, 70.0, np.random.default_rng(0)))


def _with_points(
    studio: Studio, picture: UInt8[np.ndarray, "S S 3"], names: tuple[str, ...]
) -> UInt8[np.ndarray, "S S 3"]:
    """Landmark sets of the mean face drawn over its portrait."""
    drawn, side = picture.copy(), len(picture)
    mean = torch.from_numpy(studio.framed(studio.face.mean.numpy())).float()[None]
    for name in names:
        places = studio.face.landmarks(mean, name)[0, :, :2].numpy() * [1, -1] * side / PICTURE_MM + side / 2
        for x, y in places:
            centre = round(float(x) * _FINE), round(float(y) * _FINE)
            cv2.circle(drawn, centre, round(_RADII[name] * _FINE), _COLOURS[name], -1, cv2.LINE_AA, 4)
    return drawn
