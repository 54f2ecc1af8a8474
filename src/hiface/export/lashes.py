"""Lashes: the face model has strips, one a row of lashes; hairs are drawn on them as transparency."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from hiface.export.corners import Piece, pieces
from hiface.export.seen import Seen
from hiface.face.model import FaceModel
from hiface.render.interpolate import interpolate
from hiface.render.rasterise import rasterise

COLOUR = (26, 20, 17)
"""sRGB."""
UPPER = ((0.5160, 0.6556), (0.6820, 0.8216), (0.8480, 0.9877))
LOWER = ((0.0142, 0.1540), (0.1803, 0.3201), (0.3463, 0.4861))
"""v of tips and roots of the strips; one eye fills u from 0.01 to 0.49, the other the rest."""
_HALVES = ((0.012, 0.490), (0.510, 0.988))
_FINER = 4
_CLEARANCE_MM = 0.5
"""Roots lie on the lid: they may be this much behind it."""


@lru_cache(maxsize=2)
def lash_texture(side: int = 512) -> UInt8[np.ndarray, "R R 4"]:
    """RGBA of the lashes' tile, straight alpha; tapered hairs, denser and longer on the upper lid."""
    rng = np.random.default_rng(4)
    alpha = np.zeros((side * _FINER, side * _FINER), np.uint8)
    for strips, count, shortest, strength in ((UPPER, 42, 0.62, 1.0), (LOWER, 24, 0.35, 0.6)):
        for strip in strips:
            for half in _HALVES:
                _draw_strip(rng, alpha, strip, half, count, shortest, strength)
    alpha = cv2.resize(alpha, (side, side), interpolation=cv2.INTER_AREA)
    picture = np.zeros((side, side, 4), np.uint8)
    picture[..., :3] = COLOUR
    picture[..., 3] = alpha
    return picture


def _draw_strip(
    rng: np.random.Generator,
    alpha: UInt8[np.ndarray, "H W"],
    strip: tuple[float, float],
    half: tuple[float, float],
    count: int,
    shortest: float,
    strength: float,
) -> None:
    """Hairs from the root (the strip's upper border in UV) to tips that lean away from the middle of the
    eye."""
    side = len(alpha)
    (tip, root), (left, right) = strip, half
    for place in (np.arange(count) + rng.uniform(0.1, 0.9, count)) / count:
        length = rng.uniform(shortest, 1.0) * (0.55 + 0.45 * np.sin(np.pi * (0.1 + 0.8 * place)))
        lean = (place - 0.5) * 0.06 + rng.normal(0, 0.008)
        t = np.linspace(0, 1, 14)
        u = left + (right - left) * np.clip(place + lean * t**1.6, 0, 1)
        v = root + (tip - root) * length * t
        points = np.stack([u, 1 - v], 1) * side
        thick = 0.0027 * strength**0.5 * side * rng.uniform(0.8, 1.1)
        for k in range(len(t) - 1):
            ends = [tuple(int(x) for x in p) for p in points[k : k + 2]]
            width = max(1, round(thick * (1 - t[k]) ** 0.8))
            cv2.line(alpha, ends[0], ends[1], int(255 * strength * (1 - 0.45 * t[k])), width, cv2.LINE_AA)


def lash_cover(seen: Seen, model: FaceModel, posed: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "N N"]:
    """How much of each sample the lashes cover, 0 to 1: one strip after another, since they lie behind each
    other."""
    cover = np.zeros_like(seen.depth)
    piece = next((p for p in pieces(model) if p.name == "lashes"), None)
    if piece is None:
        return cover
    screen = seen.project(np.asarray(posed, np.float32)[piece.source])
    low = np.clip(np.floor(screen[:, :2].min(0)), 0, len(cover) - 1).astype(int)
    high = np.clip(np.ceil(screen[:, :2].max(0)), low + 1, len(cover)).astype(int)
    window = (slice(low[1], high[1]), slice(low[0], high[0]))
    screen[:, :2] -= low
    for strip in (*UPPER, *LOWER):
        hairs = _strip_cover(piece, screen, strip, seen.depth[window])
        cover[window] = 1 - (1 - cover[window]) * (1 - hairs)
    return cover


def _strip_cover(
    piece: Piece,
    screen: Float[np.ndarray, "C 3"],
    strip: tuple[float, float],
    depth: Float[np.ndarray, "H W"],
) -> Float[np.ndarray, "H W"]:
    """Cover by one strip (of both eyes) where it is not behind what the picture shows."""
    middle = piece.uv[piece.triangles, 1].mean(1)
    triangles = torch.from_numpy(piece.triangles[(middle > strip[0]) & (middle < strip[1])])
    points = torch.from_numpy(screen)[None]
    raster = rasterise(points, triangles, *depth.shape)
    place = torch.from_numpy(piece.uv * np.array([1, -1], np.float32) + np.array([0, 1], np.float32))
    where = interpolate(raster, points, None, triangles, place[None])[0].numpy()
    shown = (raster.depth[0].numpy() < depth + _CLEARANCE_MM) & (raster.face_id[0].numpy() >= 0)
    alpha = np.ascontiguousarray(lash_texture()[..., 3])
    found = cv2.remap(alpha, where * np.float32(len(alpha)) - np.float32(0.5), None, cv2.INTER_LINEAR)
    return np.asarray(found * shown / np.float32(255))
