"""Hair that grows: guides combed over the head step by step, kept outside of it, and widened to ribbons.

Everything is in the head's own frame, mm. The head's surface is a radius map: the distance of the skin from a point
inside the skull, by direction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, no_type_check

import cv2
import numpy as np
from jaxtyping import Float, Int

from hiface.synth.kernels import compiled, f32, inlined, unit
from hiface.synth.things import Wearer

CENTRE = np.array([0.0, 30.0, 8.0])
"""From here all of the skull's and the face's surface can be seen."""
_ROWS, _COLUMNS = 24, 48
_NECK_BELOW = -60.0


@dataclass(frozen=True)
class Roots:
    """Places on the skin where hair may grow, spread evenly. K roots."""

    corners: Int[np.ndarray, "K 3"]
    """Skin vertices of each root's triangle."""
    weights: Float[np.ndarray, "K 3"]
    density: Float[np.ndarray, "K"]
    """0 at the edge of the growth to 1 inside."""
    places: Float[np.ndarray, "K 3"]
    """On the neutral face."""

    def on(self, values: Float[np.ndarray, "V 3"], chosen: Int[np.ndarray, "N"]) -> Float[np.ndarray, "N 3"]:
        """A vertex field at chosen roots."""
        return np.asarray(np.einsum("nk,nkc->nc", self.weights[chosen], values[self.corners[chosen]]), np.float32)


