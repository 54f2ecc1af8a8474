"""Glasses, hats, cloth masks and clothes, made for each wearer."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Int

from hiface.synth.body import NECK, Body
from hiface.synth.kernels import vertex_normals
from hiface.synth.people import turn
from hiface.synth.things import SOLID, TEXTURED, WHITE, Thing, Wearer, grid, merge, solid, strip

Mesh = tuple[Float[np.ndarray, "N 3"], Int[np.ndarray, "T 3"]]
_MASK_COLOURS = np.array([[0.25, 0.45, 0.6], [0.75, 0.75, 0.75], [0.02, 0.02, 0.02], [0.5, 0.3, 0.35]])


def glasses(rng: np.random.Generator, body: Body, wearer: Wearer, dark: bool) -> list[Thing]:
    """Frame and, for dark ones, lenses."""
    frame, lenses = _glasses_meshes(rng, body, wearer.skin)
    colour = rng.uniform(0.01, 0.25) * rng.uniform(0.5, 1, 3) if rng.random() < 0.8 else np.array([0.5, 0.4, 0.25])
    things = [solid("frame", (wearer.place(frame[0]), frame[1]), colour, 3.0, 40.0)]
    if dark:
        tint = rng.uniform(0.005, 0.05) * rng.uniform(0.4, 1, 3)
        cover = int(rng.choice([120, 200, SOLID]))
        things.append(solid("lens", (wearer.place(lenses[0]), lenses[1]), tint, 4.0, 90.0, cover))
    return things


def _glasses_meshes(rng: np.random.Generator, body: Body, skin: Float[np.ndarray, "V 3"]) -> tuple[Mesh, Mesh]:
    lm = body.ibug68
    left, right, nose = skin[lm[42:48]].mean(0), skin[lm[36:42]].mean(0), skin[lm[27]]
    half_width, half_height, squareness = rng.uniform(21, 28), rng.uniform(15, 25), rng.uniform(2, 5)
    thick, drop = rng.uniform(0.8, 3.5), rng.uniform(-5, 1)
    front = max(nose[2] + rng.uniform(0, 4), left[2] + 8)
    t = np.linspace(0, 2 * np.pi, 33)
    ring = np.stack([np.sign(w) * np.abs(w) ** (2 / squareness) for w in (np.cos(t), np.sin(t))], 1)
    apart = max(abs(left[0]), half_width + 7)
    frames: list[Mesh] = []
    lenses: list[Mesh] = []
    for sign, eye, ear in ((1, left, skin[lm[16]]), (-1, right, skin[lm[0]])):
        middle = np.array([sign * apart, eye[1] + drop])
        bent = front - 0.003 * np.abs(middle[0] + ring[:, 0] * half_width) ** 2
        outer = np.column_stack([middle + ring * [half_width + thick, half_height + thick], bent])
        inner = np.column_stack([middle + ring * [half_width, half_height], bent])
        frames += [strip(outer, inner), strip(outer, outer - [0, 0, 2.5])]
        fan = np.stack([np.arange(32), np.arange(1, 33), np.full(32, 33)], 1)
        lenses.append((np.concatenate([inner, inner.mean(0, keepdims=True)]), fan))
        hinge = [sign * (apart + half_width + thick), eye[1] + half_height * 0.4, outer[:, 2].min() + 3]
        over_ear = [ear[0] + sign * 6, eye[1] + half_height * 0.4, ear[2]]
        temple = np.array([hinge, over_ear, [ear[0] + sign * 4, eye[1] - 8, ear[2] - 22]])
        frames.append(strip(temple, temple - [0, max(thick, 2) * 1.6, 0]))
    gap, height = apart - half_width, left[1] + drop
    bridge = np.array([[-gap, height + 3, front], [0, height + 5, front + 1], [gap, height + 3, front]])
    frames.append(strip(bridge, bridge - [0, max(thick, 1.5), 0]))
    return merge(frames), merge(lenses)


def hat(rng: np.random.Generator, body: Body, wearer: Wearer) -> Thing:
    """A peaked cap, a brimmed hat or a woollen cap."""
    top = wearer.skin[body.neutral[: len(wearer.skin), 1] > 70]
    low, high = top.min(0), top.max(0)
    centre = np.array([(low[0] + high[0]) / 2, rng.uniform(62, 82), (low[2] + high[2]) / 2 - 2])
    radius = np.array([(high[0] - low[0]) / 2, high[1] - centre[1], (high[2] - low[2]) / 2])
    radius += np.array([11, rng.uniform(8, 30), 11])
    around = np.linspace(0, 2 * np.pi, 41)
    rows = [
        centre + radius * np.stack(
            [np.sin(around) * np.cos(e) ** 0.7, np.full(41, np.sin(e)) ** 0.9, np.cos(around) * np.cos(e) ** 0.7], 1
        )
        for e in np.linspace(0, np.pi / 2, 12)
    ]  # fmt: skip
    parts = [grid(np.array(rows)), *_brim(rng, centre, radius, rows[0], around)]
    points, triangles = merge(parts)
    tilt = turn(0, rng.uniform(-0.25, 0.1), rng.normal(0, 0.05))
    colour = rng.uniform(0.02, 0.6) * rng.uniform(0.3, 1, 3)
    return solid("hat", (wearer.place((points - centre) @ tilt.T + centre), triangles), colour, 0.1, 10.0)


def _brim(
    rng: np.random.Generator, centre: Float[np.ndarray, "3"], radius: Float[np.ndarray, "3"],
    base: Float[np.ndarray, "N 3"], around: Float[np.ndarray, "N"],
) -> list[Mesh]:  # fmt: skip
    kind = rng.integers(3)
    if kind == 0:  # a peak in front
        q = np.linspace(-1.15, 1.15, 24)
        inner = centre + radius * np.stack([np.sin(q), 0 * q, np.cos(q)], 1)
        length = rng.uniform(45, 75) * np.cos(q * 1.3) ** 0.6
        outer = inner + np.stack([0.25 * np.sin(q) * length, -0.25 * length, length], 1)
        return [strip(inner, outer), strip(outer, outer - [0, 2, 0])]
    if kind == 1:  # a brim all round
        outer = base + np.stack([np.sin(around), np.full_like(around, -0.12), np.cos(around)], 1) * rng.uniform(30, 80)
        return [strip(base, outer), strip(outer, outer - [0, 2, 0])]
    cuff = base * [1.02, 1, 1.02] + [0, rng.uniform(18, 32), 0]
    return [strip(base * [1.04, 1, 1.03] - [0, 4, 0], cuff)]


_MASK_CENTRE = np.array([0.0, -45.0, 25.0])
_MASK_AROUND, _MASK_UP = np.radians(np.linspace(-80, 80, 33)), np.radians(np.linspace(42, -56, 27))


def face_mask(rng: np.random.Generator, body: Body, wearer: Wearer) -> list[Thing]:
    """A cloth mask over mouth and nose, taut over what sticks out, and its loops to the ears."""
    radius = _taut(_reach(wearer.skin), rng.uniform(1.5, 4.0))
    flat = np.cos(_MASK_UP)[:, None]
    ways = [flat * np.sin(_MASK_AROUND), np.sin(_MASK_UP)[:, None] + 0 * _MASK_AROUND, flat * np.cos(_MASK_AROUND)]
    points, triangles = grid(_MASK_CENTRE + radius[..., None] * np.stack(ways, -1))
    uv = _mask_outline(rng)
    colour = np.clip(_MASK_COLOURS[rng.integers(len(_MASK_COLOURS))] * rng.uniform(0.6, 1.2, 3), 0.01, 0.8)
    placed = wearer.place(points)
    cloth = Thing("mask", placed, triangles.astype(np.int32), colour, 0.2, 8.0, uv, _EDGE, WHITE, TEXTURED)
    loops = []
    for sign, ear in ((1, body.ibug68[16]), (-1, body.ibug68[0])):
        column = 28 if sign > 0 else 4
        side = placed.reshape(*radius.shape, 3)[10, column]
        far = wearer.place(wearer.skin[ear][None] + np.array([[sign * 3.0, 4, -14]]))[0]
        line = np.stack([side, (side + far) / 2 + wearer.turn @ np.array([sign * 4.0, 0, 0]), far])
        loops.append(strip(line, line - wearer.turn @ np.array([0, 2.5, 0])))
    return [cloth, solid("loops", merge(loops), colour, 0.1, 8.0)]


def _reach(skin: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "R C"]:
    """Largest distance of the lower face from the mask's centre in each direction of its grid, mm; 0 unknown."""
    x, y, z = (skin[(skin[:, 1] < 50) & (skin[:, 1] > -125) & (skin[:, 2] > 15)] - _MASK_CENTRE).T
    around, up = np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))
    column = np.round((around - _MASK_AROUND[0]) / (_MASK_AROUND[1] - _MASK_AROUND[0])).astype(int)
    row = np.round((up - _MASK_UP[0]) / (_MASK_UP[1] - _MASK_UP[0])).astype(int)
    inside = (row >= 0) & (row < len(_MASK_UP)) & (column >= 0) & (column < len(_MASK_AROUND))
    reach = np.zeros((len(_MASK_UP), len(_MASK_AROUND)), np.float32)
    np.maximum.at(reach, (row[inside], column[inside]), np.sqrt(x * x + y * y + z * z)[inside].astype(np.float32))
    return reach


