"""Crop jitter: how far the answer moves when the same face is seen shifted, sized, turned, mirrored or spoilt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float

from hiface.evaluate.answers import Answers
from hiface.evaluate.distances import (
    between_all,
    mirror_order,
    mirrored,
    narrow_neutral,
    narrow_offset,
    rms,
    rms_aligned,
)
from hiface.evaluate.disturbances import SERIES, Disturbance
from hiface.evaluate.groups import interval
from hiface.geometry.rotation import angle_between, matrix_from_axis_angle
from hiface.model import HiFace


@dataclass(frozen=True)
class Spread:
    """How far each disturbed answer lies from the undisturbed one of the same photo."""

    shape: Float[np.ndarray, "N D"]
    """Neutral shape of the narrow face after similarity alignment, root mean square over vertices, mm."""
    raw: Float[np.ndarray, "N D"]
    """The same as the shapes stand, mm."""
    expression: Float[np.ndarray, "N D"]
    """What the expression does to the vertices, mm."""
    rotation: Float[np.ndarray, "N D"]
    """Angle between the head's turns in the photo, degrees."""
    static: Float[np.ndarray, "N D"]
    """Static map, root mean square over texels, mm."""


class Change(Protocol):
    """What was done to a photo, as far as comparing the answers is concerned."""

    @property
    def mirror(self) -> bool: ...


@torch.no_grad()
def spread(model: HiFace, answers: Answers, series: Sequence[Change] = SERIES) -> Spread:
    """Distances of answers (N, D) to the first of each photo, mirrored ones laid back first."""
    ruler = _Ruler(model)
    rows = []
    for n in range(len(answers)):
        c = replace(answers.coefficients, **{k: v[n] for k, v in vars(answers.coefficients).items()})
        rows.append(ruler.row(Answers(c, answers.box[n], answers.sigma[n], answers.found[n]), series))
    return Spread(*(np.stack([row[k] for row in rows]) for k in range(5)))


class _Ruler:
    def __init__(self, model: HiFace) -> None:
        self.face = model.face.cpu()
        self.basis = model.reconstructor.detail_model.basis.cpu()
        self.order = mirror_order(self.face)

    def row(self, answers: Answers, series: Sequence[Change]) -> tuple[np.ndarray, ...]:
        c = answers.coefficients
        flipped = torch.tensor([d.mirror for d in series])
        neutral = self._back(narrow_neutral(self.face, c.identity), flipped)
        offset = self._back(narrow_offset(self.face, c.expression), flipped)
        turn = in_photo(c.rotation, answers.box[:, 3], flipped)
        maps = self.basis.static(c.static)
        maps = torch.where(flipped[:, None, None], maps.flip(2), maps)[:, self.basis.mask]
        values = (
            rms_aligned(neutral, neutral[:1]),
            rms(neutral - neutral[:1]),
            rms(offset - offset[:1]),
            torch.rad2deg(angle_between(turn, turn[:1])),
            (maps - maps[:1]).square().mean(1).sqrt(),
        )
        return tuple(v.numpy() for v in values)

    def _back(self, points: torch.Tensor, flipped: torch.Tensor) -> torch.Tensor:
        return torch.where(flipped[:, None, None], mirrored(points, self.order), points)


def in_photo(
    rotation: Float[torch.Tensor, "B 4 3"], roll: Float[np.ndarray, "B"], flipped: torch.Tensor
) -> Float[torch.Tensor, "B 3 3"]:
    """The head's turn in the frame of the photo, +y up, from that in its crop; a mirrored one as if it were not.

    The crop's x axis points along (cos roll, sin roll) in a photo whose y runs down: a turn by −roll about z.
    """
    turn = matrix_from_axis_angle(rotation[:, 0] + rotation[:, 1])
    about_z = torch.zeros(len(turn), 3)
    about_z[:, 2] = -torch.from_numpy(np.asarray(roll, np.float32))
    turn = matrix_from_axis_angle(about_z) @ turn
    mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
    return torch.where(flipped[:, None, None], mirror @ turn @ mirror, turn)


MILD = ("jpeg quality 10", "small crop of 32 px")
"""The strongest, which the summary of the whole path leaves out."""
LOST_MM = 3.0
"""A neutral shape that moves by more than this was not disturbed but lost."""


def classes(series: Sequence[Disturbance] = SERIES) -> dict[tuple[str, str], list[int]]:
    """Disturbances that differ in direction alone, by way and name."""
    found: dict[tuple[str, str], list[int]] = {}
    for k, d in enumerate(series[1:], 1):
        found.setdefault((d.way, f"{d.kind} {d.strength}".strip()), []).append(k)
    return found


def of_class(values: Float[np.ndarray, "N D"], members: Sequence[int]) -> Float[np.ndarray, "N"]:
    """The root mean square over the members of a class."""
    return np.asarray(np.sqrt((values[:, list(members)] ** 2).mean(1)))


def mild(values: Float[np.ndarray, "N D"], series: Sequence[Disturbance] = SERIES) -> Float[np.ndarray, "N"]:
    """The root mean square over what a user's photo may meet: the whole path, all but the strongest."""
    rows = [of_class(values, k) for (way, name), k in classes(series).items() if way == "path" and name not in MILD]
    return np.asarray(np.sqrt(np.mean(np.square(rows), axis=0)))


def table(found: Spread, people_mm: float, series: Sequence[Disturbance] = SERIES) -> list[dict[str, object]]:
    """Rows of figures, medians over photos; `people_mm` is how far different people's shapes lie apart."""
    rows: list[dict[str, object]] = []
    for (way, name), members in classes(series).items():
        shape = of_class(found.shape, members)
        bounds = interval(shape, np.full(len(shape), ""), "median")
        rows.append(
            {
                "group": f"{way}: {name}",
                "shape mm": round(float(np.median(shape)), 3),
                "interval": f"{bounds.low:.3f}–{bounds.high:.3f}",
                "90 %": round(float(np.percentile(shape, 90)), 3),
                "of people, %": round(100 * float(np.median(shape)) / people_mm, 1),
                "lost, %": round(100 * float((found.shape[:, members] > LOST_MM).mean()), 2),
                **{
                    title: round(float(np.median(of_class(getattr(found, field), members))), 3)
                    for title, field in _COLUMNS.items()
                },
            }
        )
    return rows


_COLUMNS = {
    "raw mm": "raw",
    "expression mm": "expression",
    "rotation °": "rotation",
    "static map mm": "static",
}


@torch.no_grad()
def people_apart(model: HiFace, answers: Answers) -> float:
    """The median distance between undisturbed neutral shapes of different photos, mm."""
    shapes = narrow_neutral(model.face.cpu(), answers.coefficients.identity[:, 0])
    distances = between_all(shapes, shapes).numpy()
    return float(np.median(distances[~np.eye(len(distances), dtype=bool)]))
