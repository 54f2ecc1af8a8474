"""What is measured on drawn faces that training has not seen: shape, expression, pose and detail against the truth.

Every vertex of ours has its counterpart in the truth, so no search for nearest points can flatter a result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hiface.detail.compose import shown
from hiface.detail.sddetail import BASES
from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE, normalised_errors
from hiface.geometry.normals import vertex_normals
from hiface.geometry.rotation import angle_between, matrix_from_axis_angle
from hiface.geometry.uv import sample_uv
from hiface.reconstructor import Reconstructor
from hiface.refine import refine
from hiface.train.batches import StepDataset
from hiface.train.validate import groups_of
from hiface.types import Coefficients, DecodedMaps, Detail, Shape

REGIONS = ("realy_nose", "realy_mouth", "realy_forehead", "realy_cheek")
MAPS = ("static", "dynamic", "displacement", "drawn")
"""D_sta, D_dyn and D with the true expression and tension, so that no error of the coarse face is in them (a decoder's
maps are what they are); then D as the network draws it."""
_TRUTH = ("identity", "expression", "turn", "static", "compressed", "stretched")
_68 = list(IBUG68_OF_MEDIAPIPE)


@dataclass(frozen=True)
class DrawnErrors:
    """One row a face. Distances are means over the face's vertices, mm."""

    shape: Float[np.ndarray, "N"]
    """Neutral shape of the narrow face after similarity alignment."""
    mean_shape: Float[np.ndarray, "N"]
    """The same for the mean face."""
    rigid: Float[np.ndarray, "N"]
    """As `shape`, after rigid alignment alone: size counts."""
    mean_rigid: Float[np.ndarray, "N"]
    expression: Float[np.ndarray, "N"]
    no_expression: Float[np.ndarray, "N"]
    rotation: Float[np.ndarray, "N"]
    """Angle between the heads' orientations, degrees."""
    static: Float[np.ndarray, "N"]
    """Root mean square of the static map's error, mm."""
    mean_static: Float[np.ndarray, "N"]
    points: Float[np.ndarray, "N"]
    """Mean error of the 68 points, percent of the outer eye corners' distance."""
    coarse: Float[np.ndarray, "N 4"]
    """Distance along the normal to the true, detailed surface in each of `REGIONS`, each aligned by itself, mm."""
    detailed: Float[np.ndarray, "N 4"]
    """The same with the predicted displacement."""
    maps: Float[np.ndarray, "N 4"]
    """Root mean square over the mask of the errors of `MAPS`, mm."""
    no_maps: Float[np.ndarray, "N 4"]
    """The same of no detail at all."""


@dataclass(frozen=True)
class DrawnFigures:
    """`DrawnErrors` in a few numbers: ratios of means, and the median of the points."""

    shape_ratio: float
    shape_mm: float
    rigid_ratio: float
    expression_ratio: float
    rotation_degrees: float
    static_ratio: float
    points_percent: float


def figures(errors: DrawnErrors) -> DrawnFigures:
    return DrawnFigures(
        shape_ratio=float(errors.shape.mean() / errors.mean_shape.mean()),
        shape_mm=float(errors.shape.mean()),
        rigid_ratio=float(errors.rigid.mean() / errors.mean_rigid.mean()),
        expression_ratio=float(errors.expression.mean() / errors.no_expression.mean()),
        rotation_degrees=float(errors.rotation.mean()),
        static_ratio=float(errors.static.mean() / errors.mean_static.mean()),
        points_percent=float(np.median(errors.points)),
    )


