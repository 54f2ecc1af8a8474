"""Build `eyes.safetensors`: iris fibres, white and colours of the eye, in the face model's azimuthal UV.

    python -m tools.build_eye_texture DATA/makehuman/eyes OUT.safetensors

The fibres and the white are photographic (MakeHuman, CC0). The source's colours are strong and painted; the
tints here are the dark and the bright of fibres in photographs of brown, hazel, green, blue and grey eyes,
set by eye.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from hiface.assets.format import write_asset
from hiface.export.eyes import IRIS_RADIUS, SCHEMA

CENTRE = (0.70691, 0.29617)
"""Of the clearer of the two eyes in the picture, fractions from the top left: the centroid of its pupil."""
IRIS_PIXELS = 57.0
WHITE_REACH, WHITE_SIDE, FIBRE_SIDE = 0.156, 176, 160
BRIGHTEN = 1.3
"""Linear factor on the source's white, which is shaded darker than a sclera's albedo."""
PINK = np.array([1.0, 0.80, 0.76])
"""Factor at the corners of the eye, where the conjunctiva shows its vessels."""

TINTS = {
    "brown": [[(54, 29, 16), (43, 24, 14)], [(154, 98, 54), (130, 81, 47)]],
    "dark brown": [[(24, 13, 8), (20, 12, 8)], [(78, 46, 27), (62, 37, 24)]],
    "blue": [[(54, 60, 64), (34, 46, 62)], [(158, 166, 162), (116, 142, 164)]],
    "green": [[(60, 47, 28), (46, 45, 34)], [(152, 128, 83), (126, 123, 91)]],
    "grey": [[(54, 56, 56), (42, 47, 52)], [(156, 156, 148), (134, 142, 144)]],
}
"""sRGB: dark and bright fibres, each near the pupil and at the rim."""


def window(picture: np.ndarray, reach: float, side: int) -> np.ndarray:
    """The square of half side `reach` (UV) round the pupil, `side` texels wide."""
    height, width = picture.shape[:2]
    axis = ((np.arange(side) + 0.5) / side * 2 - 1) * reach * (IRIS_PIXELS / IRIS_RADIUS)
    across, down = np.meshgrid(CENTRE[0] * width - 0.5 + axis, CENTRE[1] * height - 0.5 + axis)
    return cv2.remap(picture, across.astype(np.float32), down.astype(np.float32), cv2.INTER_LANCZOS4)


def fibres(picture: np.ndarray) -> np.ndarray:
    """Brightness 0 to 255 between the darkest and the brightest fibres; the pupil takes its rim's mean."""
    grey = window(picture.astype(np.float32).mean(2), IRIS_RADIUS, FIBRE_SIDE)
    axis = (np.arange(FIBRE_SIDE) + 0.5) / FIBRE_SIDE * 2 - 1
    radius = np.hypot(*np.meshgrid(axis, axis))
    grey[radius < 0.36] = grey[(radius > 0.36) & (radius < 0.42)].mean()
    low, high = np.percentile(grey[(radius > 0.36) & (radius < 0.92)], [3, 97])
    dark_rim = 1 - 0.75 * np.clip((radius - 0.82) / 0.18, 0, 1) ** 1.5
    return (np.clip((grey - low) / (high - low), 0, 1) * dark_rim * 255).round().astype(np.uint8)


def white(picture: np.ndarray) -> np.ndarray:
    """The sclera: brightened, pink to the corners, one colour at its border so that it can be continued."""
    source = window(picture.astype(np.float32), WHITE_REACH, WHITE_SIDE)
    axis = ((np.arange(WHITE_SIDE) + 0.5) / WHITE_SIDE * 2 - 1) * WHITE_REACH
    x, y = np.meshgrid(axis, axis)
    radius = np.hypot(x, y)
    ring = (radius > 0.092) & (radius < 0.1)
    under = np.clip((0.097 - radius) / 0.01, 0, 1)[..., None]  # the iris hides this: white there bleeds nothing
    source = source + under * (source[ring].mean(0) - source)
    linear = np.clip((source / 255) ** 2.2 * BRIGHTEN, 0, 1)
    border = linear[(radius > 0.12) & (radius < 0.135)].mean(0) * (1 + 0.4 * (PINK - 1))
    fade = np.clip((radius - 0.1) / (WHITE_REACH - 0.104), 0, 1)[..., None]
    linear += fade * fade * (3 - 2 * fade) * (border - linear)
    corner = (
        np.clip((np.abs(x) - 0.085) / 0.06, 0, 1) * np.exp(-((y / 0.08) ** 2)) * np.clip((0.15 - radius) / 0.05, 0, 1)
    )
    linear *= 1 + 0.9 * corner[..., None] * (PINK - 1)
    return (linear ** (1 / 2.2) * 255).round().astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("eyes", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    source = cv2.cvtColor(cv2.imread(str(args.eyes / "grey_eye.png")), cv2.COLOR_BGR2RGB)
    tensors = {
        "fibres": fibres(source),
        "white": white(source),
        "tints": np.array(list(TINTS.values()), np.float32),
    }
    meta = {
        "units": "sRGB, 0 to 255; UV of the eyeball, azimuthal equidistant, pupil at (0.5, 0.5)",
        "licence": "CC0 1.0 (MakeHuman system assets); tints Apache-2.0",
        "colours": list(TINTS),
        "white_reach": WHITE_REACH,
    }
    digest = write_asset(args.out, SCHEMA, tensors, meta)
    print(f"{args.out}: {len(TINTS)} colours, {args.out.stat().st_size / 2**10:.0f} KiB, {digest[:12]}")


if __name__ == "__main__":
    main()
