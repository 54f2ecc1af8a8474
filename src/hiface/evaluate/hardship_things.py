"""Sunglasses, masks, hats and hands drawn over a photo by MediaPipe's points, from a little (0.25) to a lot (1).

Simple shapes in the photo's own light, for faces seen from about the front: what they hide is what matters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from hiface.face.landmarks import FACE_OVAL, IBUG68_OF_MEDIAPIPE, LEFT_EYE, RIGHT_EYE
from hiface.synth import overlays

Picture = Float[np.ndarray, "H W 3"]
Cover = Float[np.ndarray, "H W"]
Points = Float[np.ndarray, "L 2"]

_FABRICS = ((0.62, 0.76, 0.86), (0.90, 0.91, 0.92), (0.13, 0.13, 0.15), (0.80, 0.84, 0.80))
_HATS = ((0.12, 0.15, 0.27), (0.38, 0.11, 0.11), (0.36, 0.37, 0.39), (0.10, 0.10, 0.10), (0.28, 0.30, 0.20))
_MASK_TOP = (152, 17, 2, 5, 197)
"""Middle of a mask's upper edge at strengths 0, ¼, ½, ¾ and 1: chin, lower lip, foot, ridge and root of the nose."""
_MASK_SIDES = ((152, 152), (172, 397), (58, 288), (132, 361), (93, 323))
"""Its upper corners on the face's outline, the subject's right first."""
_MASK_CHEEKS = ((152, 152), (204, 424), (206, 426), (50, 280), (101, 330))
"""Points of its upper edge between middle and corners."""


@dataclass(frozen=True)
class Frame:
    """The face's own axes in the picture, from MediaPipe's points."""

    points: Float[np.ndarray, "478 2"]
    right: Float[np.ndarray, "2"]
    """Along the eyes, to the picture's right."""
    up: Float[np.ndarray, "2"]
    """From the chin to the forehead."""
    eyes: Float[np.ndarray, "2 2"]
    """Centres, the subject's right one first."""
    apart: float
    """Distance between the eyes' centres, pixels."""

    @classmethod
    def of(cls, points: Float[np.ndarray, "478 2"]) -> Frame:
        eyes = np.stack([points[list(contour)].mean(0) for contour in (RIGHT_EYE, LEFT_EYE)])
        across, along = eyes[1] - eyes[0], points[10] - points[152]
        apart = float(np.linalg.norm(across))
        return cls(points, across / max(apart, 1e-6), along / max(float(np.linalg.norm(along)), 1e-6), eyes, apart)

    @property
    def height(self) -> float:
        """From chin to hairline, pixels."""
        return float(np.linalg.norm(self.points[10] - self.points[152]))

    @property
    def width(self) -> float:
        """From ear to ear, pixels."""
        return float(np.linalg.norm(self.points[454] - self.points[234]))

    def place(self, origin: Float[np.ndarray, "2"], x: Float[np.ndarray, "N"], y: Float[np.ndarray, "N"]) -> Points:
        """Points x to the right and y up from an origin, pixels of the face's axes."""
        return np.asarray(origin + np.outer(x, self.right) + np.outer(y, self.up))


def worn(
    pixels: UInt8[np.ndarray, "H W 3"], points: Float[np.ndarray, "478 2"], thing: str, strength: float,
    rng: np.random.Generator,
) -> UInt8[np.ndarray, "H W 3"]:  # fmt: skip
    """The photo with one of `THINGS` on or before the face. strength: 0 to 1."""
    picture = pixels.astype(np.float32) / 255
    drawn = THINGS[thing](picture, Frame.of(points), strength, rng)
    return np.asarray(np.clip(drawn * 255 + 0.5, 0, 255), np.uint8)


def sunglasses(picture: Picture, face: Frame, strength: float, rng: np.random.Generator) -> Picture:
    """From small tinted lenses to large dark ones."""
    half = face.apart * (np.array([0.27, 0.17]) + np.array([0.18, 0.22]) * strength)
    drop, colour = rng.uniform(0.02, 0.09), np.array(rng.choice([0.03, 0.06, 0.09])) * rng.uniform(0.6, 1.4, 3)
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    ring = [np.sign(f(angles)) * np.abs(f(angles)) ** 0.72 for f in (np.cos, np.sin)]
    thick = max(1.0, face.apart * rng.uniform(0.035, 0.06))
    rim = np.zeros(picture.shape[:2], np.float32)
    for k, side in enumerate((-1, 1)):
        centre = face.eyes[k] + face.right * side * 0.05 * face.apart - face.up * drop * face.apart
        outline = face.place(centre, half[0] * ring[0], half[1] * ring[1] * np.where(ring[1] < 0, 1.1, 0.9))
        lens = filled(picture.shape, outline)
        height = _along(picture.shape, centre, face.up) / half[1]
        glint = 0.16 * np.exp(-(((_along(picture.shape, centre, face.right + face.up) / half[0]) + 0.5) ** 2) / 0.03)
        glass = colour + (0.05 + 0.08 * np.clip(-height, 0, 1) + glint)[..., None]
        picture = overlays.blend(picture, glass.astype(np.float32), lens * np.float32(0.5 + 0.48 * strength))
        rim = np.maximum(rim, stroked(picture.shape, outline, thick, closed=True))
        inner, outer = centre - face.right * side * half[0], centre + face.right * side * half[0]
        ear = face.points[127 if side < 0 else 356]
        rim = np.maximum(rim, stroked(picture.shape, np.stack([outer + face.up * half[1] * 0.4, ear]), thick * 0.9))
        bridge = np.stack([inner + face.up * half[1] * 0.3, face.eyes.mean(0) + face.up * 0.04 * face.apart])
        rim = np.maximum(rim, stroked(picture.shape, bridge, thick * 0.9))
    return overlays.blend(picture, np.full_like(picture, 0.07), rim)


