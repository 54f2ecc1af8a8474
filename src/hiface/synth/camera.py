"""The camera: a perspective view framed by the one crop rule, and the orthographic camera that fits it best.

A posed point (X, Y, Z) mm (FaceModel.pose without translation) is seen at

    pixel = centre + focal · ((X + tx) / d, −(Y + ty) / d),   d = −(Z + tz)

with d the distance along the axis. The picture is upright in the posed frame: a tilted head is a matter of its pose.
Pixels as everywhere: (0.5, 0.5) is the centre of the top-left one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from hiface.photo.crop import crop_from_landmarks

MARGIN = 1.45
"""The stored picture shows so many crop sides, so that crops may be jittered later."""
DISTANCE_MM = (330.0, 2500.0)
NEAREST_MM = 20.0


@dataclass(frozen=True)
class Camera:
    """Perspective camera of the stored picture."""

    translation: Float[np.ndarray, "3"]
    """From the posed frame to the camera's, mm; the camera looks along −z."""
    focal: float
    """Pixels of the stored picture."""
    centre: Float[np.ndarray, "2"]
    """Where the axis meets the picture, pixels; off the middle, as in a crop of a larger photo."""

    def project(self, posed: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
        """x, y in pixels of the stored picture and 1 / depth in 1 / mm."""
        tx, ty, tz = (np.float32(t) for t in self.translation)
        inverse = 1 / np.maximum(-(posed[:, 2] + tz), np.float32(NEAREST_MM))
        focal = np.float32(self.focal) * inverse
        result = np.zeros((len(posed), 3), np.float32)
        result[:, 0] = np.float32(self.centre[0]) + (posed[:, 0] + tx) * focal
        result[:, 1] = np.float32(self.centre[1]) - (posed[:, 1] + ty) * focal
        result[:, 2] = inverse
        return result

    def enlarged(self, factor: int) -> Camera:
        """The same view with `factor` times as many pixels a side."""
        return replace(self, focal=self.focal * factor, centre=self.centre * factor)

    def vector(self) -> Float[np.ndarray, "6"]:
        """Translation, focal and centre in one row, as it is stored."""
        return np.array([*self.translation, self.focal, *self.centre], np.float32)


def draw_camera(rng: np.random.Generator, points68: Float[np.ndarray, "68 3"], side: int) -> Camera:
    """A camera at a random distance whose picture holds the face's crop box and a margin, off-centre.

    `points68` are the posed mediapipe68 points that the crop rule sees.
    """
    distance = np.exp(rng.uniform(*np.log(DISTANCE_MM)))
    middle = points68.mean(0) + np.array([0, 12, -15])
    plain = Camera(np.array([-middle[0], -middle[1], -distance - middle[2]]), 1000.0, np.zeros(2))
    box = crop_from_landmarks(plain.project(points68)[:, :2].astype(np.float64))
    centre = np.asarray(box.centre)
    scale = side / (box.side * MARGIN * np.exp(rng.normal(0, 0.05)))
    shift = np.clip(rng.normal(0, 0.05, 2), -0.12, 0.12) * side
    return replace(plain, focal=1000.0 * scale, centre=side / 2 + shift - centre * scale)


def orthographic(posed: Float[np.ndarray, "N 3"], pixels: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "3"]:
    """Scaled orthographic camera nearest to the pixels, least squares: scale, x and y of its origin.

    pixel = (x + scale · X, y − scale · Y), scale in pixels per mm.
    """
    seen = posed[:, :2].astype(np.float64) * [1, -1]
    a, b = seen - seen.mean(0), pixels - pixels.mean(0)
    scale = float((a * b).sum() / (a * a).sum())
    return np.array([scale, *(pixels.mean(0) - scale * seen.mean(0))], np.float32)
