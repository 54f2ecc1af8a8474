"""Error pictures: scan patches coloured by their errors, with a legend in mm; numbered points. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from hiface.evaluate.report import colour_scale, error_colours
from hiface.geometry.surface import Mesh

_Array = np.ndarray[Any, np.dtype[Any]]
_GROUND, _INK = (24, 25, 27), (205, 207, 210)
_MARK = (235, 80, 60)
_FINER = 2
_LEGEND = 1 / 7
"""Width of the legend's column, parts of the picture's side."""
_LIGHT = np.array([-0.35, 0.45, 0.82])


@dataclass(frozen=True)
class Patch:
    """A surface with an error at every vertex."""

    mesh: Mesh
    errors_mm: Float[np.ndarray, "N"]


def error_picture(
    patches: Sequence[Patch], top_mm: float, side: int = 512, caption: str = "", yaw: float = 0.0
) -> UInt8[np.ndarray, "H W 3"]:
    """Patches in one frame (+x right, +y up, +z to the eye) under a soft light, sRGB; the legend at the right.

    top_mm: errors of this size and more have the last colour. yaw: turn of the subject, radians; positive shows
    its right side.
    """
    points = np.concatenate([p.mesh.vertices for p in patches]) @ _turn(yaw).T
    starts = np.cumsum([0, *(len(p.mesh.vertices) for p in patches[:-1])])
    triangles = np.concatenate([p.mesh.triangles + start for p, start in zip(patches, starts, strict=True)])
    errors = np.concatenate([p.errors_mm for p in patches])
    place = _framing(points, side * _FINER, 0.88)
    picture = _drawn(points, triangles, error_colours(errors, top_mm), side, place)
    sheet = np.full((side, round(side * (1 + _LEGEND)), 3), _GROUND, np.uint8)
    sheet[:, :side] = picture
    _legend(sheet, side, top_mm)
    if caption:
        _write(sheet, caption, (side // 40, side - side // 36))
    return sheet


def points_picture(
    mesh: Mesh, points: Float[np.ndarray, "L 3"], side: int = 900, yaws: Sequence[float] = (0.0, 0.75)
) -> UInt8[np.ndarray, "H W 3"]:
    """A grey mesh with numbered points, seen from several sides beside each other; framed by the points."""
    views = []
    for yaw in yaws:
        turned, marks = mesh.vertices @ _turn(yaw).T, points @ _turn(yaw).T
        place = _framing(marks, side * _FINER, 0.8)
        view = _drawn(turned, mesh.triangles, np.full((len(turned), 3), 0.75), side, place)
        for number, (x, y) in enumerate(place(marks)[:, :2] / _FINER):
            cv2.circle(view, (round(x), round(y)), max(2, side // 220), _MARK, -1, cv2.LINE_AA)
            _write(view, str(number), (round(x) + side // 150, round(y) - side // 200))
        views.append(view)
    return np.hstack(views)


def _turn(yaw: float) -> Float[np.ndarray, "3 3"]:
    cosine, sine = np.cos(yaw), np.sin(yaw)
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])


def _framing(points: _Array, size: int, share: float) -> Callable[[_Array], _Array]:
    """What brings points into the middle of a picture of `size` samples: x right, y down, z away."""
    low, high = points.min(0), points.max(0)
    per_unit, middle = share * size / float((high - low)[:2].max()), (low + high) / 2
    return lambda p: (p - middle) * [per_unit, -per_unit, -per_unit] + [size / 2, size / 2, 0]


def _drawn(
    points: _Array, triangles: _Array, colours: _Array, side: int, place: Callable[[_Array], _Array]
) -> UInt8[np.ndarray, "S S 3"]:
    from hiface.render.kernels import interpolate_image, rasterise_image

    size = side * _FINER
    screen, corners = place(points).astype(np.float32), triangles.astype(np.int32)
    face_id, depth = np.empty((size, size), np.int32), np.empty((size, size), np.float32)
    ones = np.ones(len(points), np.float32)
    rasterise_image(screen, ones, corners, face_id, depth)
    values = np.zeros((size, size, 6), np.float32)
    fields = np.concatenate([_normals(points, triangles), colours], 1).astype(np.float32)
    interpolate_image(screen, ones, corners, fields, corners, face_id, values)
    normal, colour = values[..., :3], values[..., 3:]
    facing = np.abs(normal @ (_LIGHT / np.linalg.norm(_LIGHT)))
    shade = 0.45 + 0.55 * facing / np.maximum(np.linalg.norm(normal, axis=-1), 1e-6)
    picture = np.where((face_id >= 0)[..., None], 255 * colour * shade[..., None], np.array(_GROUND))
    return cv2.resize(np.clip(picture, 0, 255).astype(np.uint8), (side, side), interpolation=cv2.INTER_AREA)


def _normals(points: _Array, triangles: _Array) -> _Array:
    a, b, c = (points[triangles[:, k]] for k in range(3))
    across = np.cross(b - a, c - a)
    normals = np.stack([np.bincount(triangles.reshape(-1), across[:, k].repeat(3), len(points)) for k in range(3)], 1)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _legend(sheet: UInt8[np.ndarray, "H W 3"], left: int, top_mm: float) -> None:
    scale = colour_scale(top_mm)
    height, wide = round(0.8 * left), max(8, left // 40)
    first = (left - height) // 2
    strip = cv2.resize((scale.strip[::-1, None] * 255).astype(np.uint8), (wide, height))
    sheet[first : first + height, left : left + wide] = strip
    for tick in scale.ticks_mm:
        row = first + round((1 - tick / top_mm) * (height - 1))
        cv2.line(sheet, (left + wide, row), (left + wide + wide // 2, row), _INK, 1)
        _write(sheet, f"{tick:g}", (left + wide * 2, row + left // 100))
    _write(sheet, "mm", (left, first - left // 50))


def _write(sheet: UInt8[np.ndarray, "H W 3"], text: str, where: tuple[int, int]) -> None:
    cv2.putText(sheet, text, where, cv2.FONT_HERSHEY_SIMPLEX, sheet.shape[0] / 1100, _INK, 1, cv2.LINE_AA)
