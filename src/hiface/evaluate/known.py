"""Errors at known correspondences: each vertex against its own true place, where truth has our topology.

A closest-point distance forgives a surface that slides along itself: a mesh with the nose too far up still has some
skin near every true point. These figures do not. The narrow face (`face_narrow`) is compared vertex by vertex, and
MediaPipe's 468 points, which are weights on our vertices, point by point, so that meshes of both topologies stand in
one table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from hiface.assets.format import read_asset
from hiface.assets.store import locate
from hiface.errors import MeshError
from hiface.evaluate.alignment import correspondence_error
from hiface.evaluate.open_benchmark import read_truth
from hiface.evaluate.readers import read_mesh
from hiface.evaluate.report import Table
from hiface.evaluate.statistics import Bootstrap, Interval, bootstrap_mean
from hiface.face.asset import SCHEMA

MEDIAPIPE = 468
USUAL = Bootstrap()
Against = Literal["neutral", "shape"]
"""Which truth a mesh is held against: without expression, or as in the picture."""


@dataclass(frozen=True)
class Ruler:
    """What is compared on our topology."""

    narrow: Int[np.ndarray, "N"]
    index: Int[np.ndarray, "L K"]
    weight: Float[np.ndarray, "L K"]

    @classmethod
    def shipped(cls) -> Ruler:
        asset = read_asset(locate("face_model.safetensors"), SCHEMA, verify=False)
        names = [str(name) for name in asset.meta["region_names"]]
        mask = asset.tensors["region_masks"][names.index("face_narrow")].astype(bool)
        index, weight = (asset.tensors[f"landmark_mediapipe478_{part}"][:MEDIAPIPE] for part in ("index", "weight"))
        return cls(np.flatnonzero(mask), index.astype(np.int64), weight.astype(np.float64))

    def points(self, vertices: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "468 3"]:
        """MediaPipe's points on a mesh of ours, or the mesh itself where it is MediaPipe's."""
        if len(vertices) == MEDIAPIPE:
            return vertices
        return np.asarray(np.einsum("lk,lkc->lc", self.weight, vertices[self.index]))


@dataclass(frozen=True)
class KnownError:
    """One picture, millimetres; means over vertices or points."""

    name: str
    subject: int
    similarity: float | None
    """Of the narrow face after a similarity fit; None for other topologies."""
    rigid: float | None
    """The same after a rigid fit: what is wrong in size counts."""
    points: float
    """Of the 468 points after a similarity fit."""


def known_errors(
    predictions: Path, truth: Path, against: Against, ruler: Ruler, names: Sequence[str]
) -> list[KnownError]:
    """Errors of the meshes of the pictures `names` (or of one mesh for all of them). Raises `MeshError`."""
    single = read_mesh(predictions).vertices if predictions.is_file() else None
    errors = []
    for name in names:
        vertices = single if single is not None else read_mesh(predictions / f"{name}.obj").vertices
        subject = int(name.partition("_")[0])
        errors.append(_error(name, subject, vertices, getattr(read_truth(truth, subject), against), ruler))
    return errors


def _error(
    name: str, subject: int, vertices: Float[np.ndarray, "_ 3"], truth: Float[np.ndarray, "V 3"], ruler: Ruler
) -> KnownError:
    if len(vertices) not in (len(truth), MEDIAPIPE):
        raise MeshError(f"{name}: expected {len(truth)} or {MEDIAPIPE} vertices, found {len(vertices)}")
    points = correspondence_error(ruler.points(vertices), ruler.points(truth)).similarity.mean()
    if len(vertices) == MEDIAPIPE:
        return KnownError(name, subject, None, None, float(points))
    error = correspondence_error(vertices[ruler.narrow], truth[ruler.narrow])
    return KnownError(name, subject, float(error.similarity.mean()), float(error.rigid.mean()), float(points))


def known_table(title: str, rows: Sequence[tuple[str, Sequence[KnownError]]], bootstrap: Bootstrap = USUAL) -> Table:
    """Methods in rows: mean over pictures, with its 95 % bootstrap interval over people."""
    columns = ("method", "pictures", "vertices, similarity", "vertices, rigid", "468 points, similarity")
    body = [
        (name, str(len(errors)), *(_cell(errors, field, bootstrap) for field in ("similarity", "rigid", "points")))
        for name, errors in rows
    ]
    note = "Mean distance of each vertex or point from its own true place, mm (95 % bootstrap interval over people)."
    return Table(title, columns, tuple(body), (note,))


def _cell(errors: Sequence[KnownError], field: str, bootstrap: Bootstrap) -> str:
    values = [getattr(error, field) for error in errors]
    if any(value is None for value in values):
        return "–"
    interval: Interval = bootstrap_mean(np.array(values), [error.subject for error in errors], bootstrap)
    return f"{np.mean(values):.3f} ({interval.low:.3f}–{interval.high:.3f})"
