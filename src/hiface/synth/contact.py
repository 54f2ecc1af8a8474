"""A contact sheet of drawn faces: what `hiface synth --preview` writes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from hiface.assets.format import write_atomically
from hiface.errors import ConfigError
from hiface.face.parts import painted
from hiface.geometry.colour import srgb_from_linear
from hiface.synth.assets import load_sources
from hiface.synth.generate import Generator, Sample
from hiface.synth.kinds import Ingredient, Layer, Truth
from hiface.synth.preview import sheet

_NEAR_TO_FAR_MM = 320.0
"""Depth from white to black."""


def write_sheet(
    out: str | Path, data: str | Path, layout: str, seed: int = 1, show: Iterable[Layer] = ("picture",),
    without: Iterable[Ingredient] = (),
) -> Path:  # fmt: skip
    """Draw ROWSxCOLUMNS samples of a seed into one PNG, each with the layers of `show` side by side.

    Raises `ConfigError` for another layout.
    """
    rows, cross, columns = layout.lower().partition("x")
    if not (rows.isdigit() and columns.isdigit() and cross and int(rows) and int(columns)):
        raise ConfigError(f"preview {layout!r}: expected ROWSxCOLUMNS, such as 8x8")
    cv2.setNumThreads(1)
    layers = tuple(show)
    generator = Generator(load_sources(Path(data)), seed, truth=_needed(layers), without=frozenset(without))
    samples = (generator.sample(k) for k in range(int(rows) * int(columns)))
    pictures = [np.hstack([layer_picture(sample, layer) for layer in layers]) for sample in samples]
    picture = cv2.cvtColor(sheet(pictures, int(columns)), cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(".png", picture)[1].tobytes()
    return write_atomically(out, lambda path: path.write_bytes(encoded))


def _needed(layers: tuple[Layer, ...]) -> Truth:
    if set(layers) <= {"picture"}:
        return "mask"
    return "parts" if set(layers) <= {"picture", "parts"} else "full"


def layer_picture(sample: Sample, layer: Layer) -> UInt8[np.ndarray, "S S 3"]:
    """One layer of a sample as a picture; the sample must hold it."""
    if layer == "picture":
        return sample.picture
    if layer == "parts":
        assert sample.parts is not None
        return painted(sample.parts)
    assert sample.surface is not None
    if layer == "normals":
        seen = (sample.surface.depth_mm > 0)[..., None]
        return np.asarray(((sample.surface.normals * 0.5 + 0.5) * 255 * seen).astype(np.uint8))
    if layer == "albedo":
        return np.asarray((srgb_from_linear(sample.surface.albedo.clip(0, 1)) * 255).astype(np.uint8))
    depth = sample.surface.depth_mm
    near = depth[depth > 0].min() if (depth > 0).any() else 0.0
    grey = np.where(depth > 0, 1 - (depth - near) / _NEAR_TO_FAR_MM, 0).clip(0, 1) * 255
    return np.repeat(grey.astype(np.uint8)[..., None], 3, 2)
