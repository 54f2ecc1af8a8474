"""Eye colours: the texture of an eyeball in the face model's azimuthal UV, for pictures and files.

The pupil lies at (½, ½), the back pole on the circle of radius ½. One white and one pattern of iris fibres
serve all colours; a colour is four tints that the fibres blend between. One photo rarely shows more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from hiface.assets.format import Schema, read_asset, unknown_name
from hiface.assets.store import locate
from hiface.errors import AssetError
from hiface.export.blend import smoothstep

SCHEMA = Schema(
    kind="eyes",
    version=1,
    required={"fibres": 2, "white": 3, "tints": 4},
    optional={},
    how_to_get="use the shipped eyes.safetensors or build one with tools/build_eye_texture.py",
)

IRIS_RADIUS = 0.0735
"""Of the UV tile: 26.5 degrees of the ball, 5.9 mm from the axis."""
PUPIL_RADIUS = 0.31 * IRIS_RADIUS
_LIMBUS, _PUPIL_EDGE = 0.005, 0.0025
"""Widths over which iris becomes white, and pupil iris."""
_PUPIL = np.array([6, 5, 5], np.float32)


@dataclass(frozen=True)
class EyeTextures:
    """The shipped eye: patterns and colours; sRGB, 0 to 255."""

    fibres: UInt8[np.ndarray, "N N"]
    """Brightness of iris fibres over the square that the iris fills."""
    white: UInt8[np.ndarray, "M M 3"]
    """Sclera over the square of half side `white_reach` round the pupil, in the UV tile."""
    white_reach: float
    tints: dict[str, Float[np.ndarray, "2 2 3"]]
    """By colour: dark and bright fibres (first axis) near the pupil and at the rim (second)."""
    hash: str

    @classmethod
    def load(cls, name_or_path: str | Path = "eyes.safetensors") -> EyeTextures:
        """The shipped eyes, or a file of the user's."""
        asset = read_asset(locate(name_or_path), SCHEMA)
        names = asset.meta["colours"]
        if len(names) != len(asset.tensors["tints"]):
            raise AssetError(f"{asset.path}: {len(names)} colours for {len(asset.tensors['tints'])} tints")
        tints = dict(zip(names, asset.tensors["tints"], strict=True))
        return cls(
            asset.tensors["fibres"],
            asset.tensors["white"],
            float(asset.meta["white_reach"]),
            tints,
            asset.hash,
        )

    @property
    def colours(self) -> tuple[str, ...]:
        return tuple(self.tints)

    def map(self, colour: str = "brown", side: int = 1024) -> UInt8[np.ndarray, "R R 3"]:
        """The eyeball's texture of one colour; raises `AssetError` for a colour that is not there."""
        if colour not in self.tints:
            raise AssetError(unknown_name(colour, self.tints, "eye colour"))
        half = min(int(np.ceil(self.white_reach * side)), side // 2)
        rows = np.arange(side // 2 - half, side - side // 2 + half)
        centre = ((rows + 0.5) / side - 0.5).astype(np.float32)
        offset = np.meshgrid(centre, centre)
        radius = np.hypot(*offset)
        window = _look_up(self.white, offset, self.white_reach).astype(np.float32)
        inside = radius < IRIS_RADIUS + _LIMBUS
        window[inside] = self._iris(colour, [x[inside] for x in offset], radius[inside], window[inside])
        picture = np.full((side, side, 3), self.white[0, 0], np.uint8)  # the white ends in one colour
        picture[rows[0] : rows[-1] + 1, rows[0] : rows[-1] + 1] = window.round()
        return picture

    def _iris(
        self,
        colour: str,
        offset: Sequence[Float[np.ndarray, "P"]],
        radius: Float[np.ndarray, "P"],
        white: Float[np.ndarray, "P 3"],
    ) -> Float[np.ndarray, "P 3"]:
        """Iris and pupil laid over the white, at places inside the limbus."""
        bright = _look_up(self.fibres, [x[None] for x in offset], IRIS_RADIUS)[0].astype(np.float32)[:, None] / 255
        outer = smoothstep(radius, PUPIL_RADIUS, IRIS_RADIUS)[:, None]
        (dark_in, dark_out), (light_in, light_out) = self.tints[colour]
        dark, light = dark_in + outer * (dark_out - dark_in), light_in + outer * (light_out - light_in)
        iris = dark + bright * (light - dark)
        pupil = 1 - smoothstep(radius, PUPIL_RADIUS - _PUPIL_EDGE, PUPIL_RADIUS + _PUPIL_EDGE)[:, None]
        iris += pupil * (_PUPIL - iris)
        cover = 1 - smoothstep(radius, IRIS_RADIUS - _LIMBUS, IRIS_RADIUS + _LIMBUS)[:, None]
        return np.asarray(white + cover * (iris - white))


def _look_up(
    picture: UInt8[np.ndarray, "M M *C"], offset: Sequence[Float[np.ndarray, "H W"]], reach: float
) -> UInt8[np.ndarray, "H W *C"]:
    """`picture` spread over offsets from -reach to reach (x right, y down), its border repeated beyond."""
    across, down = ((x / reach + 1) * (len(picture) / 2) - 0.5 for x in offset)
    return np.asarray(cv2.remap(picture, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))
