"""The tracked face laid over its clip, with the wrinkles of every frame."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from hiface.detail.slopes import slopes
from hiface.export.blend import smoothstep
from hiface.face.model import FaceModel
from hiface.geometry.camera import project
from hiface.geometry.topology import smooth, unique_edges
from hiface.photo.crop import CropBox
from hiface.reconstructor import Reconstructor
from hiface.render.interpolate import interpolate
from hiface.render.normals import pixel_normals, vertex_normals
from hiface.render.rasterise import rasterise
from hiface.render.texture import sample_texture
from hiface.types import Coefficients

COVER = 0.85
"""How much of the picture the clay hides."""
_KEY, _RIM = (-0.55, 0.55, 0.58), (0.9, 0.1, 0.35)
_CLAY, _LOST_CLAY = (252, 242, 230), (255, 140, 105)
"""sRGB in full light; of frames in which the face was not seen."""
_DARK, _RIM_SHARE = 0.05, 0.16
_FINER = 2


class Overlay:
    """Draws the face part of the mesh in clay, soft at its border."""

    def __init__(self, model: Reconstructor, box: CropBox) -> None:
        face = model.face
        self.model, self.box = model, box
        self.triangles = torch.from_numpy(face.part_triangles("face"))
        self.uv, self.uv_triangles = torch.from_numpy(face.uv), torch.from_numpy(face.part_uv_triangles("face"))
        self.cover = torch.from_numpy(soft_cover(face))[None, : face.vertex_count("skin"), None]
        lights = torch.nn.functional.normalize(torch.tensor([_KEY, _RIM]), dim=-1)
        self.lights = lights.T

    @torch.no_grad()
    def __call__(self, picture: UInt8[np.ndarray, "H W 3"], c: Coefficients, found: bool) -> UInt8[np.ndarray, "H W 3"]:
        """The picture with the face of coefficients (batch of one) over it; in another colour where it is a guess."""
        there = c.to(self.model.device)
        shape = self.model.shape(there, "skin")
        relief = slopes(self.model.detail(there, shape).displacement).cpu()
        posed = shape.posed.cpu()
        screen = project(posed, c.scale, self.box.side)[0]
        screen[:, :2] += torch.tensor(self.box.centre) - self.box.side / 2
        part = _seen_part(screen[torch.unique(self.triangles)], picture.shape[1], picture.shape[0])
        if part is None:
            return picture
        left, top, right, bottom = part
        inside = (screen - torch.tensor([left, top, 0.0])) * torch.tensor([_FINER, _FINER, 1.0])
        light, cover = self._shaded(posed, inside[None], relief, bottom - top, right - left)
        clay = np.array(_CLAY if found else _LOST_CLAY) * light[..., None]
        out = picture.copy()
        under = out[top:bottom, left:right].astype(np.float32)
        out[top:bottom, left:right] = np.clip(under + cover[..., None] * (clay - under) + 0.5, 0, 255).astype(np.uint8)
        return out

    def _shaded(
        self,
        posed: Float[Tensor, "1 V 3"],
        screen: Float[Tensor, "1 V 3"],
        relief: Float[Tensor, "1 R R 2"],
        height: int,
        width: int,
    ) -> tuple[Float[np.ndarray, "H W"], Float[np.ndarray, "H W"]]:
        """Light and cover of a part of the picture."""
        raster = rasterise(screen, self.triangles, _FINER * height, _FINER * width)
        at_vertices = torch.cat([vertex_normals(posed, self.triangles), self.cover], -1)
        at_pixels = interpolate(raster, screen, None, self.triangles, at_vertices)
        uv = interpolate(raster, screen, None, self.triangles, self.uv[None], self.uv_triangles)
        rise = sample_texture(relief, uv, raster.face_id >= 0)
        mesh = posed, self.triangles, self.uv, self.uv_triangles
        normals = pixel_normals(raster.face_id, at_pixels[..., :3].contiguous(), rise, *mesh)[0]
        key, rim = (normals @ self.lights).clamp(0, 1).unbind(-1)
        light = (_DARK + (1 - _DARK - _RIM_SHARE) * key + _RIM_SHARE * rim) ** (1 / 1.7)
        share = COVER * at_pixels[0, ..., 3]
        both = cv2.resize(
            torch.stack([light * share, share], -1).numpy(), (width, height), interpolation=cv2.INTER_AREA
        )
        return both[..., 0] / np.maximum(both[..., 1], 1e-6), both[..., 1]


def soft_cover(face: FaceModel) -> Float[np.ndarray, "V"]:
    """1 in the narrow face, falling to 0 across its border."""
    edges = unique_edges(face.polygons[face.polygon_range("skin")])
    soft = smooth(face.region("face_narrow").astype(np.float64), edges, 12)
    return np.asarray(smoothstep(soft.astype(np.float32), 0.25, 0.75), np.float32)


def _seen_part(points: Float[Tensor, "N 3"], width: int, height: int) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of what the points span in the picture; None where they lie outside."""
    low, high = points[:, :2].amin(0), points[:, :2].amax(0)
    left, top = max(0, int(low[0]) - 1), max(0, int(low[1]) - 1)
    right, bottom = min(width, int(high[0]) + 2), min(height, int(high[1]) + 2)
    return (left, top, right, bottom) if right - left > 1 and bottom - top > 1 else None
