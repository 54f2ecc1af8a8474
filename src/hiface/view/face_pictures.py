"""The pictures that a page carries, and how its photo is framed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from jaxtyping import UInt8

from hiface.export.eyes import IRIS_RADIUS, PUPIL_RADIUS
from hiface.export.folder import PICTURE, eyes_of, face_texture
from hiface.export.lashes import lash_texture
from hiface.export.texture import FaceTexture
from hiface.geometry.colour import srgb_from_linear
from hiface.photo.crop import crop_pixels

if TYPE_CHECKING:
    from hiface.model import Reconstruction

_QUALITY = 90
"""Of JPEG."""
_TILE = 512
"""Side of the albedo and head tiles, texels."""


@dataclass(frozen=True)
class PagePictures:
    """Encoded pictures by name, and what the photo says about the eyes."""

    encoded: dict[str, bytes]
    eyes: dict[str, Any]


def pictures_of(result: Reconstruction, texture: FaceTexture | None = None) -> PagePictures:
    """Photo, textures and albedo of a face; `texture` where the caller has it already."""
    crop = crop_pixels(result.photo.pixels, result.box, PICTURE)
    texture = face_texture(result) if texture is None else texture
    eyes, look, _ = eyes_of(result, crop, texture)
    with torch.no_grad():
        albedo = result.model.reconstructor.albedo
        coefficient = result.coefficients.albedo.to(result.model.device)
        tiles = [tile(coefficient, _TILE)[0].cpu().numpy() for tile in (albedo.face, albedo.head)]
    face_albedo, head_albedo = ((srgb_from_linear(t) * 255 + 0.5).astype(np.uint8) for t in tiles)
    head = cv2.resize(texture.head, (_TILE, _TILE), interpolation=cv2.INTER_AREA)
    encoded = {
        "photo": jpeg(crop),
        "face": jpeg(texture.colour),
        "head": jpeg(head),
        "eyes": jpeg(eyes),
        "face_albedo": jpeg(face_albedo),
        "head_albedo": jpeg(head_albedo),
        "lashes": png(lash_texture()),
    }
    about_eyes = {"brightness": look.brightness.round(4).tolist(), "iris": IRIS_RADIUS, "pupil": PUPIL_RADIUS}
    return PagePictures(encoded, about_eyes)


def photo_frame(result: Reconstruction) -> dict[str, Any]:
    """How the photo is framed: how many millimetres of the face its square crop is wide and high."""
    per_mm = float(result.coefficients.scale[0]) / result.millimetre_factor
    return {"side_mm": 1 / per_mm}


def jpeg(picture: UInt8[np.ndarray, "H W 3"]) -> bytes:
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])


def png(picture: UInt8[np.ndarray, "H W 4"]) -> bytes:
    return bytes(cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGBA2BGRA))[1])
