"""Light for clay pictures: a key light with soft shadow, a fill, a rim, and a sky dimmed where the face is
hollow."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Float

from hiface.export.seen import Seen
from hiface.render.rasterise import rasterise


def _unit(x: float, y: float, z: float) -> Float[np.ndarray, "3"]:
    vector = np.array([x, y, z], np.float32)
    return np.asarray(vector / np.linalg.norm(vector))


KEY, FILL, RIM = _unit(-0.62, 0.58, 0.62), _unit(0.85, 0.05, 0.5), _unit(0.7, 0.45, -0.62)
"""Towards the lights: from the upper left and well to the side, so that wrinkles throw shade."""
RAKING = _unit(-0.62, 0.74, 0.30)
"""A key light that grazes the front of a face: lines of a tenth of a millimetre show."""
OVERHEAD = _unit(-0.10, 0.90, 0.42)
"""A key light from above: it grazes temples and lids, whose lines run sideways."""
LIGHTS = np.array(
    [[1.28, 1.22, 1.14], [0.20, 0.23, 0.28], [0.42, 0.45, 0.50], [0.30, 0.32, 0.36], [0.10, 0.09, 0.085]],
    np.float32,
)
"""Linear colours of key, fill, rim, sky and ground."""

_COARSER = 2
"""Occlusion and shadow are found on every second sample: both are soft."""
_AO_MM = (1.5, 4.0, 9.0, 18.0, 32.0)
_AO_WAYS = 8
_AO_STRENGTH = 1.7
_SHADOW_SIDE, _SHADOW_BIAS_MM, _SHADOW_SOFT_MM = 512, 2.2, 2.6
_STEEPEST = 4.0
"""Slope towards the light beyond which a surface no longer tells how its neighbourhood goes on."""


def openness(seen: Seen) -> Float[np.ndarray, "N N"]:
    """How much of the sky each sample sees, 0 to 1: horizons in eight directions on the depth of the
    picture."""
    depth = np.ascontiguousarray(seen.depth[::_COARSER, ::_COARSER])
    normal = seen.normal[:, ::_COARSER, ::_COARSER]
    depth = np.where(np.isfinite(depth), depth, np.float32(1e4))
    towards = np.maximum(normal[2], 0.15)
    step_mm = seen.mm * _COARSER
    hidden = np.zeros_like(depth)
    for way in range(_AO_WAYS):
        angle = 2 * np.pi * (way + 0.5) / _AO_WAYS
        right, up = float(np.cos(angle)), float(np.sin(angle))
        tangent = -(normal[0] * np.float32(right) + normal[1] * np.float32(up)) / towards
        own = tangent / np.sqrt(1 + tangent * tangent)
        hidden += _horizon(depth, own, right, up, step_mm)
    share = 1 - np.clip(_AO_STRENGTH * hidden / _AO_WAYS, 0, 0.94)
    share = cv2.GaussianBlur(share, (0, 0), 1.0)
    return np.asarray(cv2.resize(share, seen.depth.shape[::-1], interpolation=cv2.INTER_LINEAR))


def _horizon(
    depth: Float[np.ndarray, "M M"], own: Float[np.ndarray, "M M"], right: float, up: float, step_mm: float
) -> Float[np.ndarray, "M M"]:
    """By how much (sines) the surroundings rise above the surface in one direction, nearer ones counting
    more."""
    most = np.zeros_like(depth)
    for reach in _AO_MM:
        columns, rows = round(right * reach / step_mm), round(-up * reach / step_mm)
        if columns == 0 and rows == 0:
            continue
        distance = np.float32(np.hypot(columns, rows) * step_mm)
        rise = (depth - _shifted(depth, rows, columns)) / distance
        sine = rise / np.sqrt(1 + rise * rise) - own - np.float32(0.04)
        np.maximum(most, sine * np.float32(1 - 0.6 * reach / _AO_MM[-1]), out=most)
    return most


def _shifted(image: Float[np.ndarray, "M M"], rows: int, columns: int) -> Float[np.ndarray, "M M"]:
    """`image` seen `rows` further down and `columns` further right, its border repeated."""
    height, width = image.shape
    matrix = np.array([[1, 0, columns], [0, 1, rows]], np.float32)
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE))


def key_shadow(seen: Seen, towards: Float[np.ndarray, "3"] = KEY) -> Float[np.ndarray, "N N"]:
    """1 where the key light reaches, 0 in its shadow, soft between: a depth map from the light, eight look-ups.

    A look-up beside a point is compared with the tangent plane there, or slanted skin would shade itself in stripes.
    """
    frame = _light_frame(towards)
    points = seen.corners[0].numpy()
    lit = points @ frame.T
    low, high = lit[:, :2].min(0), lit[:, :2].max(0)
    per_mm = (_SHADOW_SIDE - 2) / float((high - low).max())
    screen = np.concatenate([(lit[:, :2] - low) * per_mm + 1, -lit[:, 2:]], 1).astype(np.float32)
    raster = rasterise(torch.from_numpy(screen)[None], seen.triangles, _SHADOW_SIDE, _SHADOW_SIDE)
    nearest = raster.depth[0].numpy()
    x, y, z = _positions(seen)
    across, down, far = (f[0] * x + f[1] * y + f[2] * z for f in frame)
    place = np.stack([(across - low[0]) * per_mm + 0.5, (down - low[1]) * per_mm + 0.5], -1).astype(np.float32)
    limit = -far - np.float32(_SHADOW_BIAS_MM)
    slope = _slopes(seen, frame)
    light = np.zeros_like(far)
    for k in range(8):
        radius, angle = _SHADOW_SOFT_MM * np.sqrt((k + 0.5) / 8), 2.4 * k
        beside = np.array([np.cos(angle), np.sin(angle)], np.float32) * np.float32(radius)
        there = place + beside * np.float32(per_mm)
        blocker = cv2.remap(nearest, there, None, cv2.INTER_NEAREST, borderValue=float("inf"))
        light += blocker >= limit + beside[0] * slope[0] + beside[1] * slope[1]
    light = cv2.GaussianBlur(light / 8, (0, 0), 1.2)
    return np.asarray(cv2.resize(light, seen.depth.shape[::-1], interpolation=cv2.INTER_LINEAR))


def _slopes(seen: Seen, frame: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "2 M M"]:
    """By how much every second sample's tangent plane recedes from the light a mm to the light's right and up."""
    normal = seen.normal[:, ::_COARSER, ::_COARSER]
    x, y, z = np.einsum("ij,jkl->ikl", frame, normal)
    return np.asarray(np.clip(np.stack([x, y]) / np.maximum(z, 1e-3), -_STEEPEST, _STEEPEST), np.float32)


def _light_frame(towards: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """Rows: right, up and towards the key light."""
    right = np.cross((0, 1, 0), towards)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(towards, right), towards]).astype(np.float32)


def _positions(seen: Seen) -> list[Float[np.ndarray, "M M"]]:
    """x, y and z of every second sample, mm; far behind where nothing is seen."""
    depth = seen.depth[::_COARSER, ::_COARSER]
    count = seen.depth.shape[0]
    axis = ((np.arange(0, count, _COARSER) + 0.5 - count / 2) * seen.mm).astype(np.float32)
    x, y = np.meshgrid(axis, -axis)
    return [x, y, np.where(np.isfinite(depth), -depth, np.float32(-1e4))]


def shaded(
    seen: Seen,
    normal: Float[np.ndarray, "3 N N"],
    open_share: Float[np.ndarray, "N N"],
    lit: Float[np.ndarray, "N N"],
    towards: Float[np.ndarray, "3"] = KEY,
) -> tuple[Float[np.ndarray, "3 N N"], Float[np.ndarray, "N N"]]:
    """Linear light that falls on white clay, and the strength of the highlight; both zero where nothing is
    seen.

    open_share: of the sky; lit: of the key light, which lies in the direction `towards`.
    """
    open_share = open_share * seen.mask
    parts = np.zeros((len(LIGHTS), *seen.mask.shape), np.float32)
    key, fill, rim, sky, ground = parts
    wrap = np.float32(0.12)
    np.maximum((_facing(normal, towards) + wrap) / (1 + wrap), 0, out=key)
    key *= lit
    key *= seen.mask
    np.maximum(_facing(normal, FILL), 0, out=fill)
    fill *= open_share
    edge = 1 - normal[2]
    np.maximum(_facing(normal, RIM) + np.float32(0.25), 0, out=rim)
    rim *= edge * edge * open_share
    np.multiply(normal[1] * np.float32(0.5) + np.float32(0.5), open_share, out=sky)
    np.subtract(open_share, sky, out=ground)
    light = (LIGHTS.T @ parts.reshape(len(LIGHTS), -1)).reshape(3, *seen.mask.shape)
    half = np.maximum(_facing(normal, _unit(*(towards + np.array([0, 0, 1], np.float32)))), 0)
    for _ in range(4):
        half *= half
    half *= np.minimum(key * 3, 1)
    return light, half


def _facing(normal: Float[np.ndarray, "3 N N"], light: Float[np.ndarray, "3"]) -> Float[np.ndarray, "N N"]:
    """The cosine between normals and a direction."""
    return np.asarray((light @ normal.reshape(3, -1)).reshape(normal.shape[1:]))
