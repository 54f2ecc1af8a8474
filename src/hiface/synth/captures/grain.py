"""Skin grain from photographed skins: what is dark is deep, and only what is fine."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float

from hiface.errors import AssetError
from hiface.synth.captures.sculpt import Map
from hiface.synth.captures.surface import Surface

FINEST_MM, COARSEST_MM = 0.25, 1.2
"""Gaussian widths between which a photograph is believed to show relief: below is noise and the blur of
moving it to our UV, above are colour and light."""
DEPTH_MM = 0.016
"""RMS of the grain on the cheek: chosen by eye."""
STRONGEST = 3.0
"""Standard deviations kept: hairs and moles are darker than any pore."""


def skin_pictures(folder: Path) -> list[Path]:
    """Face tiles of photographed skins; raises `AssetError` where there are none."""
    found = sorted(folder.glob("*_face.webp")) + sorted(folder.glob("*_face.png"))
    found = [path for path in found if "lowres" not in path.name]
    if not found:
        raise AssetError(f"{folder}: expected pictures of skin on the face tile (*_face.webp or .png), found none")
    return found


def photographic_grain(path: Path, surface: Surface) -> Map:
    """The fine part of a photographed skin as a displacement, mm, mean 0, RMS `DEPTH_MM` on the cheek."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise AssetError(f"{path}: not a picture that can be read")
    # Red light scatters deepest in skin and blurs relief; green shows it and is less noisy than blue.
    shade = np.log1p(picture[..., 1].astype(np.float32))
    side = surface.side
    shade = cv2.resize(shade, (side, side), interpolation=cv2.INTER_AREA if side < len(shade) else cv2.INTER_CUBIC)
    fine = band(shade, surface, FINEST_MM, COARSEST_MM)
    cheek = (surface.blob(40, -5, 16, 18) > 0.5) & surface.mask
    deviation = max(float(fine[cheek].std()), 1e-9)
    kept = STRONGEST * np.tanh(fine / (STRONGEST * deviation))
    return np.asarray(DEPTH_MM * kept * surface.window * _bare(surface), np.float64)


def band(
    values: Float[np.ndarray, "R R"], surface: Surface, fine_mm: float, coarse_mm: float
) -> Float[np.ndarray, "R R"]:
    """What a Gaussian of `coarse_mm` takes out and one of `fine_mm` leaves; widths in space on average."""
    texel = np.linalg.norm(surface.jacobian[surface.mask], axis=1).mean(0) / surface.side

    def blurred(width: float) -> Float[np.ndarray, "R R"]:
        if width < 0.3 * texel.min():
            return values
        return np.asarray(cv2.GaussianBlur(values, (0, 0), float(width / texel[0]), sigmaY=float(width / texel[1])))

    return np.asarray(blurred(fine_mm) - blurred(coarse_mm))


def _bare(surface: Surface) -> Map:
    """1 on bare skin, 0 on brows, lids and lips, whose darkness is no relief."""
    blob = surface.blob
    covered = blob(34, 58, 26, 9, power=4) + blob(31, 33, 21, 9, power=4) + blob(0, -34, 28, 11, paired=False, power=4)
    return np.asarray(1 - np.clip(covered, 0, 1))
