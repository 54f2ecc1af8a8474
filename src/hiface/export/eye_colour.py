"""The eyes' colour and the light on them, from the photo's own pixels where the model has its eyeballs."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from hiface.export.eyes import IRIS_RADIUS, EyeTextures
from hiface.export.seen import FINER, Seen
from hiface.geometry.colour import linear_from_srgb

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
_FEWEST = 24
"""Pixels below which nothing is concluded: closed or tiny eyes."""
_OVER_SKIN = 0.45
"""Linear luminance of skin over the factor that goes with its light, for a skin of middling tone."""
_BRIGHTEST = 1.6


@dataclass(frozen=True)
class EyeLook:
    """What a photo says about the eyes."""

    colour: str
    """One of `EyeTextures.colours`."""
    brightness: Float[np.ndarray, "3"]
    """Linear factor from the texture's white to the photo's."""


def eye_look(crop: UInt8[np.ndarray, "S S 3"], seen: Seen, eyes: EyeTextures, skin: Float[np.ndarray, "3"]) -> EyeLook:
    """The eyes' colour (brown, as the first of `eyes`, when in doubt), and the brightness of the eyes.

    seen: the samples of a picture in the frame of `crop`. skin: the mean linear colour of the face's skin,
    from which the brightness is guessed where the photo shows too little of the eyes. The white is the
    bright part of what lies outside the iris; iris and white divided say the iris's own colour, whatever
    the light.
    """
    pixels, radius, below = _eye_pixels(crop, seen)
    outside = pixels[radius > 1.15 * IRIS_RADIUS]
    brightness = _brightness(outside, white_of(eyes), skin)
    iris = pixels[(radius < 0.9 * IRIS_RADIUS) & (radius > 0.45 * IRIS_RADIUS) & below]
    if len(iris) < _FEWEST or len(outside) < _FEWEST:
        return EyeLook(eyes.colours[0], brightness)
    colour = iris_colour(np.maximum(np.median(iris, 0) / brightness, 1e-3))
    return EyeLook(colour if colour in eyes.tints else eyes.colours[0], brightness)


def _eye_pixels(
    crop: UInt8[np.ndarray, "S S 3"], seen: Seen
) -> tuple[Float[np.ndarray, "K 3"], Float[np.ndarray, "K"], Bool[np.ndarray, "K"]]:
    """Linear colours of pixels well inside the eyes' openings, the angle from the eye's axis as a radius in
    UV, and which lie below the axis, where lids and lashes throw no shade."""
    inside = cv2.erode(seen.of("eyes").astype(np.uint8), np.ones((5, 5), np.uint8))[::FINER, ::FINER] > 0
    place = seen.place[::FINER, ::FINER][inside] - 0.5
    colours = linear_from_srgb(crop[inside].astype(np.float32) / 255)
    return colours, np.hypot(place[:, 0], place[:, 1]), place[:, 1] > -0.1 * IRIS_RADIUS


def white_of(eyes: EyeTextures) -> Float[np.ndarray, "3"]:
    """Linear colour of the texture's white beside the iris."""
    axis = ((np.arange(len(eyes.white)) + 0.5) / len(eyes.white) * 2 - 1) * eyes.white_reach
    radius = np.hypot(*np.meshgrid(axis, axis))
    ring = eyes.white[(radius > 1.15 * IRIS_RADIUS) & (radius < 1.5 * IRIS_RADIUS)]
    return np.asarray(np.median(linear_from_srgb(ring.astype(np.float64) / 255), axis=0))


def _brightness(
    outside: Float[np.ndarray, "K 3"], white: Float[np.ndarray, "3"], skin: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "3"]:
    """From the brighter pixels outside the iris; their hue counts a third, since lids redden what is seen."""
    guess = float(np.clip(skin @ _LUMINANCE / _OVER_SKIN, 0.1, _BRIGHTEST))
    if len(outside) < _FEWEST:
        return np.full(3, guess)
    ranked = outside[np.argsort(outside @ _LUMINANCE)]
    bright = ranked[int(0.6 * len(ranked)) : int(0.95 * len(ranked)) + 1].mean(0)
    mixed = bright**0.35 * (bright @ _LUMINANCE) ** 0.65
    return np.asarray(np.clip(mixed / white, 0.4 * guess, _BRIGHTEST))


def iris_colour(iris: Float[np.ndarray, "3"]) -> str:
    """The name of an iris's colour from its linear colour over the white's.

    Brown irises are red beyond a bound that rises with their brightness, or simply dark; of the others,
    greens lack blue. The bounds were set on 26 studio and press portraits, looked at one by one.
    """
    red, blue, light = iris[0] / iris[1], iris[2] / iris[1], float(iris @ _LUMINANCE)
    if light < 0.045 and red > 1.12:
        return "dark brown"
    if red > 1.38 + light:
        return "brown"
    if red > 1.14 and blue < 0.84:
        return "green"
    return "blue" if blue > 1.03 else "grey"
