"""Glasses, hats, cloth masks and clothes, made for each wearer."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, Int

from hiface.geometry.topology import adjacency
from hiface.synth.body import SKIN, Body
from hiface.synth.kernels import vertex_normals
from hiface.synth.people import turn
from hiface.synth.things import SOLID, Thing, Wearer, grid, merge, solid, strip

Mesh = tuple[Float[np.ndarray, "N 3"], Int[np.ndarray, "T 3"]]
_MASK_COLOURS = np.array([[0.25, 0.45, 0.6], [0.75, 0.75, 0.75], [0.02, 0.02, 0.02], [0.5, 0.3, 0.35]])


def glasses(rng: np.random.Generator, body: Body, wearer: Wearer, dark: bool) -> list[Thing]:
    """Frame and, for dark ones, lenses."""
    frame, lenses = _glasses_meshes(rng, body, wearer.skin)
    colour = (
        rng.uniform(0.01, 0.25) * rng.uniform(0.5, 1, 3) if rng.random() < 0.8 else np.array([0.5, 0.4, 0.25])
    )
    things = [solid("frame", (wearer.place(frame[0]), frame[1]), colour, 3.0, 40.0)]
    if dark:
        tint = rng.uniform(0.005, 0.05) * rng.uniform(0.4, 1, 3)
        cover = int(rng.choice([120, 200, SOLID]))
        things.append(solid("lens", (wearer.place(lenses[0]), lenses[1]), tint, 4.0, 90.0, cover))
    return things


def _glasses_meshes(
    rng: np.random.Generator, body: Body, skin: Float[np.ndarray, "V 3"]
) -> tuple[Mesh, Mesh]:
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
        outer = base + np.stack(
            [np.sin(around), np.full_like(around, -0.12), np.cos(around)], 1
        ) * rng.uniform(30, 80)
        return [strip(base, outer), strip(outer, outer - [0, 2, 0])]
    cuff = base * [1.02, 1, 1.02] + [0, rng.uniform(18, 32), 0]
    return [strip(base * [1.04, 1, 1.03] - [0, 4, 0], cuff)]


def face_mask(rng: np.random.Generator, body: Body, wearer: Wearer) -> Thing:
    """A cloth mask over mouth and nose: the lower face, smoothed until no lip shows, and lifted off."""
    count = int(body.vertex_triangles[: body.range_of(SKIN, SKIN).stop].max()) + 1
    neutral = body.neutral[:count]
    low = (neutral[:, 1] < 2) & (neutral[:, 1] > -98) & (np.abs(neutral[:, 0]) < 66) & (neutral[:, 2] > 38)
    triangles = body.vertex_triangles[body.range_of(SKIN, SKIN)]
    triangles = triangles[low[triangles].all(1)]
    ids, inverse = np.unique(triangles, return_inverse=True)
    points, triangles, rim = _closed(
        wearer.skin[ids].astype(np.float64), inverse.reshape(-1, 3), neutral[ids]
    )
    points = _tautened(points, triangles, rim)
    normals = np.zeros(points.shape, np.float32)
    vertex_normals(points.astype(np.float32), triangles.astype(np.int32), normals)
    lifted = points + normals * 2.5 + np.array([0, 0, rng.uniform(4, 8)]) * ~rim[:, None]
    colour = _MASK_COLOURS[rng.integers(len(_MASK_COLOURS))] * rng.uniform(0.6, 1.2, 3)
    return solid(
        "mask", (wearer.place(lifted), triangles.astype(np.int32)), np.clip(colour, 0.01, 0.8), 0.2, 8.0
    )


def _closed(
    points: Float[np.ndarray, "N 3"], triangles: Int[np.ndarray, "T 3"], neutral: Float[np.ndarray, "N 3"]
) -> tuple[Float[np.ndarray, "M 3"], Int[np.ndarray, "K 3"], np.ndarray]:
    """The patch with nostrils and mouth closed by a point in the middle each, and its outer rim."""
    sides = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    edges, count = np.unique(np.sort(sides, 1), axis=0, return_counts=True)
    border = edges[count == 1]
    outside = (neutral[:, 1] > -4) | (neutral[:, 1] < -90) | (np.abs(neutral[:, 0]) > 58)
    hole = border[~outside[border].any(1)]
    rim = np.zeros(len(points) + 1, bool)
    rim[border[outside[border].any(1)].ravel()] = True
    if len(hole) == 0:
        return points, triangles, rim[:-1]
    lid = np.column_stack([hole, np.full(len(hole), len(points))])
    middle = points[hole.ravel()].mean(0, keepdims=True)
    return np.concatenate([points, middle]), np.concatenate([triangles, lid]), rim


def _tautened(
    points: Float[np.ndarray, "N 3"], triangles: Int[np.ndarray, "T 3"], rim: np.ndarray
) -> Float[np.ndarray, "N 3"]:
    sides = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    mean = adjacency(np.unique(np.sort(sides, 1), axis=0), len(points))
    for _ in range(40):
        points = np.where(rim[:, None], points, 0.2 * points + 0.8 * (mean @ points))
    return points


_PROFILE = np.array(
    [[0.62, 0.70, 14], [0.66, 0.76, 2], [0.80, 0.86, -6], [1.02, 0.98, -16], [1.35, 1.12, -34], [1.58, 1.2, -62],
     [1.68, 1.28, -110], [1.7, 1.35, -190], [1.7, 1.35, -420]]
)  # fmt: skip
"""A torso's rings: half width and half depth over those of the neck's lowest rim, and height above it in mm."""


def clothes(rng: np.random.Generator, body: Body, wearer: Wearer, colour: Float[np.ndarray, "3"]) -> Thing:
    """Shoulders and chest under the neck, in cloth with a weave or a pattern."""
    rim = wearer.posed[body.neutral[: len(wearer.posed), 1] < -185]
    low, high = rim.min(0), rim.max(0)
    centre = (low + high) / 2
    half = (high - low) / 2 * rng.uniform([0.9, 1, 0.95], [1.1, 1, 1.2])
    profile = _PROFILE * rng.uniform([1, 1, 0.8], [1, 1, 1.3])
    profile[:2, 2] += rng.uniform(-6, 16)
    around = np.linspace(0, 2 * np.pi, 49)
    shape = np.stack([np.sign(w) * np.abs(w) ** 0.85 for w in (np.sin(around), np.cos(around))], 1)
    rows = [
        np.column_stack([centre[0] + shape[:, 0] * half[0] * w, np.full(49, high[1] + h), centre[2] + shape[:, 1] * half[2] * d])
        for w, d, h in profile
    ]  # fmt: skip
    points, triangles = grid(np.array(rows))
    uv = np.stack(np.meshgrid(np.linspace(0, 1, 49), np.linspace(1, 0, len(profile))), -1).reshape(-1, 2)
    texture = _cloth_pattern(rng)
    opaque = np.full((1, 1), 255, np.uint8)
    return Thing("clothes", points.astype(np.float32), triangles.astype(np.int32), colour, 0.1, 8.0,
                 uv.astype(np.float32), opaque, texture, SOLID)  # fmt: skip


def _cloth_pattern(rng: np.random.Generator) -> Float[np.ndarray, "R R 3"]:
    """Folds as slow noise; sometimes stripes or checks of another colour."""
    folds = cv2.resize(
        rng.standard_normal((9, 17)).astype(np.float32), (128, 128), interpolation=cv2.INTER_CUBIC
    )
    pattern = np.repeat((1 + 0.16 * folds)[..., None], 3, 2)
    kind = rng.random()
    if kind < 0.3:
        other = rng.uniform(0.2, 2.5, 3)
        period, duty = rng.integers(4, 24), rng.uniform(0.2, 0.6)
        line = (np.arange(128) % period) < duty * period
        mask = (
            line[None, :] | line[:, None]
            if kind < 0.1
            else np.broadcast_to(line[:, None] if kind < 0.2 else line, (128, 128))
        )
        pattern = np.where(mask[..., None], pattern * other, pattern)
    return np.ascontiguousarray(np.clip(pattern, 0.05, 3), np.float32)
