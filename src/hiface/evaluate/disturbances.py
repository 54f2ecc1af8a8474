"""The same face seen otherwise: its crop displaced, its photo mirrored, compressed or made small; and the way back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from hiface.photo.crop import CropBox

Way = Literal["network", "path"]
"""Whether the network alone sees the disturbed crop, or the whole path starts from it and may settle."""


@dataclass(frozen=True)
class Disturbance:
    """One change of crop or photo; the default is none."""

    kind: str = "none"
    strength: str = ""
    """As tables print it."""
    way: Way = "network"
    shift: tuple[float, float] = (0.0, 0.0)
    """Right and down, crop sides."""
    scale: float = 1.0
    """Factor on the crop's side."""
    roll: float = 0.0
    """Degrees."""
    mirror: bool = False
    quality: int = 0
    """JPEG quality that the photo is compressed with; 0 leaves it."""
    side: int = 0
    """Pixels of the crop's side that the photo is reduced to; 0 leaves it. A smaller one is left as it is."""

    @property
    def of_photo(self) -> bool:
        """Whether pixels change, not only the crop."""
        return bool(self.mirror or self.quality or self.side)


def displaced(box: CropBox, d: Disturbance) -> CropBox:
    """The crop moved by a disturbance."""
    (x, y), (right, down) = box.centre, d.shift
    return CropBox(
        (x + right * box.side, y + down * box.side), box.side * d.scale, box.roll + float(np.radians(d.roll))
    )


def displaced_points(points: Float[np.ndarray, "L 2"], box: CropBox, d: Disturbance) -> Float[np.ndarray, "L 2"]:
    """Points of which the crop rule makes a crop moved likewise: turned and sized about the crop's centre, shifted."""
    c, s = np.cos(np.radians(d.roll)), np.sin(np.radians(d.roll))
    turn, centre = np.array([[c, -s], [s, c]]), np.asarray(box.centre)
    return np.asarray((points - centre) @ turn.T * d.scale + centre + box.side * np.asarray(d.shift))


def disturbed_photo(pixels: UInt8[np.ndarray, "H W 3"], box: CropBox, d: Disturbance) -> UInt8[np.ndarray, "h w 3"]:
    """The photo mirrored, reduced and compressed, in that order."""
    if d.mirror:
        pixels = pixels[:, ::-1]
    factor = _reduction(box, d)
    if factor < 1:
        width, height = (max(32, round(n * factor)) for n in pixels.shape[1::-1])
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    if d.quality:
        pixels = compressed(pixels, d.quality)
    return np.ascontiguousarray(pixels)


def in_disturbed(
    points: Float[np.ndarray, "L 2"], before: tuple[int, int], after: tuple[int, int], d: Disturbance
) -> Float[np.ndarray, "L 2"]:
    """Where points of a photo lie in the disturbed one; sizes are width and height."""
    moved = np.asarray(points, np.float64).copy()
    if d.mirror:
        moved[:, 0] = before[0] - moved[:, 0]
    return np.asarray(moved * (np.asarray(after) / before))


def box_in_disturbed(box: CropBox, before: tuple[int, int], after: tuple[int, int], d: Disturbance) -> CropBox:
    """The same crop in the disturbed photo."""
    (centre,) = in_disturbed(np.array([box.centre]), before, after, d)
    size = float(np.sqrt(after[0] / before[0] * after[1] / before[1]))
    return CropBox((float(centre[0]), float(centre[1])), box.side * size, -box.roll if d.mirror else box.roll)


def compressed(pixels: UInt8[np.ndarray, "H W 3"], quality: int) -> UInt8[np.ndarray, "H W 3"]:
    """The photo after JPEG of a quality."""
    code = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR))
    return decoded[..., ::-1]


def _reduction(box: CropBox, d: Disturbance) -> float:
    return min(1.0, d.side / box.side) if d.side else 1.0


def _series() -> tuple[Disturbance, ...]:
    found = [Disturbance()]
    for part in (0.02, 0.05, 0.10):
        for right, down in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            found.append(Disturbance("shift", f"{100 * part:.0f} % of the side", shift=(part * right, part * down)))
    for factor in (1.1, 1.25):
        found += [Disturbance("scale", f"by {factor:g}", scale=s) for s in (factor, 1 / factor)]
    for degrees in (5, 15):
        found += [Disturbance("roll", f"{degrees} degrees", roll=sign * degrees) for sign in (1, -1)]
    found.append(Disturbance("mirror", mirror=True))
    found += [Disturbance("jpeg", f"quality {q}", quality=q) for q in (70, 30, 10)]
    found += [Disturbance("small", f"crop of {n} px", side=n) for n in (96, 64, 48, 32)]
    strongest = {"10 % of the side", "by 1.25", "15 degrees"}
    whole = [d for d in found[1:] if d.of_photo or d.strength in strongest]
    return (*found, *(replace(d, way="path") for d in whole))


SERIES = _series()
"""All disturbances; the first is none."""