@torch.no_grad()
def drawn_errors(model: Reconstructor, data: StepDataset, count: int = 600, fitted: bool = False) -> DrawnErrors:
    """Errors on the first `count` samples of `data`'s shards; the crops are the rule's own.

    `fitted`: after the coefficients have been moved to meet the points seen, as `HiFace.reconstruct` does.
    """
    assert data.shards is not None
    ruler = _Ruler(model)
    parts: list[dict[str, np.ndarray]] = []
    for rows in groups_of(range(min(count, len(data.shards))), 32):
        items = [data.synthetic_row(data.shards[i], None) for i in rows]
        crops = torch.from_numpy(np.stack([r["crops"] for r in items])).float().to(model.device) / 255
        truth = {k: torch.from_numpy(np.stack([r[k] for r in items])).to(model.device) for k in _TRUTH}
        prediction = model(crops, twice=fitted)
        c = prediction.coefficients
        if fitted and prediction.seen is not None:
            c = refine(model, c, prediction.seen)
        found = ruler.errors(c, truth, prediction.decoded)
        (screen,) = model.points(c, 1.0, ("mediapipe68",))
        real68 = np.stack([r["points478"][_68] for r in items])
        points = normalised_errors(screen[..., :2].cpu().numpy(), real68).mean(1)
        parts.append({"points": points, **{k: v.cpu().numpy() for k, v in found.items()}})
    return DrawnErrors(**{f.name: np.concatenate([p[f.name] for p in parts]) for f in fields(DrawnErrors)})


class _Ruler:
    """Compares coefficients with true ones on the vertices of the face."""

    def __init__(self, model: Reconstructor) -> None:
        self.model = model
        face = model.face
        self.count = face.vertex_count("skin")
        self.triangles = torch.from_numpy(face.part_triangles("skin")).to(model.device)
        corners = uv_of_vertices(face.part_triangles("face"), face.part_uv_triangles("face"), face.uv)
        self.uv = torch.from_numpy(corners).to(model.device)
        self.chosen, self.narrow = self._region("face"), self._region("face_narrow")
        self.regions = [self._region(name) for name in REGIONS]
        self.mask = model.detail_model.basis.mask

    def _region(self, name: str) -> Tensor:
        return torch.from_numpy(np.flatnonzero(self.model.face.region(name)[: self.count])).to(self.model.device)

    def errors(self, c: Coefficients, truth: Mapping[str, Tensor], decoded: DecodedMaps = BASES) -> dict[str, Tensor]:
        model, chosen, narrow = self.model, self.chosen, self.narrow
        own, real = self._shape(c.identity, c.expression), self._shape(truth["identity"], truth["expression"])
        mean = model.face.mean[narrow].expand(len(c.identity), -1, -1)
        neutral, truth_neutral = own.neutral[:, narrow], real.neutral[:, narrow]
        offset, real_offset = ((s.expressive - s.neutral)[:, chosen] for s in (own, real))
        turn = matrix_from_axis_angle(c.rotation[:, 0] + c.rotation[:, 1])
        detail = model.detail(c, own, decoded)
        tension = model.detail_model.tension_map(real.neutral, real.expressive)
        coefficients = truth["static"], truth["compressed"], truth["stretched"]
        real_detail = shown(model.detail_model.detail(*coefficients, tension), "both")
        flat = model.detail_model.basis.static(torch.zeros_like(c.static))
        coarse, detailed = self._surface_errors(own, detail, real, real_detail)
        return {
            "shape": aligned_distances(neutral, truth_neutral),
            "mean_shape": aligned_distances(mean, truth_neutral),
            "rigid": aligned_distances(neutral, truth_neutral, scaled=False),
            "mean_rigid": aligned_distances(mean, truth_neutral, scaled=False),
            "expression": (offset - real_offset).norm(dim=-1).mean(1),
            "no_expression": real_offset.norm(dim=-1).mean(1),
            "rotation": torch.rad2deg(angle_between(turn, truth["turn"])),
            "static": _rms(detail.static - real_detail.static),
            "mean_static": _rms(flat - real_detail.static),
            "coarse": coarse,
            "detailed": detailed,
            "maps": self._map_errors(c, truth["expression"], detail, real_detail, decoded),
            "no_maps": _masked_rms(torch.stack(_of_maps(real_detail), 1), self.mask),
        }

    def _map_errors(
        self, c: Coefficients, expression: Tensor, drawn: Detail, real: Detail, decoded: DecodedMaps
    ) -> Float[Tensor, "B 4"]:
        """Of `MAPS`; NaN for a summand that the network's D does not have."""
        model = self.model.detail_model
        compressed, stretched = model.dynamic(expression, c.static)
        own = model.detail(c.static, compressed, stretched, real.tension, decoded)
        maps = [*_of_maps(own)[:3], drawn.displacement]
        wrong = torch.stack([a - b for a, b in zip(maps, _of_maps(real), strict=True)], 1)
        errors = _masked_rms(wrong, self.mask)
        for k, part in enumerate(("dynamic", "static")):
            if model.parts == part:
                errors[:, k] = torch.nan
        return errors

    def _shape(self, identity: Float[Tensor, "B I"], expression: Float[Tensor, "B E"]) -> Shape:
        """Without pose, which plays no part here."""
        neutral = self.model.face.neutral(identity, "skin")
        expressive = neutral + self.model.face.expression_offset(expression, "skin")
        return Shape(neutral, expressive, expressive)

    def _surface_errors(
        self, own: Shape, detail: Detail, real: Shape, real_detail: Detail
    ) -> tuple[Float[Tensor, "B 4"], Float[Tensor, "B 4"]]:
        """Coarse and detailed faces with their expressions, against the true detailed ones."""
        truth, normals = self._displaced(real, real_detail)
        detailed, _ = self._displaced(own, detail)
        rows: list[list[Tensor]] = [[], []]
        for region in self.regions:
            q, n = truth[:, region], normals[:, region]
            for row, surface in zip(rows, (own.expressive, detailed), strict=True):
                distance = ((aligned(surface[:, region], q) - q) * n).sum(-1)
                row.append(distance.abs().mean(1))
        return torch.stack(rows[0], 1), torch.stack(rows[1], 1)

    def _displaced(self, shape: Shape, detail: Detail) -> tuple[Float[Tensor, "B V 3"], Float[Tensor, "B V 3"]]:
        """Vertices moved along their normals by the map, and the normals."""
        normals = vertex_normals(shape.expressive, self.triangles)
        heights = torch.zeros_like(normals[..., :1])
        heights[:, : len(self.uv)] = sample_uv(detail.displacement[..., None], self.uv)
        return shape.expressive + heights * normals, normals


