"""What `hiface animate` writes for one driver: a strip of pictures, the detailed mesh and the coefficients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from hiface.export.folder import (
    PICTURE,
    face_pictures_of,
    face_texture,
    write_coefficients,
    write_detail_mesh,
)
from hiface.export.maps import write_png8
from hiface.export.overview import row_of
from hiface.photo.crop import crop_pixels

if TYPE_CHECKING:
    from hiface.model import Reconstruction


def write_animation(
    source: Reconstruction, driver: Reconstruction, result: Reconstruction, out: Path, stem: str
) -> None:
    """Write `stem`.png, `stem`.obj and `stem`.safetensors into `out`."""
    write_png8(out / f"{stem}.png", animation_strip(source, driver, result))
    write_detail_mesh(result, out / f"{stem}.obj")
    write_coefficients(result.coefficients, out / f"{stem}.safetensors")


def animation_strip(
    source: Reconstruction, driver: Reconstruction, result: Reconstruction
) -> UInt8[np.ndarray, "H W 3"]:
    """Source, driver, and the result coarse, detailed and textured, side by side."""
    crops = [crop_pixels(r.photo.pixels, r.box, PICTURE) for r in (source, driver)]
    pictures, _ = face_pictures_of(result, crops[0], face_texture(source))
    tiles = [*crops, pictures.coarse, pictures.detailed, pictures.textured]
    return row_of(tiles, ("source", "driver", "coarse", "detailed", "textured"))
