"""What camera, file format and other people's cropping do to a picture; geometry stays as it is."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

Picture = Float[np.ndarray, "S S 3"]


SATURATION = 1.22
"""Cameras show skin more colourful than it is; with it, chroma and hue of drawn skin meet those of photos."""


def tone_curve(linear: Float[np.ndarray, "S S 3"], filmic: float) -> Float[np.ndarray, "S S 3"]:
    """Linear radiance to display values: a soft shoulder, `filmic` 0 to 1 towards a camera's S curve, and colour."""
    soft = linear * (1 + 0.12 * linear) / (1 + 0.45 * linear)
    steep = linear * (2.51 * linear + 0.03) / (linear * (2.43 * linear + 0.59) + 0.14)
    shown = cv2.pow(np.clip(soft + (steep - soft) * np.float32(filmic), 0, 1), 1 / 2.2)
    grey = shown.mean(2, keepdims=True)
    return np.asarray(grey + (shown - grey) * np.float32(SATURATION))


def expose(rng: np.random.Generator, picture: Picture) -> Picture:
    """Contrast, brightness and white balance as cameras differ in them."""
    picture = cv2.pow(np.clip(picture, 0, 1), rng.uniform(0.8, 1.25))
    contrast, offset = rng.uniform(0.8, 1.2), rng.normal(0, 0.04)
    balance = (1 + rng.normal(0, 0.035, 3)).astype(np.float32)
    picture = (picture * np.float32(contrast) + np.float32(0.5 - 0.5 * contrast + offset)) * balance
    grey = picture.mean(2, keepdims=True)
    picture = grey + (picture - grey) * np.float32(np.clip(rng.normal(1.0, 0.22), 0.25, 1.6))
    if rng.random() < 0.06:
        picture = np.repeat(picture.mean(2, keepdims=True), 3, 2)
    return np.asarray(picture, np.float32)


def degrade(rng: np.random.Generator, picture: Picture) -> UInt8[np.ndarray, "S S 3"]:
    """Low resolution, blur, motion, noise and JPEG."""
    side = len(picture)
    if rng.random() < 0.35:
        factor = rng.uniform(0.3, 0.9)
        small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        picture = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.45:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.2))
    if rng.random() < 0.06:
        picture = _shake(rng, picture)
    noise = rng.standard_normal((side, side, 3), np.float32)
    picture = picture + noise * np.float32(abs(rng.normal(0, 0.011)))
    result = np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < 0.7:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 96))]
        return np.asarray(cv2.imdecode(cv2.imencode(".jpg", result, quality)[1], cv2.IMREAD_COLOR))
    return result


def _shake(rng: np.random.Generator, picture: Picture) -> Picture:
    length = int(rng.integers(3, 9))
    kernel = np.zeros((length, length), np.float32)
    ends = [tuple(int(v) for v in rng.integers(0, length, 2)) for _ in range(2)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return np.asarray(cv2.filter2D(picture, -1, kernel / max(float(kernel.sum()), 1)))


def draw_frame(rng: np.random.Generator, side: int) -> Bool[np.ndarray, "S S"]:
    """Where a black border covers the picture, as after someone else's alignment: turned and shifted."""
    angle = np.radians(rng.normal(0, 14))
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = side / 2 + rng.normal(0, 0.06, 2) * side
    half = rng.uniform([0.4, 0.4], [0.62, 0.62]) * side
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half @ turned.T + centre
    inside = np.zeros((side, side), np.uint8)
    cv2.fillConvexPoly(inside, np.round(corners).astype(np.int32), 1)
    return np.asarray(inside == 0)