def uv_of_vertices(
    triangles: Int[np.ndarray, "T 3"], uv_triangles: Int[np.ndarray, "T 3"], uv: Float[np.ndarray, "Vt 2"]
) -> Float[np.ndarray, "V 2"]:
    """One UV corner of each vertex; on a seam any of them, since a map agrees on both sides."""
    tile = np.floor(uv[uv_triangles[0, 0]])
    found = np.zeros((int(triangles.max()) + 1, 2), np.float32)
    found[triangles.reshape(-1)] = (uv - tile)[uv_triangles.reshape(-1)]
    return found


def aligned(
    points: Float[Tensor, "B V 3"], truth: Float[Tensor, "B V 3"], scaled: bool = True
) -> Float[Tensor, "B V 3"]:
    """`points` moved, turned and, if `scaled`, sized to lie best on `truth` (Umeyama's closed form), each by itself."""
    centre = truth.mean(1, keepdim=True)
    p, q = points - points.mean(1, keepdim=True), truth - centre
    u, s, vt = torch.linalg.svd(p.transpose(1, 2) @ q)
    flip = torch.ones_like(s)
    flip[:, 2] = torch.det(u @ vt).sign()
    turn = u @ torch.diag_embed(flip) @ vt
    scale = (s * flip).sum(1) / p.square().sum((1, 2)) if scaled else torch.ones_like(s[:, 0])
    return scale[:, None, None] * p @ turn + centre


def aligned_distances(
    points: Float[Tensor, "B V 3"], truth: Float[Tensor, "B V 3"], scaled: bool = True
) -> Float[Tensor, "B"]:
    """Mean vertex distance after the best similarity, or rigid motion, of each shape, mm."""
    return (aligned(points, truth, scaled) - truth).norm(dim=-1).mean(1)


def _of_maps(detail: Detail) -> list[Float[Tensor, "B R R"]]:
    return [detail.static, detail.dynamic, detail.displacement, detail.displacement]


def _masked_rms(maps: Float[Tensor, "B N R R"], mask: Bool[Tensor, "R R"]) -> Float[Tensor, "B N"]:
    return maps[..., mask].square().mean(-1).sqrt()


def _rms(maps: Float[Tensor, "B R R"]) -> Float[Tensor, "B"]:
    return maps.square().mean((1, 2)).sqrt()