def spread_roots(
    neutral: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"], density: Float[np.ndarray, "V"], count: int
) -> Roots:
    """`count` roots, as many a square mm everywhere that `density` is above a tenth."""
    rng = np.random.default_rng(0)
    grown = triangles[(density[triangles] > 0.1).all(1)]
    a, b, c = (neutral[grown[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    corners = grown[rng.choice(len(grown), count, p=area / area.sum())]
    u, v = np.sqrt(rng.random(count)), rng.random(count)
    weights = np.stack([1 - u, u * (1 - v), u * v], 1).astype(np.float32)
    values = np.einsum("nk,nk->n", weights, density[corners])
    places = np.einsum("nk,nkc->nc", weights, neutral[corners])
    return Roots(corners, weights, values.astype(np.float32), places.astype(np.float32))


def _cells(directions: Float[np.ndarray, "N 3"]) -> Int[np.ndarray, "N"]:
    polar = np.arccos(np.clip(directions[:, 1], -1, 1)) / np.pi
    around = np.arctan2(directions[:, 0], directions[:, 2]) / (2 * np.pi) + 0.5
    rows = np.minimum((polar * _ROWS).astype(int), _ROWS - 1)
    return np.asarray(rows * _COLUMNS + (around * _COLUMNS).astype(int) % _COLUMNS)


def radius_map(skin: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "R C"]:
    """Largest distance of the skin above the neck from `CENTRE` by direction; rows from up to down."""
    away = skin[skin[:, 1] > _NECK_BELOW] - CENTRE
    distance = np.linalg.norm(away, axis=1)
    radius = np.zeros(_ROWS * _COLUMNS, np.float32)
    np.maximum.at(radius, _cells(away / distance[:, None]), distance.astype(np.float32))
    grid = radius.reshape(_ROWS, _COLUMNS)
    known = (grid > 0).astype(np.float32)
    wide = np.concatenate([grid * known] * 3, 1), np.concatenate([known] * 3, 1)
    filled, share = (cv2.GaussianBlur(w, (0, 0), 1.0)[:, _COLUMNS : 2 * _COLUMNS] for w in wide)
    return np.ascontiguousarray(np.where(share > 0.02, filled / np.maximum(share, 0.02), 70.0), np.float32)


class Field(NamedTuple):
    """What pulls and pushes every strand of a head; arrays float32."""

    radius: Float[np.ndarray, "R C"]
    centre: Float[np.ndarray, "3"]
    gravity: Float[np.ndarray, "3"]
    """Down in the head's frame, a unit vector."""
    turn: Float[np.ndarray, "3 3"]
    shift: Float[np.ndarray, "3"]
    """Head frame to posed frame."""
    shoulder: Float[np.ndarray, "4"]
    """Posed frame: middle x, height y and middle z of the shoulders, and their half depth."""


class Comb(NamedTuple):
    """How strands of a style grow."""

    weight: float
    """Gravity's pull over 10 mm against the strand's stiffness."""
    hold: float
    """The comb's pull over 10 mm; fades along the strand."""
    curl: float
    """Radius of the curls, mm."""
    wave: float
    """Length of a curl, mm."""
    wander: float
    """Random change of direction in each step."""
    hug: float
    """Pull back to the skin of what stands off too far."""
    aside: float
    """Push out of the face over 10 mm."""


def head_field(wearer: Wearer, rim: Float[np.ndarray, "N 3"]) -> Field:
    """The field of a posed head; `rim` is the lowest rim of the neck, posed."""
    low, high = rim.min(0), rim.max(0)
    shoulder = np.array([(low[0] + high[0]) / 2, high[1] + 4, (low[2] + high[2]) / 2, (high[2] - low[2]) / 2 * 1.25])
    down = wearer.turn.T @ np.array([0.0, -1.0, 0.0])
    arrays = (CENTRE, down, wearer.turn, wearer.shift, shoulder)
    return Field(radius_map(wearer.skin), *(np.ascontiguousarray(a, np.float32) for a in arrays))


@inlined
@no_type_check
def _skull(field, x, y, z):
    """Distance of the head's surface from the centre in the direction of an offset, bilinear."""
    rows, columns = field.radius.shape
    length = math.sqrt(x * x + y * y + z * z) + f32(1e-6)
    down = math.acos(min(max(y / length, f32(-1)), f32(1))) / f32(math.pi) * rows - f32(0.5)
    across = (math.atan2(x, z) / f32(2 * math.pi) + f32(0.5)) * columns - f32(0.5)
    i = min(max(math.floor(down), 0), rows - 2)
    s = min(max(down - i, f32(0)), f32(1))
    j = math.floor(across)
    t = across - j
    a, b = (j + columns) % columns, (j + 1 + columns) % columns
    upper = field.radius[i, a] * (1 - t) + field.radius[i, b] * t
    lower = field.radius[i + 1, a] * (1 - t) + field.radius[i + 1, b] * t
    return upper * (1 - s) + lower * s


@inlined
@no_type_check
def _outside(field, x, y, z, stand):
    """The point, moved out of head, neck and shoulders with `stand` mm to spare."""
    dx, dy, dz = x - field.centre[0], y - field.centre[1], z - field.centre[2]
    if y > f32(-95):
        distance = math.sqrt(dx * dx + dy * dy + dz * dz) + f32(1e-6)
        surface = _skull(field, dx, dy, dz) + stand
        if distance < surface:
            scale = surface / distance
            x, y, z = field.centre[0] + dx * scale, field.centre[1] + dy * scale, field.centre[2] + dz * scale
    else:  # around the neck
        aside, back = x, z + f32(12)
        distance = math.sqrt(aside * aside + back * back) + f32(1e-6)
        if distance < f32(58) + stand:
            scale = (f32(58) + stand) / distance
            x, z = aside * scale, back * scale - f32(12)
    m, o, s = field.turn, field.shift, field.shoulder
    px = m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + o[0] - s[0]
    py = m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + o[1]
    pz = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + o[2] - s[2]
    top = s[1] - f32(0.3) * abs(px)
    if py < top and abs(pz) < s[3] + stand:  # over the shoulder: forwards or backwards
        move = (s[3] + stand) * (f32(1) if pz > 0 else f32(-1)) - pz
        x, y, z = x + m[2, 0] * move, y + m[2, 1] * move, z + m[2, 2] * move
    return x, y, z


@compiled
@no_type_check
def grow(field, comb, roots, starts, pulls, lengths, stands, phases, noise, path):
    """Fills `path` (N, S, 3) from roots: `starts` first directions, `pulls` combed ones, `stands` mm off the skin."""
    count, steps = path.shape[0], path.shape[1]
    for n in range(count):
        x, y, z = roots[n, 0], roots[n, 1], roots[n, 2]
        dx, dy, dz = starts[n, 0], starts[n, 1], starts[n, 2]
        step = lengths[n] / (steps - 1)
        path[n, 0, 0], path[n, 0, 1], path[n, 0, 2] = x, y, z
        for k in range(1, steps):
            along = f32(k) / (steps - 1)
            hold = f32(comb.hold) * (1 - along) * (1 - along) * step * f32(0.1)
            weight = f32(comb.weight) * (f32(0.4) + along) * step * f32(0.1)
            wander = f32(comb.wander)
            ax, ay, az = x - field.centre[0], y - field.centre[1], z - field.centre[2]
            distance = math.sqrt(ax * ax + ay * ay + az * az) + f32(1e-6)
            gap = distance - _skull(field, ax, ay, az) - stands[n]
            inward = f32(0)
            if gap > 0 and y > f32(-60):
                inward = f32(comb.hug) * min(gap * f32(0.06), f32(1.5)) / distance
            dx += field.gravity[0] * weight + pulls[n, 0] * hold + noise[n, k, 0] * wander - ax * inward
            dy += field.gravity[1] * weight + pulls[n, 1] * hold + noise[n, k, 1] * wander - ay * inward
            dz += field.gravity[2] * weight + pulls[n, 2] * hold + noise[n, k, 2] * wander - az * inward
            if z > f32(40) and y < f32(74) and abs(x) < f32(66):  # drawn aside from the face
                aside = f32(comb.aside) * step * f32(0.1)
                dx += aside if x > 0 else -aside
                dz -= f32(0.7) * aside
            dx, dy, dz = unit(dx, dy, dz)
            ox, oy, oz = x, y, z
            x, y, z = x + dx * step, y + dy * step, z + dz * step
            x, y, z = _outside(field, x, y, z, stands[n] * min(f32(1), f32(0.25) + f32(2) * along))
            dx, dy, dz = unit(x - ox, y - oy, z - oz)
            angle = phases[n] + f32(2 * math.pi) * along * lengths[n] / f32(comb.wave)
            swing = f32(comb.curl) * min(f32(1), f32(2.5) * along)
            sx, sy, sz = unit(dy * f32(0.3) + dz, dz * f32(0.3) - dx * f32(0.3), -dx)
            path[n, k, 0] = x + sx * math.sin(angle) * swing
            path[n, k, 1] = y + sy * math.sin(angle) * swing + math.cos(angle) * swing * f32(0.4)
            path[n, k, 2] = z + sz * math.sin(angle) * swing


@compiled
@no_type_check
def ribbons(field, path, widths, columns, atlas, points, normals, tangents, uv, triangles):
    """Two vertices a step, side by side across the strand and along the head's surface; normals lead outwards."""
    count, steps = path.shape[0], path.shape[1]
    for n in range(count):
        left = f32(columns[n]) / atlas
        for k in range(steps):
            a, b = max(k - 1, 0), min(k + 1, steps - 1)
            tx, ty, tz = unit(
                path[n, b, 0] - path[n, a, 0], path[n, b, 1] - path[n, a, 1], path[n, b, 2] - path[n, a, 2]
            )
            ox, oy, oz = unit(
                path[n, k, 0] - field.centre[0],
                (path[n, k, 1] - field.centre[1]) * f32(0.6),
                path[n, k, 2] - field.centre[2],
            )
            sx, sy, sz = unit(ty * oz - tz * oy, tz * ox - tx * oz, tx * oy - ty * ox)
            along = f32(k) / (steps - 1)
            half = widths[n] * f32(0.5) * (1 - f32(0.45) * along)
            for side in range(2):
                v = (n * steps + k) * 2 + side
                sign = f32(2 * side - 1)
                points[v, 0], points[v, 1], points[v, 2] = (
                    path[n, k, 0] + sx * half * sign,
                    path[n, k, 1] + sy * half * sign,
                    path[n, k, 2] + sz * half * sign,
                )
                normals[v, 0], normals[v, 1], normals[v, 2] = unit(
                    ox + f32(0.45) * sign * sx, oy + f32(0.45) * sign * sy, oz + f32(0.45) * sign * sz
                )
                tangents[v, 0], tangents[v, 1], tangents[v, 2] = tx, ty, tz
                uv[v, 0] = left + (f32(0.03) + f32(0.94) * side) / atlas
                uv[v, 1] = 1 - along
                if k + 1 < steps:
                    t = (n * (steps - 1) + k) * 2 + side
                    first = (n * steps + k) * 2
                    triangles[t, 0], triangles[t, 1], triangles[t, 2] = first + side, first + 1 + 2 * side, first + 2
