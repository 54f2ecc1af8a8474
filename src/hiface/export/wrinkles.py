"""Wrinkles that an engine can drive (docs/engines.md): normal maps at rest, compressed and stretched, masks, the rule.

A viewer of glTF knows nothing of them and shows the normal map of the photo's own expression.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from hiface.detail.decoder import DECODED
from hiface.detail.regional import RegionalRule, fit_rule
from hiface.detail.regions import REGIONS, region_windows
from hiface.detail.sddetail import SDDetail
from hiface.detail.slopes import slopes
from hiface.errors import AssetError
from hiface.export.maps import SurfaceSteps, normal_map
from hiface.face.asset import ARKIT
from hiface.face.model import FaceModel
from hiface.geometry.tension import CEILING
from hiface.geometry.uv import UVAtlas, sample_uv, triangle_tangents

if TYPE_CHECKING:
    from hiface.model import Reconstruction

EXTRAS = "hiface_wrinkles"
VERSION = 1
SIDE, MASK_SIDE = 512, 128
"""Of the normal maps and of the masks, which are soft."""
CHANNELS = "rgba"
FAINT = 0.005
"""Coefficients below this are left out of the table."""
_FLOOR = 0.02
"""What a vertex without dynamic detail counts in the fit of masks, of the mean."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WrinkleMaps:
    """Pictures of the face tile, row 0 is v = 1, and the rule."""

    rest: UInt8[np.ndarray, "R R 3"]
    """Tangent-space normals of static detail alone, on the neutral face; encoded as `maps.normal_map`."""
    compressed: UInt8[np.ndarray, "R R 3"]
    """The same with D_com added: skin at M = 1."""
    stretched: UInt8[np.ndarray, "R R 3"]
    """The same with D_str added: skin at M = −1."""
    masks: tuple[UInt8[np.ndarray, "Q Q 4"], ...]
    """Four regions a picture; 255 is 1, all channels together add up to 255 at most."""
    rule: RegionalRule
    """Its coefficients are of `units`."""
    units: tuple[str, ...]
    """Names of the expressions."""
    tension: str
    """"plain" or "oriented": what the coefficients were measured with."""

    def pictures(self) -> dict[str, UInt8[np.ndarray, "..."]]:
        """All pictures by name."""
        masks = {f"mask{k}": mask for k, mask in enumerate(self.masks)}
        return {"rest": self.rest, "compressed": self.compressed, "stretched": self.stretched, **masks}

    def extras(self, textures: Mapping[str, int], units: Sequence[str]) -> dict[str, Any]:
        """Plain JSON: texture indices by the names of `pictures`, and the table of coefficients of `units`."""
        columns = {name: self.units.index(name) for name in units}
        regions = [
            {
                "name": region.name,
                "mask": k // len(CHANNELS),
                "channel": CHANNELS[k % len(CHANNELS)],
                "weights": {n: round(float(row[c]), 3) for n, c in columns.items() if abs(row[c]) >= FAINT},
            }
            for k, (region, row) in enumerate(zip(REGIONS, self.rule.coefficients, strict=True))
        ]
        return {
            "version": VERSION,
            "tension": self.tension,
            "rest": textures["rest"],
            "compressed": textures["compressed"],
            "stretched": textures["stretched"],
            "masks": [textures[f"mask{k}"] for k in range(len(self.masks))],
            "limit": CEILING,
            "regions": regions,
        }


@torch.no_grad()
def wrinkle_maps(result: Reconstruction, units: Sequence[int]) -> WrinkleMaps | None:
    """The maps and the rule of a face, with coefficients of the expressions `units` (the 52 of ARKit first).

    None where the network has no compressed and stretched maps that an expression could drive.
    """
    reconstructor = result.model.reconstructor
    config, detail = reconstructor.config, reconstructor.detail_model
    if not config.asks_dynamic or DECODED[config.detail] not in ((), ("static",)):
        return None
    try:
        rule = face_rule(result.face, detail, _neutral(result, detail), units)
    except AssetError as error:  # a model of another kind, without a face's landmarks
        _log.warning("face.glb has no dynamic wrinkles: %s", error)
        return None
    masks = _mask_texels(detail, rule)
    compressed, stretched = _full_maps(result, rule, masks)
    static = result.detail.static if config.detail_parts == "both" else np.zeros_like(result.detail.static)
    steps = surface_steps(result.face, result.shape.neutral, SIDE)
    rest, full, wide = (normal_map(enlarged(static + d, SIDE), steps) for d in (0, compressed, stretched))
    names = tuple(result.face.expression_names[k] for k in units)
    return WrinkleMaps(rest, full, wide, _packed(masks), rule, names, config.tension)


def _neutral(result: Reconstruction, detail: SDDetail) -> torch.Tensor:
    neutral = torch.from_numpy(result.shape.neutral[: detail.vertex_count] / result.millimetre_factor)
    return neutral.float().to(result.model.device)


