"""Drawing lines of skin: valleys with shoulders, at a distance from a curve that is measured in space."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from hiface.synth.captures.curves import Points, arc_length, smoothstep
from hiface.synth.captures.surface import Surface

NEUTRAL, CONTRACTED = 0, 1


@dataclass(frozen=True)
class Depth:
    """How deep a line is, mm."""

    neutral: float
    contracted: float

    def __mul__(self, factor: float) -> Depth:
        return Depth(self.neutral * factor, self.contracted * factor)


@dataclass(frozen=True)
class Stroke:
    """The cross-section and the ends of a line; lengths in mm."""

    width: float = 1.0
    """Half width of the valley."""
    floor: float = 0.45
    """0 is a sharp cusp; 0.45 a crease, 0.9 a trough."""
    lopsided: float = 1.0
    """Above 1 the valley's right side is gentler, its left side steeper."""
    bulge: float = 0.45
    """Height of the shoulders over the depth. Without them a line is a scratch; over 0.7 it is a hose."""
    reach: float = 3.2
    """Where the shoulders stand, from the middle."""
    lean: float = 0.0
    """−1 to 1: moves the shoulders' height to the right of the stroke, as seen from outside."""
    taper: tuple[float, float] = (0.25, 0.25)
    """Share of the length over which the line fades in and out."""
    flare: bool = False
    """Folds widen towards their ends, fine lines narrow."""
    steepness: float = 1.0
    """Multiplies the depth that a short line may have."""


@dataclass(frozen=True)
class Trace:
    """A window of the map with each texel's place relative to a curve."""

    window: tuple[slice, slice]
    distance: Float[np.ndarray, "H W"]
    """To the curve, mm in space."""
    right: Float[np.ndarray, "H W"]
    """1 to the right of the curve as seen from outside, −1 to the left."""
    along: Float[np.ndarray, "H W"]
    """0 at the start of the curve, 1 at its end."""
    length: float
    """Of the curve, mm."""


def trace(surface: Surface, points: Points, reach: float, room: float = 1.25) -> Trace:
    """Where the texels within `reach` mm lie relative to a chart curve lifted to the skin."""
    uv, lifted = surface.lift(points)
    lifted = gaussian_filter1d(lifted, 1.0, axis=0, mode="nearest")
    along = arc_length(lifted)
    window = _window(surface, uv, reach * room)
    shape = (window[0].stop - window[0].start, window[1].stop - window[1].start)
    distance, right, place = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    position, normal = surface.position[window], surface.normal[window]
    _nearest(position, normal, np.ascontiguousarray(lifted), along, reach + 6.0, distance, right, place)
    return Trace(window, distance, right, place / max(along[-1], 1e-9), float(along[-1]))


def _window(surface: Surface, uv: Float[np.ndarray, "N 2"], reach: float) -> tuple[slice, slice]:
    """Texels around a curve, by the finest scale (mm per unit of u and of v) that it crosses."""
    side = surface.side
    column = np.clip((uv[:, 0] * side).astype(int), 0, side - 1)
    row = np.clip(((1 - uv[:, 1]) * side).astype(int), 0, side - 1)
    margin = reach / np.maximum(np.linalg.norm(surface.jacobian[row, column], axis=1).min(0), 60) * side
    return (
        slice(max(int(row.min() - margin[1]), 0), min(int(row.max() + margin[1]) + 2, side)),
        slice(max(int(column.min() - margin[0]), 0), min(int(column.max() + margin[0]) + 2, side)),
    )


@njit(cache=True, fastmath=True)
def _nearest(position, normal, line, arc, horizon, distance, right, along):  # type: ignore[no-untyped-def]
    for i in range(position.shape[0]):
        for j in range(position.shape[1]):
            px, py, pz = position[i, j, 0], position[i, j, 1], position[i, j, 2]
            best, side, place = 1e9, 1.0, 0.0
            for k in range(line.shape[0] - 1):
                qx, qy, qz = px - line[k, 0], py - line[k, 1], pz - line[k, 2]
                if qx * qx + qy * qy + qz * qz > horizon * horizon:
                    continue
                bx, by, bz = (
                    line[k + 1, 0] - line[k, 0],
                    line[k + 1, 1] - line[k, 1],
                    line[k + 1, 2] - line[k, 2],
                )
                t = (qx * bx + qy * by + qz * bz) / (bx * bx + by * by + bz * bz + 1e-12)
                t = min(max(t, 0.0), 1.0)
                rx, ry, rz = qx - t * bx, qy - t * by, qz - t * bz
                square = rx * rx + ry * ry + rz * rz
                if square < best:
                    best, place = square, arc[k] + t * (arc[k + 1] - arc[k])
                    nx, ny, nz = normal[i, j, 0], normal[i, j, 1], normal[i, j, 2]
                    cross = (by * nz - bz * ny) * rx + (bz * nx - bx * nz) * ry + (bx * ny - by * nx) * rz
                    side = 1.0 if cross >= 0 else -1.0
            distance[i, j], right[i, j], along[i, j] = np.sqrt(best), side, place