def mask(picture: Picture, face: Frame, strength: float, rng: np.random.Generator) -> Picture:
    """A cloth mask, from one under the chin to one up to the eyes."""
    top, cheeks, sides = (np.array(ids) for ids in (_MASK_TOP, _MASK_CHEEKS, _MASK_SIDES))
    at = lambda ids: _between(face.points[ids], strength)  # noqa: E731 (three tables, one rule)
    right, left = at(sides[:, 0]), at(sides[:, 1])
    oval = face.points[list(FACE_OVAL)]
    centre = face.points[1]
    below = oval[(oval - (right + left) / 2) @ face.up < 0]
    below = below[np.argsort(-(below - centre) @ face.right)]
    upper = np.stack([right, at(cheeks[:, 0]), at(top), at(cheeks[:, 1]), left])
    outline = smoothed(np.concatenate([upper, centre + (below - centre) * 1.05]))
    cover = filled(picture.shape, outline)
    height = float(np.ptp((outline - centre) @ face.up))
    pleats = np.zeros_like(cover)
    for share in (0.35, 0.55, 0.75):
        line = [p + (face.points[152] - at(top)) * share * 0.9 for p in (right * 0.94 + centre * 0.06, at(top))]
        line.append(left * 0.94 + centre * 0.06 + (face.points[152] - at(top)) * share * 0.9)
        bent = smoothed(np.stack(line), closed=False)
        pleats += stroked(picture.shape, bent, max(1.0, 0.02 * height))
        pleats -= stroked(picture.shape, bent + face.up * 0.025 * height, max(1.0, 0.012 * height))
    shade = _light_on(picture, cover, face.apart) * (1 - 0.16 * pleats)
    cloth = np.array(_FABRICS[rng.integers(len(_FABRICS))]) * shade[..., None]
    loops = np.zeros_like(cover)
    for corner, ear in ((right, 234), (left, 454)):
        loops = np.maximum(loops, stroked(picture.shape, np.stack([corner, face.points[ear]]), 0.02 * face.apart))
    picture = overlays.blend(picture, np.full_like(picture, 0.8), loops * 0.8)
    picture = picture * (1 - 0.3 * _soft(cover, 0.04 * face.apart) * (1 - cover))[..., None]
    return overlays.blend(picture, cloth.astype(np.float32), cover)


def hat(picture: Picture, face: Frame, strength: float, rng: np.random.Generator) -> Picture:
    """A cap, from one at the hairline to one pulled over the brows; its brim shades the eyes."""
    line = face.points[10] + (face.points[9] - face.points[10]) * (0.1 + 1.0 * strength)
    line = line + face.right * float(((face.points[454] + face.points[234]) / 2 - line) @ face.right) * 0.3
    crown_top = max(0.3 * face.height, float((face.points[10] - line) @ face.up) + 0.36 * face.height)
    half, turn = 0.56 * face.width, np.linspace(0, np.pi, 40)
    colour = np.array(_HATS[rng.integers(len(_HATS))]) * rng.uniform(0.8, 1.2)
    dome = face.place(line, half * np.cos(turn), crown_top * np.sin(turn) ** 0.75)
    skirt = face.place(line, np.array([-half, half]), np.full(2, -0.07 * face.height))
    crown = filled(picture.shape, np.concatenate([dome, skirt]))
    across, rise = _along(picture.shape, line, face.right) / half, _along(picture.shape, line, face.up) / crown_top
    round_shade = 0.5 + 0.6 * np.sqrt(np.clip(1 - across**2, 0, 1)) - 0.15 * np.clip(1 - rise, 0, 1)
    beside = np.abs(across) - 0.5 * np.sqrt(np.clip(1 - rise**2, 0, 1))
    seam = np.exp(-((across / 0.015) ** 2)) + np.exp(-((beside / 0.02) ** 2))
    oval = filled(picture.shape, face.points[list(FACE_OVAL)])
    own_light = _light_on(picture, oval, face.apart).mean(1, keepdims=True)
    shade = round_shade * (1 - 0.25 * np.clip(seam, 0, 1)) * np.clip(own_light, 0.8, 1.2)
    cloth = colour * shade[..., None] + rng.normal(0, 0.012, (*picture.shape[:2], 1))
    edge = np.linspace(-1, 1, 30)
    brow = -0.075 * face.height * edge**2
    upper = face.place(line, half * edge, brow + 0.05 * face.height)
    lower = face.place(line, half * edge, brow - 0.14 * face.height * (1 - edge**4))
    visor = filled(picture.shape, np.concatenate([upper, lower[::-1]]))
    shaded = np.concatenate([upper, lower[::-1] - face.up * 0.12 * face.height])
    shadow = _soft(filled(picture.shape, shaded), 0.05 * face.apart)
    picture = picture * (1 - 0.5 * shadow)[..., None]
    picture = overlays.blend(picture, cloth.astype(np.float32), crown)
    bend = 0.75 + 0.35 * (1 - np.clip(np.abs(across), 0, 1) ** 2) + 0.4 * np.clip(rise, -0.3, 0.1)
    return overlays.blend(picture, (1.1 * colour * bend[..., None] + 0.015).astype(np.float32), visor)