def face_rule(
    face: FaceModel, detail: SDDetail, neutral: Float[torch.Tensor, "n 3"], units: Sequence[int] = range(len(ARKIT))
) -> RegionalRule:
    """The rule of one neutral shape (mm of the model), with coefficients of `units`, ARKit's 52 first.

    Each unit's tension is that of Eq. 8 (or of the oriented form, as `detail` has it) with the unit at weight 1.
    """
    moved = neutral + face.expression_basis[list(units), : detail.vertex_count]
    tension = detail.tension(moved, neutral.expand_as(moved)).cpu().numpy()
    names = [face.expression_names[k] for k in units]
    windows = region_windows(face)[:, : detail.vertex_count]
    return fit_rule(tension, names, windows, _importance(face, detail))


@lru_cache(maxsize=2)
def _importance(face: FaceModel, detail: SDDetail) -> Float[np.ndarray, "n"]:
    """How much wrong tension shows at a vertex: its area times the squared slope of the mean compressed map."""
    basis, count = detail.basis, detail.vertex_count
    mean = basis.compressed(torch.zeros(1, basis.sizes["compressed"], device=basis.mask.device)).cpu()
    energy = slopes(mean).square().sum(-1, keepdim=True)
    polygons = face.polygon_range("face")
    uv = np.zeros((count, 2), np.float32)
    corners = face.polygons[polygons]
    uv[corners] = face.uv[face.uv_polygons[polygons]]
    at_vertices = sample_uv(energy, torch.from_numpy(uv - np.floor(uv.mean(0))))[0, :, 0].numpy()
    return np.asarray(_areas(face, count) * (at_vertices + _FLOOR * max(float(at_vertices.mean()), 1e-6)), np.float32)


def _areas(face: FaceModel, count: int) -> Float[np.ndarray, "n"]:
    """Area of the triangles round each vertex of the mean face, mm²."""
    triangles = face.part_triangles("face")
    a, b, c = (face.mean.cpu().numpy()[triangles[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    return np.bincount(triangles.ravel(), np.repeat(area, 3), count)


def _mask_texels(detail: SDDetail, rule: RegionalRule) -> Float[np.ndarray, "N R R"]:
    side = detail.basis.side
    columns = torch.from_numpy(np.ascontiguousarray(rule.masks.T)).to(detail.basis.mask.device)
    texels = detail.bake(columns).cpu().numpy()
    return np.ascontiguousarray(texels.T).reshape(-1, side, side)


def _packed(masks: Float[np.ndarray, "N R R"]) -> tuple[UInt8[np.ndarray, "Q Q 4"], ...]:
    """Rounded down, so that no sum exceeds 255."""
    side = min(MASK_SIDE, masks.shape[1])
    small = [cv2.resize(m, (side, side), interpolation=cv2.INTER_AREA) for m in masks]
    small += [np.zeros((side, side), np.float32)] * (-len(small) % 4)
    eight = np.floor(np.stack(small, -1) * 255).clip(0, 255).astype(np.uint8)
    return tuple(np.ascontiguousarray(eight[..., k : k + 4]) for k in range(0, eight.shape[-1], 4))


def _full_maps(
    result: Reconstruction, rule: RegionalRule, masks: Float[np.ndarray, "N R R"]
) -> tuple[Float[np.ndarray, "R R"], Float[np.ndarray, "R R"]]:
    """D_com and D_str, mm: in each region those of the unit that compresses (stretches) it most, blended by the masks.

    Eq. 6 makes them depend on the expression; one picture of each has to do for all.
    """
    detail, face = result.model.reconstructor.detail_model, result.face
    device = result.model.device
    static = result.coefficients.static.to(device)
    share = torch.from_numpy(masks / np.maximum(masks.sum(0), 1e-6)).to(device)
    alone = torch.from_numpy((masks.sum(0) < 1e-6) / len(masks)).to(device)
    share = share + alone  # where no region is, the mean of all
    found = []
    for kind, sign in (("compressed", 1), ("stretched", -1)):
        lead = (sign * rule.coefficients[:, : len(ARKIT)]).argmax(1)
        expression = torch.eye(face.expression_size, device=device)[torch.from_numpy(lead).to(device)]
        both = dict(
            zip(("compressed", "stretched"), detail.dynamic(expression, static.expand(len(lead), -1)), strict=True)
        )
        maps = getattr(detail.basis, kind)(both[kind])
        found.append((share * maps).sum(0).float().cpu().numpy())
    return found[0], found[1]


def enlarged(values: Float[np.ndarray, "R R"], side: int) -> Float[np.ndarray, "S S"]:
    """A map at another side, bicubic."""
    return np.asarray(cv2.resize(values, (side, side), interpolation=cv2.INTER_CUBIC))


def surface_steps(face: FaceModel, vertices: Float[np.ndarray, "V 3"], side: int) -> SurfaceSteps:
    """The steps of the face tile on a shape, mm."""
    atlas, uv, uv_triangles = _face_atlas(face, side)
    frame = triangle_tangents(torch.from_numpy(vertices)[None].float(), atlas.triangles, uv, uv_triangles)
    return SurfaceSteps.of(frame[0].numpy(), atlas.triangle_id.numpy())


@lru_cache(maxsize=3)
def _face_atlas(face: FaceModel, side: int) -> tuple[UVAtlas, torch.Tensor, torch.Tensor]:
    return face.atlas(side), torch.from_numpy(face.uv), torch.from_numpy(face.part_uv_triangles("face"))
