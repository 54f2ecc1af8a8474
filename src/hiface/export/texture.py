"""The face's texture from its photo: the photo's own pixels where it sees the skin, mirror and albedo
elsewhere.

The light of the photo is left in: nothing here separates it from the skin's colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8

from hiface.errors import MeshError
from hiface.export.blend import fill_smoothly, logarithm, shrunk, smoothstep, with_gain
from hiface.export.corners import PIECES, pieces
from hiface.export.texture_head import match_head, unwrapped
from hiface.face.model import FaceModel
from hiface.face.parts import OF_THE_FACE
from hiface.geometry.colour import srgb_from_linear
from hiface.photo.parse import ParsedFace, sampled
from hiface.render.interpolate import interpolate
from hiface.render.rasterise import Raster, rasterise

COARSE = 256
"""Side at which colours are compared and gains are filled in."""
_FINEST = 1.2
"""Pixels of the photo per texel of the tile, counted along the face's longest side, above which it is
shrunk."""
_PHOTO_BORDER = (0.002, 0.022)
"""Distances from the photo's border, of its side, over which it fades in."""
_FACING = (0.15, 0.55)
"""Cosines between the normal and the view at which a texel begins to count, and counts in full."""
_DEPTH_MM = 2.5
"""A surface this far behind the nearest one is hidden: more than the depth within a pixel of a slanted
cheek."""
_ALIKE = (1.9, 3.2)
"""Deviations from the skin's own colours up to which a colour is skin, and beyond which it is not."""
_SPREAD = ((0.22, 0.07, 0.07), (0.40, 0.11, 0.11))
"""Least and greatest deviation of skin in brightness, red over green and blue over green (logarithms)."""
_PARSED, _CERTAIN = (0.4, 0.8), (0.8, 0.95)
"""Probabilities of face from which the parser lets a pixel in, and wholly; from which colour loses its say, and has
none. Beyond the parser's crop a pixel is let in, and colour decides."""
_SURE = (0.5, 1.0)
"""Weights from which a texel has a say in the gains: what is half hair has none."""
_BORDER = (0.01, 0.06)
"""Distances from the tile's outline, of its side, over which the photo fades in."""


@dataclass(frozen=True)
class FaceTexture:
    """Textures of the two skin tiles, sRGB, row 0 is v = 1; the photo's light is in them."""

    colour: UInt8[np.ndarray, "R R 3"]
    """Face tile."""
    seen: Float[np.ndarray, "R R"]
    """How much of each texel is the photo's own pixel at that place, 0 to 1; not its mirror."""
    head: UInt8[np.ndarray, "Rh Rh 3"]
    """Tile of head and neck: albedo, brought to the face's colours at their common border."""


@dataclass(frozen=True)
class Tile:
    """What is constant about the face tile of a model at one size."""

    raster: Raster
    screen: Float[torch.Tensor, "1 N 3"]
    covered: Bool[np.ndarray, "R R"]
    """Texels with a triangle under their centre."""
    inside: Float[np.ndarray, "R R"]
    """1 within the tile's outline, fading to 0 at it."""
    trusted: Float[np.ndarray, "Rc Rc"]
    """1 where the photo is taken whatever its colour: brows, eyes, nose, mouth, beard; 0 where hair may
    lie."""
    core: Bool[np.ndarray, "Rc Rc"]
    """Texels whose colours say what skin looks like."""


def photo_texture(
    photo: UInt8[np.ndarray, "H W 3"],
    points: Float[np.ndarray, "V 2"],
    posed: Float[np.ndarray, "V 3"],
    model: FaceModel,
    face_albedo: Float[np.ndarray, "Ra Ra 3"],
    head_albedo: Float[np.ndarray, "Rh Rh 3"],
    side: int = 1024,
    parsed: ParsedFace | None = None,
) -> FaceTexture:
    """Textures of a face from its photo.

    photo: sRGB. points: where every vertex of the model lies in it, pixels. posed: the same vertices, mm, +z
    towards the camera, for normals and occlusion. face_albedo, head_albedo: linear reflectance of the two
    tiles, of any size. side: R, a power of two from 256. parsed: the parser's answer for this face; None goes by
    colour alone. Raises `MeshError` for arrays of another model.

    Weights fall with the angle of view, at hidden places, at the photo's border and towards the tile's
    outline; where the parser sees something else than the face (hair, glasses, hands, clothes); and, above the
    brows and beyond the face, where the colour is not the skin's and the parser is not certain. What is left is
    taken from the mirrored half, then from the albedo; both are brought to the photo's colours by gains that
    continue smoothly from where they overlap, so that no seam is left.
    """
    if len(points) != len(model.mean) or len(posed) != len(model.mean):
        raise MeshError(f"expected {len(model.mean)} vertices of the face model, got {len(points)} and {len(posed)}")
    tile = tile_of(model, side)
    view = _view(photo, points, posed, model, side, parsed)
    own, weight = _seen_colour(view, model, tile, np.arange(len(model.mean)))
    if model.symmetry is None:
        other, mirror_weight = own, np.zeros_like(weight)
    else:
        other, mirror_weight = _seen_colour(view, model, tile, model.symmetry)
    colour = _blend(own, weight, other, mirror_weight, _albedo_picture(face_albedo, side))
    head = match_head(_albedo_picture(head_albedo, len(head_albedo)), colour, model)
    return FaceTexture(colour, weight, head)


