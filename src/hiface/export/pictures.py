"""Pictures of a reconstructed face in the frame of its crop: overlay, clay with and without detail,
textured."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from hiface.export.blend import smoothstep
from hiface.export.clay import KEY, key_shadow, openness, shaded
from hiface.export.corners import pieces
from hiface.export.eyes import IRIS_RADIUS, PUPIL_RADIUS
from hiface.export.lashes import COLOUR, lash_cover
from hiface.export.seen import FINER, Seen, look_at, with_relief
from hiface.export.texture import FaceTexture
from hiface.face.model import FaceModel
from hiface.geometry.colour import linear_from_srgb, srgb_from_linear
from hiface.geometry.topology import smooth, unique_edges
from hiface.render.interpolate import interpolate

CLAY = (0.40, 0.375, 0.355)
"""Linear colour of the clay."""
_CLAY_OF = {
    "eyes": (0.56, 0.555, 0.54),
    "teeth": (0.58, 0.565, 0.54),
    "gums": (0.20, 0.155, 0.145),
    "mouth": (0.07, 0.06, 0.058),
    "sockets": (0.27, 0.245, 0.23),
}
_CLAY_GLOSS, _SKIN_GLOSS = 0.055, 0.03
_GLOSS_OF = {"eyes": (0.5, 0.5, 0.5), "teeth": (0.25, 0.25, 0.25), "sockets": (0.1, 0.1, 0.1)}
_COLOUR_OF = {
    "teeth": (0.68, 0.60, 0.48),
    "gums": (0.27, 0.08, 0.075),
    "mouth": (0.06, 0.016, 0.015),
    "sockets": (0.34, 0.13, 0.11),
}
BACKGROUND = ((0.030, 0.031, 0.034), (0.010, 0.0105, 0.012))
"""Linear colours in the middle and in the corners of a picture."""
OVERLAY_COVER = 0.78
_CAVITY_TEXELS, _CAVITY_PER_MM = 1 / 90, 1.1
"""Width of the mean to which a wrinkle's depth is compared, parts of the tile; how much a millimetre
darkens."""


@dataclass(frozen=True)
class FacePictures:
    """sRGB pictures of one face, S x S, in the frame of its crop."""

    overlay: UInt8[np.ndarray, "S S 3"]
    """Clay over the photo."""
    coarse: UInt8[np.ndarray, "S S 3"]
    detailed: UInt8[np.ndarray, "S S 3"]
    textured: UInt8[np.ndarray, "S S 3"]


def face_pictures(
    crop: UInt8[np.ndarray, "S S 3"],
    posed: Float[np.ndarray, "V 3"],
    scale: float,
    model: FaceModel,
    displacement: Float[np.ndarray, "R R"],
    texture: FaceTexture,
    eyes: UInt8[np.ndarray, "Re Re 3"],
    brightness: Float[np.ndarray, "3"] | None = None,
    seen: Seen | None = None,
) -> FacePictures:
    """All four pictures.

    crop: sRGB; its side is that of the pictures. posed: all vertices, mm, in the crop's frame (+x right, +y
    up, +z towards the camera, the optical axis through the origin). scale: crop sides per mm. displacement:
    mm, face tile. texture: of `photo_texture`. eyes: the eyeball's texture. brightness: linear factor on
    eyes, teeth and mouth that brings them to the photo's light. seen: `look_at(model, posed, scale, S)` where
    the caller has it already.
    """
    seen = look_at(model, posed, scale, len(crop)) if seen is None else seen
    open_share, lit = openness(seen), key_shadow(seen)
    plain = clay(seen, seen.normal, open_share, lit)
    rough = clay(seen, with_relief(seen, model, displacement), open_share * cavity(seen, displacement), lit)
    coloured = textured(seen, texture, eyes, open_share, np.ones(3) if brightness is None else brightness)
    coloured = with_lashes(coloured, lash_cover(seen, model, posed))
    cover, ground = _averaged(seen.mask.astype(np.float32))[..., None], background(len(crop))
    return FacePictures(
        overlay=overlay(crop, seen, model, plain),
        coarse=srgb(_averaged(plain) + ground * (1 - cover)),
        detailed=srgb(_averaged(rough) + ground * (1 - cover)),
        textured=_laid_over(_averaged(coloured), cover, srgb(ground)),
    )


def clay(
    seen: Seen,
    normal: Float[np.ndarray, "3 N N"],
    open_share: Float[np.ndarray, "N N"],
    lit: Float[np.ndarray, "N N"],
    towards: Float[np.ndarray, "3"] = KEY,
) -> Float[np.ndarray, "N N 3"]:
    """Linear colours of the face in clay; the iris is pressed in a little darker, so that the gaze shows.

    `towards`: the key light's direction, for which `lit` was found.
    """
    light, spark = shaded(seen, normal, open_share, lit, towards)
    rows, names = _not_skin(seen)
    tint = np.stack([_table(_CLAY_OF)[names], _table(_GLOSS_OF)[names]]).transpose(0, 2, 1)
    eye = names == list(_CLAY_OF).index("eyes")
    radius = np.hypot(*(seen.place.reshape(-1, 2)[rows[eye]] - 0.5).T)
    iris = 1 - smoothstep(radius, IRIS_RADIUS * 0.94, IRIS_RADIUS * 1.06)
    pupil = 1 - smoothstep(radius, PUPIL_RADIUS * 0.9, PUPIL_RADIUS * 1.15)
    tint[0][:, eye] *= 1 - 0.45 * iris - 0.4 * pupil
    flat, shine = light.reshape(3, -1), spark.ravel()
    inner = flat[:, rows] * tint[0] + shine[rows] * tint[1]
    spark *= np.float32(_CLAY_GLOSS)
    for k in range(3):
        light[k] *= np.float32(CLAY[k])
        light[k] += spark
    flat[:, rows] = inner
    return np.asarray(cv2.merge(list(light)))


def _not_skin(seen: Seen) -> tuple[Int[np.ndarray, "K"], Int[np.ndarray, "K"]]:
    """Flat positions of samples of eyes, teeth and the like, and the place of each one's piece in
    `_CLAY_OF`."""
    names = list(_CLAY_OF)
    index = np.full(256, -1)
    for k, name in enumerate(seen.names):
        index[k] = names.index(name) if name in names else -1
    inner = seen.of(*names)
    rows = np.flatnonzero(inner)
    return rows, index[seen.piece.ravel()[rows]]


def _table(colours: dict[str, tuple[float, float, float]]) -> Float[np.ndarray, "P 3"]:
    """Rows in the order of `_CLAY_OF`."""
    return np.array([colours.get(name, (0, 0, 0)) for name in _CLAY_OF], np.float32)


def cavity(seen: Seen, displacement: Float[np.ndarray, "R R"]) -> Float[np.ndarray, "N N"]:
    """Below 1 in the grooves of a displacement map, where less of the sky is seen than the coarse face
    knows."""
    heights = np.ascontiguousarray(displacement, np.float32)
    lower = cv2.GaussianBlur(heights, (0, 0), _CAVITY_TEXELS * len(heights)) - heights
    dim = np.exp(-np.clip(lower * _CAVITY_PER_MM, -0.12, 1.2))
    return np.where(seen.of("face"), seen.sampled(dim), np.float32(1))


def textured(
    seen: Seen,
    texture: FaceTexture,
    eyes: UInt8[np.ndarray, "Re Re 3"],
    open_share: Float[np.ndarray, "N N"],
    brightness: Float[np.ndarray, "3"],
) -> UInt8[np.ndarray, "N N 3"]:
    """sRGB: skin as its texture says, light included; the rest by its own colour, dimmer in hollows."""
    picture = seen.sampled(texture.colour)
    np.copyto(picture, seen.sampled(texture.head), where=seen.of("head")[..., None])
    rows, names = _not_skin(seen)
    colours = _table(_COLOUR_OF)[names]
    eye = names == list(_CLAY_OF).index("eyes")
    colours[eye] = _LINEAR[seen.sampled(eyes).reshape(-1, 3)[rows[eye]]]
    share = open_share.ravel()[rows, None]
    moist = np.isin(names, [list(_CLAY_OF).index(name) for name in ("eyes", "sockets", "teeth")])
    colours *= share ** np.where(moist, 0.6, 1.0)[:, None] * brightness
    half = KEY + np.array([0, 0, 1], np.float32)
    towards = (half / np.linalg.norm(half)) @ seen.normal.reshape(3, -1)[:, rows[eye]]
    colours[eye] += 0.8 * np.maximum(towards, 0)[:, None] ** 700 * smoothstep(share[eye], 0.3, 0.7)
    picture.reshape(-1, 3)[rows] = srgb(colours)
    return picture


def in_light(
    seen: Seen,
    tiles: tuple[Float[np.ndarray, "R R 3"], Float[np.ndarray, "R R 3"]],
    eyes: UInt8[np.ndarray, "Re Re 3"],
    light: Float[np.ndarray, "3 N N"],
    spark: Float[np.ndarray, "N N"],
) -> UInt8[np.ndarray, "N N 3"]:
    """sRGB: linear albedo of the face's and the head's tile under the light of `clay.shaded`, with a little gloss."""
    colour = seen.sampled(tiles[0])
    np.copyto(colour, seen.sampled(tiles[1]), where=seen.of("head")[..., None])
    rows, names = _not_skin(seen)
    inner = _table(_COLOUR_OF)[names]
    eye = names == list(_CLAY_OF).index("eyes")
    inner[eye] = _LINEAR[seen.sampled(eyes).reshape(-1, 3)[rows[eye]]]
    colour.reshape(-1, 3)[rows] = inner
    gloss = np.full(seen.mask.shape, np.float32(_SKIN_GLOSS))
    gloss.reshape(-1)[rows] = _table(_GLOSS_OF)[names][:, 0]
    return srgb(colour * light.transpose(1, 2, 0) + (gloss * spark)[..., None])


def on_ground(samples: UInt8[np.ndarray, "N N 3"], seen: Seen) -> UInt8[np.ndarray, "S S 3"]:
    """A picture of its samples before the dark ground."""
    cover = _averaged(seen.mask.astype(np.float32))[..., None]
    return _laid_over(_averaged(samples), cover, srgb(background(len(cover))))


def with_lashes(picture: UInt8[np.ndarray, "N N 3"], cover: Float[np.ndarray, "N N"]) -> UInt8[np.ndarray, "N N 3"]:
    """Lashes (`lash_cover`) over a textured picture."""
    rows = np.flatnonzero(cover)
    share, flat = cover.ravel()[rows, None], picture.reshape(-1, 3).copy()
    flat[rows] = flat[rows] * (1 - share) + np.array(COLOUR) * share
    return flat.reshape(picture.shape)


def overlay(
    crop: UInt8[np.ndarray, "S S 3"], seen: Seen, model: FaceModel, colours: Float[np.ndarray, "N N 3"]
) -> UInt8[np.ndarray, "S S 3"]:
    """The clay face over its photo, fading at the sides and above, so that eyes compare both."""
    weight = torch.from_numpy(_overlay_weight(model, seen.names))[None]
    cover = interpolate(seen.raster, seen.screen, None, seen.triangles, weight)[0].numpy()
    rows, _ = _not_skin(seen)
    cover.reshape(-1)[rows] = OVERLAY_COVER
    photo = linear_from_srgb(crop.astype(np.float32) / 255)
    return srgb(_averaged(colours * cover) + photo * (1 - _averaged(cover)[..., None]))


@lru_cache(maxsize=2)
def _overlay_weight(model: FaceModel, names: tuple[str, ...]) -> Float[np.ndarray, "C 1"]:
    """Cover of each corner in the order of `seen.corners`: the narrow face, its border softened."""
    skin = model.polygons[model.polygon_range("skin")]
    wide = model.region("face_narrow").astype(np.float64)
    soft = smooth(wide, unique_edges(skin), 12)
    cover = (OVERLAY_COVER * smoothstep(soft.astype(np.float32), 0.25, 0.75)).astype(np.float32)
    return np.concatenate([cover[p.source] for p in pieces(model) if p.name in names])[:, None]


def background(side: int) -> Float[np.ndarray, "S S 3"]:
    """Dark neutral, a little lighter in the middle; linear."""
    axis = (np.arange(side, dtype=np.float32) + 0.5) / side * 2 - 1
    x, y = np.meshgrid(axis, axis)
    far = smoothstep(np.hypot(x, 0.9 * y + 0.1), 0.0, 1.35)[..., None]
    middle, corner = (np.array(c, np.float32) for c in BACKGROUND)
    return np.asarray(middle + far * (corner - middle))


_LINEAR = linear_from_srgb(np.arange(256, dtype=np.float32) / 255)


def _averaged(samples: np.ndarray) -> np.ndarray:
    side = len(samples) // FINER
    return np.asarray(cv2.resize(samples, (side, side), interpolation=cv2.INTER_AREA))


def _laid_over(
    picture: UInt8[np.ndarray, "S S 3"], cover: Float[np.ndarray, "S S 1"], ground: UInt8[np.ndarray, "S S 3"]
) -> UInt8[np.ndarray, "S S 3"]:
    """sRGB over sRGB; `picture` is of full strength up to its outline."""
    return np.asarray((ground + cover * (picture.astype(np.float32) - ground) + 0.5).astype(np.uint8))


_SRGB = (srgb_from_linear(np.arange(4096, dtype=np.float32) / 4095) * 255 + 0.5).astype(np.uint8)


def srgb(linear: Float[np.ndarray, "*S 3"]) -> UInt8[np.ndarray, "*S 3"]:
    """sRGB by table, a fifth of a level fine."""
    return np.asarray(_SRGB[(np.clip(linear, 0, 1) * 4095 + 0.5).astype(np.uint16)])
