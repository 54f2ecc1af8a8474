"""What a picture of the posed face sees at every sample: piece, normal, UV, depth. Pictures shade this."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8

from hiface.detail.slopes import slopes as slopes_of
from hiface.export.corners import Piece, pieces
from hiface.face.model import FaceModel
from hiface.geometry.camera import project
from hiface.render.interpolate import interpolate
from hiface.render.rasterise import Raster, rasterise
from hiface.render.relief import uv_gradients

FINER = 2
"""Samples per pixel and axis; pictures are averaged from them."""


@dataclass(frozen=True)
class Seen:
    """Samples of an orthographic picture. Frame: +x right, +y up, +z towards the camera; mm."""

    mask: Bool[np.ndarray, "N N"]
    piece: UInt8[np.ndarray, "N N"]
    """Position in `pieces(model)`; 255 where nothing is seen."""
    normal: Float[np.ndarray, "3 N N"]
    """Unit normals, x, y and z planes; zero where nothing is seen."""
    place: Float[np.ndarray, "N N 2"]
    """Position in the piece's tile, 0 to 1: u, and v turned down as the rows of textures run."""
    depth: Float[np.ndarray, "N N"]
    """mm, larger is farther, +inf where nothing is seen."""
    mm: float
    """Millimetres per sample."""
    names: tuple[str, ...]
    """Pieces, by position."""
    triangles: Int[torch.Tensor, "T 3"]
    corners: Float[torch.Tensor, "1 C 3"]
    """Posed corners, mm: with `triangles`, what casts shadows."""
    raster: Raster
    screen: Float[torch.Tensor, "1 C 3"]

    def project(self, points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P 3"]:
        """Places on the samples, x right and y down, and depth, of posed points in mm."""
        half = len(self.depth) / 2
        return np.stack([half + points[:, 0] / self.mm, half - points[:, 1] / self.mm, -points[:, 2]], 1)

    def of(self, *names: str) -> Bool[np.ndarray, "N N"]:
        """Samples that see one of the named pieces."""
        result = np.zeros_like(self.mask)
        for k, name in enumerate(self.names):
            if name in names:
                result |= self.piece == k
        return result

    def sampled(self, texture: np.ndarray) -> np.ndarray:
        """A square texture at all samples, bilinear; only samples of its own piece make sense."""
        where = self.place * np.float32(len(texture))
        where -= np.float32(0.5)
        return np.asarray(cv2.remap(texture, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def look_at(model: FaceModel, posed: Float[np.ndarray, "V 3"], scale: float, side: int) -> Seen:
    """The samples of a picture of `side` pixels.

    posed: all vertices, mm, the optical axis through the origin. scale: picture sides per mm. Lashes are
    not among them: they are no surface (`lashes.lash_cover`).
    """
    shown = _shown(model)
    triangles, piece_of = _joined(model)
    posed = np.asarray(posed, np.float32)
    corners = torch.from_numpy(posed[np.concatenate([p.source for p in shown])])[None]
    samples = side * FINER
    screen = project(corners, torch.tensor([scale], dtype=torch.float32), samples)
    raster = rasterise(screen, triangles, samples, samples)
    normals = np.concatenate([p.surface.normals(posed)[p.source] for p in shown])
    place = np.concatenate([p.uv for p in shown]) * np.array([1, -1], np.float32) + np.array([0, 1], np.float32)
    fields = torch.from_numpy(np.concatenate([normals, place], 1))[None]
    values = interpolate(raster, screen, None, triangles, fields)[0].numpy()
    face_id = raster.face_id[0].numpy()
    return Seen(
        mask=face_id >= 0,
        piece=piece_of[face_id],
        normal=_unit_planes(values[..., :3]),
        place=np.ascontiguousarray(values[..., 3:]),
        depth=raster.depth[0].numpy(),
        mm=1 / (scale * samples),
        names=tuple(p.name for p in shown),
        triangles=triangles,
        corners=corners,
        raster=raster,
        screen=screen,
    )


def with_relief(seen: Seen, model: FaceModel, displacement: Float[np.ndarray, "R R"]) -> Float[np.ndarray, "3 N N"]:
    """Normals of the face's surface raised by a displacement map (mm, face tile); others as they are."""
    face = pieces(model)[0]
    uv, triangles = torch.from_numpy(face.uv), torch.from_numpy(face.triangles)
    gradients = uv_gradients(seen.corners[:, : len(face.uv)], triangles, uv, triangles)
    constant = torch.arange(len(triangles))[:, None].expand(-1, 3)
    on_face = seen.raster.face_id < len(triangles)  # pieces come in order, the face first
    only_face = Raster(torch.where(on_face, seen.raster.face_id, -1), seen.raster.depth)
    gradient = interpolate(only_face, seen.screen, None, triangles, gradients, constant)[0].numpy()
    maps = slopes_of(torch.from_numpy(np.ascontiguousarray(displacement, np.float32))[None])[0].numpy()
    slope = seen.sampled(np.ascontiguousarray(maps))
    raised = [
        seen.normal[k] - slope[..., 0] * gradient[..., k] - slope[..., 1] * gradient[..., 3 + k] for k in range(3)
    ]
    return _unit_planes(np.stack(raised, -1))


def _unit_planes(vectors: Float[np.ndarray, "N N 3"]) -> Float[np.ndarray, "3 N N"]:
    planes = np.ascontiguousarray(np.moveaxis(vectors, -1, 0))
    length = np.sqrt(planes[0] * planes[0] + planes[1] * planes[1] + planes[2] * planes[2])
    planes /= np.maximum(length, np.float32(1e-6), out=length)
    return planes


def _shown(model: FaceModel) -> list[Piece]:
    return [piece for piece in pieces(model) if piece.name != "lashes"]


@lru_cache(maxsize=2)
def _joined(model: FaceModel) -> tuple[Int[torch.Tensor, "T 3"], UInt8[np.ndarray, "T"]]:
    """Triangles of all pieces over one list of corners, and the piece of each."""
    triangles, owner, first = [], [], 0
    for k, piece in enumerate(_shown(model)):
        triangles.append(piece.triangles + first)
        owner.append(np.full(len(piece.triangles), k, np.uint8))
        first += len(piece.source)
    nothing = np.array([255], np.uint8)  # face id -1 takes the last
    return torch.from_numpy(np.concatenate(triangles)), np.concatenate([*owner, nothing])
