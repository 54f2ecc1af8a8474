"""The tracked face laid over its clip."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from hiface.geometry.camera import project
from hiface.photo.crop import CropBox
from hiface.reconstructor import Reconstructor
from hiface.render.interpolate import interpolate
from hiface.render.normals import vertex_normals
from hiface.render.rasterise import rasterise
from hiface.types import Coefficients

COVER = 0.8
"""How much of the picture the clay hides."""
_KEY = (-0.45, 0.55, 0.7)
_CLAY, _LOST_CLAY = (214, 206, 198), (232, 120, 96)
"""sRGB in full light; of frames in which the face was not seen."""
_DARK = 0.24


class Overlay:
    """Draws the face part of the mesh, in clay."""

    def __init__(self, model: Reconstructor, box: CropBox) -> None:
        self.model, self.box = model, box
        self.triangles = torch.from_numpy(model.face.part_triangles("face"))
        self.key = torch.nn.functional.normalize(torch.tensor(_KEY), dim=0)

    @torch.no_grad()
    def __call__(self, picture: UInt8[np.ndarray, "H W 3"], c: Coefficients, found: bool) -> UInt8[np.ndarray, "H W 3"]:
        """The picture with the face of coefficients (batch of one) over it; in another colour where it is a guess."""
        posed = self.model.shape(c.to(self.model.device), "skin").posed.cpu()
        screen = project(posed, c.scale, self.box.side)[0]
        corner = torch.tensor(self.box.centre) - self.box.side / 2
        screen[:, :2] += corner
        part = _seen_part(screen[torch.unique(self.triangles)], picture.shape[1], picture.shape[0])
        if part is None:
            return picture
        left, top, right, bottom = part
        light, cover = self._shaded(posed, screen - torch.tensor([left, top, 0.0]), bottom - top, right - left)
        clay = np.array(_CLAY if found else _LOST_CLAY) * light[..., None]
        share = COVER * cover[..., None]
        out = picture.copy()
        under = out[top:bottom, left:right].astype(np.float32)
        out[top:bottom, left:right] = np.clip(under * (1 - share) + clay * share + 0.5, 0, 255).astype(np.uint8)
        return out

    def _shaded(
        self, posed: Float[Tensor, "1 V 3"], screen: Float[Tensor, "V 3"], height: int, width: int
    ) -> tuple[Float[np.ndarray, "H W"], Bool[np.ndarray, "H W"] | Float[np.ndarray, "H W"]]:
        """Light and cover of a part of the picture, drawn twice as fine."""
        fine = screen * torch.tensor([2.0, 2.0, 1.0])
        raster = rasterise(fine[None], self.triangles, 2 * height, 2 * width)
        normals = vertex_normals(posed, self.triangles)
        seen = torch.nn.functional.normalize(interpolate(raster, fine[None], None, self.triangles, normals), dim=-1)
        light = (_DARK + (1 - _DARK) * (seen[0] @ self.key).clamp(0, 1)) ** (1 / 1.6)
        cover = (raster.face_id[0] >= 0).float().numpy()
        size = (width, height)
        covered = cv2.resize(cover, size, interpolation=cv2.INTER_AREA)
        lit = cv2.resize(light.numpy() * cover, size, interpolation=cv2.INTER_AREA)
        return lit / np.maximum(covered, 1e-6), covered


def _seen_part(points: Float[Tensor, "N 3"], width: int, height: int) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of what the points span in the picture; None where they lie outside."""
    low, high = points[:, :2].amin(0), points[:, :2].amax(0)
    left, top = max(0, int(low[0]) - 1), max(0, int(low[1]) - 1)
    right, bottom = min(width, int(high[0]) + 2), min(height, int(high[1]) + 2)
    return (left, top, right, bottom) if right - left > 1 and bottom - top > 1 else None