def tapered(along: Float[np.ndarray, "H W"], taper: tuple[float, float]) -> Float[np.ndarray, "H W"]:
    """0 at both ends of a line, 1 in its middle."""
    return smoothstep(np.minimum(along / max(taper[0], 1e-3), (1 - along) / max(taper[1], 1e-3)))


SHORT_NEUTRAL, SHORT_CONTRACTED = 34.0, 22.0
"""A line is at most its length over this deep: a short deep one reads as a pit or the mark of a chisel."""


class Canvas:
    """Lines of one person, with neutral and with contracted depth; mm.

    Valleys join by a p-norm, so that lines which meet merge instead of digging a hole; shoulders by a sum
    that saturates.
    """

    POWER = 3
    SHOULDER_CEILING = 1.6  # mm

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self._valleys = np.zeros((2, surface.side, surface.side))
        self._shoulders = np.zeros_like(self._valleys)

    def draw(self, points: Points, depth: Depth, stroke: Stroke, profile: Float[np.ndarray, "N"] | None = None) -> None:
        """Add a line along chart points; `profile` is its relative depth at even steps."""
        reach = max(3.2 * stroke.reach, 6 * stroke.width)
        found = trace(self.surface, points, reach)
        strength = tapered(found.along, stroke.taper)
        if profile is not None:
            strength = strength * np.interp(found.along, np.linspace(0, 1, len(profile)), profile)
        valley, shoulder = _cross_section(found, stroke, strength, reach)
        limits = found.length * stroke.steepness / np.array([SHORT_NEUTRAL, SHORT_CONTRACTED])
        for kind, wanted in ((NEUTRAL, depth.neutral), (CONTRACTED, depth.contracted)):
            deep = min(wanted, limits[kind]) * strength
            self._valleys[kind][found.window] += (deep * valley) ** self.POWER
            self._shoulders[kind][found.window] += stroke.bulge * deep * shoulder

    def height(self, kind: int) -> Float[np.ndarray, "R R"]:
        """The lines as a displacement, `NEUTRAL` or `CONTRACTED`."""
        valley = without_pits(np.cbrt(self._valleys[kind]), self.surface)
        ceiling = self.SHOULDER_CEILING
        return np.asarray(ceiling * np.tanh(self._shoulders[kind] / ceiling) - valley)


def _cross_section(
    found: Trace, stroke: Stroke, strength: Float[np.ndarray, "H W"], reach: float
) -> tuple[Float[np.ndarray, "H W"], Float[np.ndarray, "H W"]]:
    """Valley and shoulder, each about 1 at its extreme."""
    towards_ends = 1.9 - 0.9 * strength if stroke.flare else 0.55 + 0.45 * np.sqrt(strength)
    width = np.where(found.right > 0, stroke.width * stroke.lopsided, stroke.width / stroke.lopsided) * towards_ends
    floor = stroke.floor
    end = np.clip(1 - (found.distance / reach) ** 2, 0, 1) ** 1.5
    valley = np.exp(floor - np.sqrt((found.distance / width) ** 2 + floor**2)) * end
    square = (found.distance / stroke.reach) ** 2
    shoulder = square * np.exp(1 - square) * (1 + found.right * stroke.lean) * end
    return valley, shoulder


SHORTEST_MM = 4.5
"""Structures shorter than this in every direction are pits, not lines."""


def without_pits(valley: Float[np.ndarray, "R R"], surface: Surface, share: float = 0.85) -> Float[np.ndarray, "R R"]:
    """`valley` (depth, positive) with most of what is no line taken out: the opening by short segments.

    At each texel the best segment of `SHORTEST_MM` through it counts by its shallowest point: along a line
    that is the line itself, in a pit or a crossing it is what lies around.
    """
    image = valley.astype(np.float32)
    best = np.zeros_like(image)
    rows, columns = surface.jacobian[surface.mask].mean(0)[1, 1], surface.jacobian[surface.mask].mean(0)[0, 0]
    for angle in np.arange(12) * np.pi / 12:
        step = SHORTEST_MM / 2 * surface.side * np.array([np.cos(angle) / abs(columns), np.sin(angle) / abs(rows)])
        best = np.maximum(best, cv2.morphologyEx(image, cv2.MORPH_OPEN, _segment(step)))
    opened = np.minimum(best, image).astype(np.float64)
    return np.asarray(valley + share * (opened - valley))


def _segment(half: Float[np.ndarray, "2"]) -> NDArray[np.uint8]:
    """A line of ones through the middle of a small image."""
    radius = int(np.ceil(np.abs(half).max()))
    image = np.zeros((2 * radius + 1, 2 * radius + 1), np.uint8)
    ends = np.round([radius - half, radius + half]).astype(int)
    cv2.line(image, ends[0].tolist(), ends[1].tolist(), 1, 1)
    return image
