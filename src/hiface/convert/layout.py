"""The order of a file: the face first, then the rest of the skin, then the other parts, in vertices and polygons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from hiface.convert.source import EYES, SKIN, SourceModel
from hiface.convert.unwrap import Unwrapped

FACE, HEAD = "face", "head_neck"


@dataclass(frozen=True)
class Layout:
    """Everything that depends on the order."""

    vertices: Int[np.ndarray, "V"]
    """The source's number of each vertex of the file; vertices of no polygon are left out."""
    polygons: Int[np.ndarray, "F 4"]
    uv: Float[np.ndarray, "Vt 2"]
    uv_polygons: Int[np.ndarray, "F 4"]
    parts: dict[str, dict[str, list[int]]]
    skin: dict[str, list[int]]

    def renumbered(self, index: Int[np.ndarray, "*N"], count: int) -> Int[np.ndarray, "*N"]:
        """The source's vertex numbers as the file's; those that no polygon uses become 0."""
        new = np.zeros(count, np.int64)
        new[self.vertices] = np.arange(len(self.vertices))
        return np.asarray(new[index])


def lay_out(source: SourceModel, unwrapped: Unwrapped) -> Layout:
    """Orders vertices and polygons by part and gathers UVs."""
    part = source.part_of_polygon.astype("U24")
    part[source.part_of_polygon == SKIN] = np.where(unwrapped.face, FACE, HEAD)
    others = [p for p in (*EYES, *sorted(set(part) - {FACE, HEAD, *EYES})) if p in set(part)]
    names = [FACE, HEAD, *others]
    taken: Bool[np.ndarray, "V"] = np.zeros(len(source.mean), bool)
    vertices: list[np.ndarray] = []
    rows: list[np.ndarray] = []
    parts: dict[str, dict[str, list[int]]] = {}
    first_vertex = first_polygon = 0
    for name in names:
        chosen = np.flatnonzero(part == name)
        used = np.unique(source.polygons[chosen])
        own = used[(used >= 0) & ~taken[used]]
        taken[own] = True
        vertices.append(own)
        rows.append(chosen)
        ends = first_vertex + len(own), first_polygon + len(chosen)
        parts[name] = {"vertices": [first_vertex, ends[0]], "polygons": [first_polygon, ends[1]]}
        first_vertex, first_polygon = ends
    order, kept = np.concatenate(rows), np.concatenate(vertices)
    new = np.full(len(source.mean), -1)
    new[kept] = np.arange(len(kept))
    polygons = np.where(source.polygons[order] < 0, -1, new[source.polygons[order]])
    uv, uv_polygons = _uvs(source, unwrapped, order)
    skin = {k: [0, parts[HEAD][k][1]] for k in ("vertices", "polygons")}
    return Layout(kept, polygons, uv, uv_polygons, parts, skin)


def _uvs(source: SourceModel, unwrapped: Unwrapped, order: np.ndarray) -> tuple[Any, Any]:
    """UVs of all polygons in the file's order; a triangle's fourth corner repeats its third."""
    corners = np.full((len(source.polygons), 4, 2), 0.5)
    corners[source.part_of_polygon == SKIN] = unwrapped.uv
    if source.uv is not None and source.uv_polygons is not None:
        rest = source.part_of_polygon != SKIN
        polygons = source.uv_polygons[rest]
        corners[rest] = source.uv[np.where(polygons < 0, polygons[:, [2]], polygons)]
    for eye in EYES:
        corners[source.part_of_polygon == eye] = _azimuthal(source, eye)
    polygons = source.polygons[order]
    vertex = np.where(polygons < 0, polygons[:, [2]], polygons)
    # A UV belongs to one vertex: polygons that share a texel but no vertex have no corner in common.
    keys = np.c_[vertex.reshape(-1), np.round(corners[order].reshape(-1, 2), 7)]
    unique, number = np.unique(keys, axis=0, return_inverse=True)
    return unique[:, 1:], number.reshape(-1, 4)


def _azimuthal(source: SourceModel, eye: str) -> Float[np.ndarray, "N 4 2"]:
    """Equidistant about the gaze: the pupil at (½, ½), the back of the ball on the circle of radius ½."""
    polygons = source.polygons[source.part_of_polygon == eye]
    corners = source.mean[np.where(polygons < 0, polygons[:, [2]], polygons)]
    if not len(corners):
        return np.zeros((0, 4, 2))
    flat = corners.reshape(-1, 3)
    away = corners - (flat.min(0) + flat.max(0)) / 2
    radius = np.hypot(away[..., 0], away[..., 1])
    angle = np.arctan2(radius, away[..., 2])
    return np.asarray(0.5 + 0.5 * (angle / np.pi / np.maximum(radius, 1e-9))[..., None] * away[..., :2])
