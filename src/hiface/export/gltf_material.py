"""Textures and materials of a GLB file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pygltflib as gltf
from jaxtyping import UInt8

from hiface.export.gltf_buffer import BufferWriter
from hiface.export.lashes import lash_texture
from hiface.export.wrinkles import EXTRAS, WrinkleMaps

_JPEG_QUALITY = 92


@dataclass(frozen=True)
class GlbTextures:
    """Pictures of the file, sRGB but for the normal map; row 0 is v = 1."""

    face: UInt8[np.ndarray, "R R 3"]
    head: UInt8[np.ndarray, "Rh Rh 3"]
    """Tile of head and neck."""
    eyes: UInt8[np.ndarray, "Re Re 3"]
    normal: UInt8[np.ndarray, "Rn Rn 3"] | None = None
    """Tangent-space normals of the face tile: red along u, green along v, 128 = 0."""
    wrinkles: WrinkleMaps | None = None
    """What lets an engine drive wrinkles by morph weights (docs/engines.md); other viewers ignore it."""


def add_pictures(document: gltf.GLTF2, buffer: BufferWriter, textures: GlbTextures) -> None:
    """Encode the pictures into the buffer, and name a texture for each."""
    encoded = {
        "face": _encode(textures.face, ".jpg"),
        "head": _encode(textures.head, ".jpg"),
        "eyes": _encode(textures.eyes, ".jpg"),
        "lashes": _encode(lash_texture(), ".png"),
    }
    if textures.normal is not None:
        encoded["normal"] = _encode(textures.normal, ".png")
    if textures.wrinkles is not None:
        encoded |= {f"wrinkles_{name}": _encode(p, ".png") for name, p in textures.wrinkles.pictures().items()}
    document.samplers = [
        gltf.Sampler(
            magFilter=gltf.LINEAR,
            minFilter=gltf.LINEAR_MIPMAP_LINEAR,
            wrapS=gltf.CLAMP_TO_EDGE,
            wrapT=gltf.CLAMP_TO_EDGE,
        )
    ]
    for name, data in encoded.items():
        mime = "image/png" if data[:4] == b"\x89PNG" else "image/jpeg"
        document.images.append(gltf.Image(name=name, mimeType=mime, bufferView=buffer.view(data)))
        document.textures.append(gltf.Texture(name=name, sampler=0, source=len(document.images) - 1))


def _encode(picture: UInt8[np.ndarray, "H W C"], kind: str) -> bytes:
    code = cv2.COLOR_RGBA2BGRA if picture.shape[2] == 4 else cv2.COLOR_RGB2BGR
    options = {".jpg": [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY], ".png": [cv2.IMWRITE_PNG_COMPRESSION, 1]}
    return bytes(cv2.imencode(kind, cv2.cvtColor(picture, code), options[kind])[1])


FLAT = {
    "teeth": (0.62, 0.56, 0.46),
    "gums": (0.30, 0.085, 0.08),
    "mouth": (0.13, 0.03, 0.03),
    "sockets": (0.36, 0.14, 0.12),
}
"""Linear colours of what has no texture."""
_ROUGHNESS = {
    "face": 0.55,
    "head": 0.65,
    "eyes": 0.08,
    "teeth": 0.25,
    "gums": 0.35,
    "mouth": 0.7,
    "sockets": 0.4,
    "lashes": 0.9,
}
"""Eyes are wet."""


def material_of(name: str, document: gltf.GLTF2) -> gltf.Material:
    """The material of a piece, with the textures that the document has for it."""
    surface = gltf.PbrMetallicRoughness(
        metallicFactor=0.0,
        roughnessFactor=_ROUGHNESS[name],
        baseColorFactor=[*FLAT.get(name, (1, 1, 1)), 1.0],
    )
    textures = {t.name: k for k, t in enumerate(document.textures)}
    if name in textures:
        surface.baseColorTexture = gltf.TextureInfo(index=textures[name])
    result = gltf.Material(name=name, pbrMetallicRoughness=surface, alphaMode=gltf.OPAQUE)
    if name == "lashes":
        result.alphaMode, result.doubleSided = gltf.BLEND, True
    if name == "face" and "normal" in textures:
        result.normalTexture = gltf.NormalMaterialTexture(index=textures["normal"])
    return result


def wrinkle_extras(document: gltf.GLTF2, wrinkles: WrinkleMaps, units: Sequence[str]) -> dict[str, Any]:
    """The `extras` of the face's material: which textures are what, and the rule that drives them."""
    place = {t.name: k for k, t in enumerate(document.textures)}
    return {EXTRAS: wrinkles.extras({name: place[f"wrinkles_{name}"] for name in wrinkles.pictures()}, units)}