@lru_cache(maxsize=2)
def tile_of(model: FaceModel, side: int) -> Tile:
    """The face tile of a model at `side` texels; made once."""
    face = pieces(model)[0]
    raster, screen = unwrapped(face, side)
    covered = (raster.face_id[0] >= 0).numpy()
    outline = cv2.morphologyEx(
        covered.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((side // 16,) * 2, np.uint8)
    )  # over eyes and mouth
    far = cv2.distanceTransform(np.pad(outline, 1), cv2.DIST_L2, 3)[1:-1, 1:-1] / side
    fields = np.stack([_front_of_face(model), _skin_core(model)], 1)[face.source]
    values = interpolate(raster, screen, None, torch.from_numpy(face.triangles), torch.from_numpy(fields)[None])
    trusted, core = (shrunk(x, COARSE) for x in np.moveaxis(values[0].numpy(), -1, 0))
    return Tile(raster, screen, covered, smoothstep(far.astype(np.float32), *_BORDER), trusted, core > 0.99)


def _front_of_face(model: FaceModel) -> Float[np.ndarray, "V"]:
    """1 on the front of the face from the chin to just above the brows, falling to 0 above, below and at the
    temples; float32."""
    neutral = model.mean.cpu().numpy()
    points = neutral[model.landmark_weights("mediapipe68")[0][:, 0].cpu().numpy(), 1]
    brows, chin = float(points[17:27].max()), float(points[8])
    y, normals = neutral[:, 1], pieces(model)[0].surface.normals(neutral)
    front = smoothstep(normals[:, 2], 0.3, 0.5)
    jaw = 1 - smoothstep(y, 0.0, 25.0)  # beards grow there, on the side too
    between = smoothstep(y, chin - 10, chin - 2) * (1 - smoothstep(y, brows + 4, brows + 14))
    return np.asarray(model.region("face_narrow") * between * np.maximum(front, jaw), np.float32)


def _skin_core(model: FaceModel) -> Float[np.ndarray, "V"]:
    """1 on cheeks, nose and the lower forehead; float32."""
    away = model.region("lips") | model.region("eyes")
    return np.asarray((_front_of_face(model) > 0.5) & ~away, np.float32)


@dataclass(frozen=True)
class _View:
    """What the camera sees of the face: the part of the photo that holds it, no finer than the texels."""

    crop: UInt8[np.ndarray, "H W 3"]
    depth: Float[np.ndarray, "H W"]
    """Of the nearest surface, mm."""
    vertices: Float[np.ndarray, "V 7"]
    """Place in `crop` (x, y, centres of pixels at whole numbers), depth (mm), the normal's cosine to the
    view, the distance to the photo's border in parts of its side, and the place in `face`."""
    face: Float[np.ndarray, "S S"]
    """The parser's probability that the photo shows the face itself; one where there is no parser."""


def _view(
    photo: UInt8[np.ndarray, "H W 3"],
    points: Float[np.ndarray, "V 2"],
    posed: Float[np.ndarray, "V 3"],
    model: FaceModel,
    side: int,
    parsed: ParsedFace | None,
) -> _View:
    size = np.array(photo.shape[1::-1])
    low = np.clip(np.floor(points.min(0)) - 4, 0, size - 1).astype(int)
    high = np.clip(np.ceil(points.max(0)) + 4, low + 1, size).astype(int)
    crop = photo[low[1] : high[1], low[0] : high[0]]
    finer = max(crop.shape[:2]) / (_FINEST * side)
    if finer > 1:
        crop = cv2.resize(crop, None, fx=1 / finer, fy=1 / finer, interpolation=cv2.INTER_AREA)
    place = (points - low) * (np.array(crop.shape[1::-1]) / (high - low))
    screen = np.concatenate([place, -posed[:, 2:]], 1).astype(np.float32)
    raster = rasterise(torch.from_numpy(screen)[None], _opaque(model), *crop.shape[:2])
    facing = pieces(model)[0].surface.normals(posed)[:, 2:]
    border = np.minimum(points, size - points).min(1, keepdims=True) / size.min()
    in_face = np.zeros_like(points) if parsed is None else parsed.places(points)
    vertices = np.concatenate([place - 0.5, -posed[:, 2:], facing, border, in_face], 1)
    return _View(crop, raster.depth[0].numpy(), vertices.astype(np.float32), _face_map(parsed))


def _face_map(parsed: ParsedFace | None) -> Float[np.ndarray, "S S"]:
    """The probability of face, drawn in by a pixel: an outline's own pixels are mixtures."""
    if parsed is None:
        return np.ones((1, 1), np.float32)
    return np.asarray(cv2.erode(parsed.of(OF_THE_FACE), np.ones((3, 3), np.uint8)))


def _seen_colour(
    view: _View, model: FaceModel, tile: Tile, partner: Int[np.ndarray, "V"]
) -> tuple[UInt8[np.ndarray, "R R 3"], Float[np.ndarray, "R R"]]:
    """The photo's pixels at every texel, or at its mirror image's place, and how far they are to be
    trusted."""
    face = pieces(model)[0]
    at_corners = torch.from_numpy(view.vertices[partner[face.source]])[None]
    texels = interpolate(tile.raster, tile.screen, None, torch.from_numpy(face.triangles), at_corners)[0].numpy()
    place = np.ascontiguousarray(texels[..., :2])
    nearest = cv2.remap(view.depth, place, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    weight = smoothstep(texels[..., 3], *_FACING)
    weight *= smoothstep(texels[..., 4], *_PHOTO_BORDER)
    weight *= texels[..., 2] - nearest < _DEPTH_MM
    weight *= tile.inside
    share = sampled(view.face, texels[..., 5:7], beyond=_PARSED[1])
    weight *= smoothstep(share, *_PARSED)
    weight = np.minimum(weight, cv2.blur(weight, (len(weight) // 128 + 1,) * 2)) * tile.covered
    colour = cv2.remap(view.crop, place, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    certain = smoothstep(share, *_CERTAIN) * np.float32(view.face.size > 1)
    return colour, weight * np.maximum(_looks_like_skin(colour, weight, tile), certain)


@lru_cache(maxsize=2)
def _opaque(model: FaceModel) -> torch.Tensor:
    """Triangles of everything but the lashes, which hide nothing."""
    parts = [part for name, group in PIECES.items() if name != "lashes" for part in group if part in model.parts]
    return torch.from_numpy(np.concatenate([model.part_triangles(part) for part in parts]))


def _looks_like_skin(
    colour: UInt8[np.ndarray, "R R 3"], weight: Float[np.ndarray, "R R"], tile: Tile
) -> Float[np.ndarray, "R R"]:
    """1 where the colour is the face's own skin's, or the place is trusted; 0 where it is far from it."""
    logs = logarithm(shrunk(colour, COARSE))
    features = np.stack([logs.mean(2), logs[..., 0] - logs[..., 1], logs[..., 2] - logs[..., 1]], 2)
    sample = features[tile.core & (shrunk(weight, COARSE) > 0.8)]
    if len(sample) < 100:
        return np.ones_like(weight)
    middle = np.median(sample, 0)
    spread = np.clip(1.4826 * np.median(np.abs(sample - middle), 0), *_SPREAD)
    apart = np.sqrt((((features - middle) / spread) ** 2).sum(2)).astype(np.float32)
    alike = cv2.erode(1 - smoothstep(apart, *_ALIKE), np.ones((9, 9), np.uint8))
    trust = np.maximum(cv2.GaussianBlur(alike, (0, 0), 2.0), tile.trusted)
    return np.asarray(cv2.resize(trust, weight.shape[::-1], interpolation=cv2.INTER_LINEAR))


def _albedo_picture(albedo: Float[np.ndarray, "Ra Ra 3"], side: int) -> UInt8[np.ndarray, "R R 3"]:
    encoded = srgb_from_linear(np.clip(np.asarray(albedo, np.float32), 0, 1)) * 255
    return np.asarray(cv2.resize(encoded.round().astype(np.uint8), (side, side), interpolation=cv2.INTER_LINEAR))


def _blend(
    own: UInt8[np.ndarray, "R R 3"],
    weight: Float[np.ndarray, "R R"],
    other: UInt8[np.ndarray, "R R 3"],
    mirror_weight: Float[np.ndarray, "R R"],
    albedo: UInt8[np.ndarray, "R R 3"],
) -> UInt8[np.ndarray, "R R 3"]:
    """Photo over matched mirror over matched albedo."""
    w, m = shrunk(weight, COARSE), shrunk(mirror_weight, COARSE)
    logs = [logarithm(shrunk(x, COARSE)) for x in (own, other, albedo)]
    mirror_gain = fill_smoothly(logs[0] - logs[1], smoothstep(w * m, *_SURE))
    known = w + (1 - w) * m
    so_far = (w[..., None] * logs[0] + ((1 - w) * m)[..., None] * (logs[1] + mirror_gain)) / np.maximum(known, 1e-3)[
        ..., None
    ]
    albedo_gain = fill_smoothly(so_far - logs[2], smoothstep(known, *_SURE))
    result = with_gain(albedo, albedo_gain)
    result += mirror_weight[..., None] * (with_gain(other, mirror_gain) - result)
    result += weight[..., None] * (own - result)
    return np.asarray(np.clip(result + 0.5, 0, 255).astype(np.uint8))