def _taut(reach: Float[np.ndarray, "R C"], gap: float) -> Float[np.ndarray, "R C"]:
    """A membrane over the face: as smooth as it can be without coming nearer than `gap` mm to it."""
    known = (reach > 0).astype(np.float32)
    near = cv2.GaussianBlur(reach, (0, 0), 2.0) / np.maximum(cv2.GaussianBlur(known, (0, 0), 2.0), 1e-3)
    least = np.where(known > 0, reach, near) + np.float32(gap)
    radius = least
    for _ in range(25):
        radius = np.maximum(cv2.blur(radius, (3, 3), borderType=cv2.BORDER_REPLICATE), least)
    return np.asarray(cv2.GaussianBlur(radius, (0, 0), 0.7) + 1.0)


_EDGE = np.where(np.arange(64) < 32, 255, 0).astype(np.uint8)[:, None]
"""Opaque where v is above one half."""


def _mask_outline(rng: np.random.Generator) -> Float[np.ndarray, "N 2"]:
    """UVs of the mask's grid whose v is above one half inside a rounded outline, higher over the nose."""
    top, bottom = np.radians([rng.uniform(24, 33), rng.uniform(-50, -38)])
    aside = np.radians(rng.uniform(52, 66))
    middle, half = (top + bottom) / 2, (top - bottom) / 2
    x = np.abs(_MASK_AROUND / aside)[None]
    y = np.abs((_MASK_UP[:, None] - middle - 0.08 * np.cos(2.2 * _MASK_AROUND)) / half)
    inside = 1 - (x**3.5 + y**3.5)
    v = np.clip(0.5 + 0.3 * inside, 0, 1).astype(np.float32).ravel()
    return np.stack([np.full_like(v, 0.5), v], 1)