def hand(picture: Picture, face: Frame, strength: float, rng: np.random.Generator) -> Picture:
    """A hand from the jaw's side, from its finger tips to all of it before the face."""
    height, width = picture.shape[:2]
    side = max(height, width)
    square = cv2.copyMakeBorder(picture, 0, side - height, 0, side - width, cv2.BORDER_REPLICATE)
    inner = filled(picture.shape, face.points[list(FACE_OVAL)]) > 0.5
    colour = np.median(picture[inner], 0) if inner.any() else np.full(3, 0.5)
    points68 = face.points[list(IBUG68_OF_MEDIAPIPE)]
    light = np.array([rng.choice([-0.4, 0.4]), 0.5, 0.75])
    drawn, _ = overlays.hand(rng, square, points68, colour * 1.15, light, into=strength - 0.95)
    return np.ascontiguousarray(drawn[:height, :width])


THINGS: dict[str, Callable[[Picture, Frame, float, np.random.Generator], Picture]] = {
    "sunglasses": sunglasses,
    "mask": mask,
    "hat": hat,
    "hand": hand,
}
"""What draws each thing."""


def filled(shape: tuple[int, ...], outline: Points) -> Cover:
    """Cover of a polygon, its border one pixel soft."""
    cover = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(cover, [_fixed(outline)], 255, cv2.LINE_AA, 4)
    return cover.astype(np.float32) / 255


def stroked(shape: tuple[int, ...], line: Points, thickness: float, closed: bool = False) -> Cover:
    """Cover of a line."""
    cover = np.zeros(shape[:2], np.uint8)
    cv2.polylines(cover, [_fixed(line)], closed, 255, max(1, round(thickness)), cv2.LINE_AA, 4)
    return cover.astype(np.float32) / 255


def _fixed(points: Points) -> np.ndarray:
    return np.clip(np.round(points * 16), -300_000, 300_000).astype(np.int32)


def smoothed(points: Points, closed: bool = True, rounds: int = 3) -> Points:
    """Corners cut off (Chaikin), so that few points make a soft outline."""
    for _ in range(rounds):
        after = np.roll(points, -1, 0) if closed else points[1:]
        before = points if closed else points[:-1]
        cut = np.stack([0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after], 1).reshape(-1, 2)
        points = cut if closed else np.concatenate([points[:1], cut, points[-1:]])
    return points


def _between(steps: Points, strength: float) -> Float[np.ndarray, "2"]:
    """The place at a strength between those at 0, ¼, ½, ¾ and 1."""
    at = np.linspace(0, 1, len(steps))
    return np.array([np.interp(strength, at, steps[:, k]) for k in range(2)])


def _along(shape: tuple[int, ...], origin: Float[np.ndarray, "2"], way: Float[np.ndarray, "2"]) -> Cover:
    """Of every pixel, how far along a direction it lies from an origin, pixels."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32) + np.float32(0.5)
    return np.asarray((x - origin[0]) * way[0] + (y - origin[1]) * way[1], np.float32)


def _soft(cover: Cover, sigma: float) -> Cover:
    return np.asarray(cv2.GaussianBlur(cover, (0, 0), max(sigma, 0.3)))


def _light_on(picture: Picture, cover: Cover, apart: float) -> Cover:
    """How the photo's light falls where a thing lies: its brightness, coarse, against the median under the thing."""
    luminance = _soft(picture @ np.array([0.3, 0.6, 0.1], np.float32), 0.3 * apart)
    inside = luminance[cover > 0.5]
    median = float(np.median(inside)) if inside.size else 0.4
    return np.asarray(np.clip(luminance / max(median, 0.05), 0.6, 1.3) * np.clip(0.35 + 1.2 * median, 0.35, 1.0))
