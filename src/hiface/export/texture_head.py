"""The texture of head and neck: its albedo with gains that continue the face's colours across their
border."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
import scipy.sparse as sparse
import torch
from jaxtyping import Float, Int, UInt8
from scipy.sparse.linalg import factorized

from hiface.export.blend import fill_smoothly, logarithm, with_gain
from hiface.export.corners import Piece, pieces
from hiface.face.model import FaceModel
from hiface.geometry.topology import unique_edges
from hiface.render.interpolate import interpolate
from hiface.render.rasterise import Raster, rasterise

_GAIN_SIDE = 256
"""Texels of the map of gains."""
_PULL = 0.01
"""How strongly the head's colours tend to their mean, per edge: over about ten edges."""


def match_head(
    head: UInt8[np.ndarray, "Rh Rh 3"], colour: UInt8[np.ndarray, "R R 3"], model: FaceModel
) -> UInt8[np.ndarray, "Rh Rh 3"]:
    """The head's albedo with the gain that brings it to the face's texture where both meet."""
    found = {p.name: p for p in pieces(model)}
    if "head" not in found:
        return head
    face_rows, head_rows = _common(found["face"].source, found["head"].source)
    wanted = logarithm(_at(colour, found["face"].uv[face_rows]))
    given = logarithm(_at(head, found["head"].uv[head_rows]))
    gain = _continued(model, found["head"].source[head_rows], wanted - given)
    return np.asarray(with_gain(head, _baked(found["head"], gain)).round().astype(np.uint8))


def _continued(
    model: FaceModel, rows: Int[np.ndarray, "K"], values: Float[np.ndarray, "K 3"]
) -> Float[np.ndarray, "V 3"]:
    """Vertex values over the head that are `values` at its border's `rows` and tend to their mean away from
    it.

    On the mesh, where there are no UV seams: (L + ε) g = ε mean, with the graph's Laplacian L.
    """
    solve, free, border, to_border = _head_solver(model)
    known = np.zeros((len(model.mean), 3))
    np.add.at(known, rows, values)
    known /= np.maximum(np.bincount(rows, minlength=len(known)), 1)[:, None]
    mean = values.mean(0)
    right = _PULL * mean - to_border @ known[border]
    known[free] = solve(right)
    return known


@lru_cache(maxsize=2)
def _head_solver(
    model: FaceModel,
) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray, np.ndarray, sparse.csr_matrix]:
    """The factorised system, its free vertices, the border's vertices, and how the border enters."""
    polygons = model.polygons[model.polygon_range("head_neck")]
    used = np.unique(polygons[polygons >= 0])
    border = np.intersect1d(used, model.polygons[model.polygon_range("face")])
    free = np.setdiff1d(used, border)
    edges = unique_edges(polygons)
    ends = np.concatenate([edges, edges[:, ::-1]])
    count = len(model.mean)
    links = sparse.csr_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    degree = sparse.diags(np.asarray(links.sum(1)).ravel() + _PULL)
    system = (degree - links).tocsr()[free]
    return factorized(system[:, free].tocsc()), free, border, system[:, border]


def _baked(piece: Piece, values: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "Rg Rg 3"]:
    """Vertex values in the piece's tile, continued beyond its outline."""
    raster, screen = unwrapped(piece, _GAIN_SIDE)
    at_corners = torch.from_numpy(values[piece.source].astype(np.float32))[None]
    texels = interpolate(raster, screen, None, torch.from_numpy(piece.triangles), at_corners)[0].numpy()
    return fill_smoothly(texels, (raster.face_id[0].numpy() >= 0).astype(np.float32))


def unwrapped(piece: Piece, side: int) -> tuple[Raster, Float[torch.Tensor, "1 N 3"]]:
    """The piece's triangles laid out in its tile, as if that were the screen."""
    places = np.stack([piece.uv[:, 0], 1 - piece.uv[:, 1], np.zeros(len(piece.uv))], 1) * side
    screen = torch.from_numpy(places.astype(np.float32))[None]
    return rasterise(screen, torch.from_numpy(piece.triangles), side, side), screen


def _common(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of both lists that hold the same vertex, every row of the second once."""
    rows = np.flatnonzero(np.isin(second, first))
    order = np.argsort(first)
    return order[np.searchsorted(first, second[rows], sorter=order)], rows


def _texel(uv: Float[np.ndarray, "N 2"], side: int) -> tuple[np.ndarray, np.ndarray]:
    place = np.stack([(1 - uv[:, 1]) * side, uv[:, 0] * side], 0).astype(int)
    row, column = np.clip(place, 0, side - 1)
    return row, column


def _at(picture: UInt8[np.ndarray, "R R 3"], uv: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "N 3"]:
    """Local mean colours at UV positions."""
    return np.asarray(cv2.blur(picture, (7, 7))[_texel(uv, len(picture))].astype(np.float32))