_PROFILE = np.array(
    [[1.0, 1.0, 0], [1.14, 1.06, -6], [1.36, 1.14, -20], [1.58, 1.2, -44], [1.73, 1.28, -86], [1.8, 1.36, -170],
     [1.82, 1.42, -420]]
)  # fmt: skip
"""A torso's rings: half width and half depth over those of the neck's lowest rim, and height above it in mm."""
_SEGMENTS = 48


@dataclass(frozen=True)
class Neck:
    """The part of the neck that clothes may cover; made once of the face model."""

    triangles: Int[np.ndarray, "T 3"]
    """By their places in `ids`."""
    ids: Int[np.ndarray, "N"]
    rim: Int[np.ndarray, "K"]
    """Skin vertices of the lowest rim."""
    depth: Float[np.ndarray, "N"]
    """How far below a round neckline a vertex lies on the neutral face, mm."""
    around: Float[np.ndarray, "N"]
    """Angle about the neck over 2π, 0 to 1, ½ in front."""


def build_neck(body: Body) -> Neck:
    """What clothes need to know of the neck."""
    triangles = body.vertex_triangles[body.range_of(NECK, NECK)]
    low = body.neutral[:, 1] < -100
    triangles = triangles[low[triangles].all(1)]
    ids, inverse = np.unique(triangles, return_inverse=True)
    x, y, z = body.neutral[ids].T
    skin = body.neutral[: int(body.vertex_triangles[: body.skin_triangles()].max()) + 1]
    depth = -133 - y + 0.0012 * x**2 * (z < 20) - 0.5 * np.maximum(z - 20, 0)
    around = np.arctan2(x, z + 12) / (2 * np.pi) + 0.5
    return Neck(inverse.reshape(-1, 3), ids, np.flatnonzero(skin[:, 1] < skin[:, 1].min() + 8), depth, around)


