"""What is measured during training: landmarks on photos, shape and expression on held-out synthetic faces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE, INNER51, normalised_errors
from hiface.geometry.rotation import angle_between, matrix_from_axis_angle
from hiface.reconstructor import Reconstructor
from hiface.train.batches import StepDataset
from hiface.types import Coefficients

_68 = list(IBUG68_OF_MEDIAPIPE)


@dataclass(frozen=True)
class SyntheticFigures:
    """On held-out synthetic faces."""

    shape_ratio: float
    """Neutral-shape error after similarity alignment over that of the mean face."""
    shape_mm: float
    expression_ratio: float
    """Error of expression vertices over that of no expression."""
    rotation_degrees: float
    static_ratio: float
    """Error of the static map over that of the mean map."""
    points_percent: float
    """Median error of the 68 points, percent of the outer eye corners' distance."""


@torch.no_grad()
def photo_errors(
    model: Reconstructor, data: StepDataset, autocast: torch.dtype | None = None
) -> Float[np.ndarray, "N 68"]:
    """Errors of the 68 points on every photo of `data`, percent; crops are the rule's own."""
    assert data.photos is not None
    errors = []
    for rows in _groups(range(len(data.photos)), 64):
        items = [data.photo_row(i, None) for i in rows]
        crops = torch.from_numpy(np.stack([r["crops"] for r in items])).float() / 255
        prediction = model(crops, autocast)
        (screen,) = model.points(prediction.coefficients, 1.0, ("mediapipe68",))
        truth = np.stack([r["points478"][_68] for r in items])
        errors.append(normalised_errors(screen[..., :2].numpy(), truth))
    return np.concatenate(errors)


@torch.no_grad()
def synthetic_figures(
    model: Reconstructor, data: StepDataset, count: int = 600, autocast: torch.dtype | None = None
) -> SyntheticFigures:
    """Figures on the first `count` samples of `data`'s shards, which training must not have seen."""
    assert data.shards is not None
    sums = np.zeros(8)
    errors68 = []
    face = torch.from_numpy(model.face.region("face")[: model.face.vertex_count("skin")])
    n = 0
    for rows in _groups(range(min(count, len(data.shards))), 32):
        items = [data.synthetic_row(data.shards[i], None) for i in rows]
        crops = torch.from_numpy(np.stack([r["crops"] for r in items])).float() / 255
        truth = {
            k: torch.from_numpy(np.stack([r[k] for r in items])) for k in ("identity", "expression", "turn", "static")
        }
        prediction = model(crops, autocast)
        c = prediction.coefficients
        sums += len(items) * np.array(_shape_errors(model, c, truth, face))
        (screen,) = model.points(c, 1.0, ("mediapipe68",))
        errors68.append(normalised_errors(screen[..., :2].numpy(), np.stack([r["points478"][_68] for r in items])))
        n += len(items)
    m = sums / n
    return SyntheticFigures(
        shape_ratio=m[0] / m[1],
        shape_mm=m[0],
        expression_ratio=m[2] / m[3],
        rotation_degrees=m[4],
        static_ratio=m[5] / m[6],
        points_percent=float(np.median(np.concatenate(errors68).mean(1))),
    )


def _shape_errors(
    model: Reconstructor, c: Coefficients, truth: dict[str, Tensor], face: Tensor
) -> tuple[float, float, float, float, float, float, float, float]:
    mean = model.face.mean[: len(face)][face]
    own = model.face.neutral(c.identity, "skin")[:, face]
    real = model.face.neutral(truth["identity"], "skin")[:, face]
    offset = model.face.expression_offset(c.expression, "skin")[:, face]
    real_offset = model.face.expression_offset(truth["expression"], "skin")[:, face]
    turn = matrix_from_axis_angle(c.rotation[:, 0] + c.rotation[:, 1])
    basis = model.detail_model.basis
    static, real_static = basis.static(c.static), basis.static(truth["static"])
    flat = basis.static(torch.zeros_like(c.static))
    return (
        float(aligned_distance(own, real)),
        float(aligned_distance(mean.expand_as(real), real)),
        float((offset - real_offset).norm(dim=-1).mean()),
        float(real_offset.norm(dim=-1).mean()),
        float(torch.rad2deg(angle_between(turn, truth["turn"])).mean()),
        float((static - real_static).square().mean((1, 2)).sqrt().mean()),
        float((flat - real_static).square().mean((1, 2)).sqrt().mean()),
        0.0,
    )


def aligned_distance(points: Float[Tensor, "B V 3"], truth: Float[Tensor, "B V 3"]) -> Float[Tensor, ""]:
    """Mean vertex distance after the best similarity of each shape, mm."""
    p, q = points - points.mean(1, keepdim=True), truth - truth.mean(1, keepdim=True)
    u, s, vt = torch.linalg.svd(p.transpose(1, 2) @ q)
    sign = torch.det(u @ vt).sign()
    flip = torch.ones_like(s)
    flip[:, 2] = sign
    turn = u @ torch.diag_embed(flip) @ vt
    scale = (s * flip).sum(1) / p.square().sum((1, 2))
    return (scale[:, None, None] * p @ turn - q).norm(dim=-1).mean()


def summary(errors: Float[np.ndarray, "N 68"]) -> dict[str, float]:
    """Median, mean and 90th percentile over images, of 68 and of the inner 51 points."""
    figures: dict[str, float] = {}
    for name, columns in (("68", list(range(68))), ("51", list(INNER51))):
        each = errors[:, columns].mean(1)
        figures |= {f"median{name}": float(np.median(each)), f"mean{name}": float(each.mean())}
        figures[f"p90_{name}"] = float(np.percentile(each, 90))
    return figures


def _groups(indices: range, size: int) -> Iterator[range]:
    for first in range(0, len(indices), size):
        yield indices[first : first + size]