def clothes(rng: np.random.Generator, neck: Neck, wearer: Wearer) -> Thing:
    """A collar that follows the neck, shoulders and chest, in cloth with folds and often a pattern."""
    collar = wearer.posed[neck.ids]
    normals = np.zeros(collar.shape, np.float32)
    vertex_normals(collar, neck.triangles.astype(np.int32), normals)
    rim = wearer.posed[neck.rim]
    low, high = rim.min(0), rim.max(0)
    centre, half = (low + high) / 2, (high - low) / 2
    profile = _PROFILE.copy()
    profile[:, :2] = 1 + (profile[:, :2] - 1) * rng.uniform([0.75, 0.7], [1.15, 1.3])
    profile[:, 2] *= rng.uniform(0.8, 1.3)
    around = np.linspace(-np.pi, np.pi, _SEGMENTS + 1)
    shape = np.stack([np.sign(w) * np.abs(w) ** 0.85 for w in (np.sin(around), np.cos(around))], 1)
    rows = [
        np.column_stack(
            [centre[0] + shape[:, 0] * (half[0] + 2) * w, np.full(len(around), low[1] + 4 + h),
             centre[2] + shape[:, 1] * (half[2] + 2) * d]
        )
        for w, d, h in profile
    ]  # fmt: skip
    body = grid(np.array(rows))
    points, triangles = merge([(collar + normals * rng.uniform(1, 4), neck.triangles), body])
    lower = 60 - 0.5 * (profile[:, 2] - profile[0, 2])
    depth = np.concatenate([neck.depth, lower.repeat(len(around))])
    turn = np.concatenate([neck.around, np.tile(around / (2 * np.pi) + 0.5, len(profile))])
    uv = np.stack([turn, 1 - np.clip((depth + 40) / 300, 0, 1)], 1)
    neckline = rng.uniform(-14, 34) if rng.random() < 0.75 else rng.uniform(-38, -14)
    alpha = np.where(np.arange(300) - 40 > neckline, 255, 0).astype(np.uint8)[:, None]
    colour, texture = _cloth(rng, neckline)
    return Thing("clothes", points, triangles, colour, 0.15, 8.0, uv.astype(np.float32), alpha, texture, TEXTURED)


def _cloth(rng: np.random.Generator, neckline: float) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "R C 3"]]:
    """Colour, and a pattern over angle and depth: folds, stripes, checks, or a jacket over a shirt."""
    rows, columns = 100, 96
    coarse = rng.standard_normal((12, 14)).astype(np.float32)
    folds = 1 + 0.16 * cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)
    pattern = np.repeat(folds[..., None], 3, 2)
    colour = np.clip(rng.uniform(0.005, 0.7) * rng.uniform(0.35, 1, 3), 0.004, 0.8)
    depth = (np.arange(rows) * 3 - 40 - neckline)[:, None]
    front = np.abs(np.arange(columns) / columns - 0.5)[None]
    kind = rng.random()
    if kind < 0.25:
        other, period = rng.uniform(0.2, 2.5, 3), int(rng.integers(3, 14))
        down, across = (np.arange(n) % period < period * rng.uniform(0.2, 0.6) for n in (rows, columns))
        stripes = down[:, None] | (across[None] & (rng.random() < 0.25))
        pattern = np.where(np.broadcast_to(stripes, (rows, columns))[..., None], pattern * other, pattern)
    elif kind < 0.55:  # a jacket, its shirt, sometimes a tie
        colour = rng.uniform(0.004, 0.08) * rng.uniform(0.6, 1, 3)
        shirt = np.clip(rng.uniform(0.4, 0.75, 3) if rng.random() < 0.7 else rng.uniform(0.05, 0.6, 3), 0, 0.8)
        inside = front < 0.12 - depth * 0.0007
        pattern = np.where(inside[..., None], folds[..., None] * shirt / colour, pattern)
        if rng.random() < 0.5:
            tie = rng.uniform(0.01, 0.4) * rng.uniform(0.1, 1, 3)
            pattern = np.where((inside & (front < 0.016))[..., None], tie / colour, pattern)
    return colour, np.ascontiguousarray(pattern, np.float32)
