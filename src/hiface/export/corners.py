"""The face model cut into drawable pieces: one a material, vertices split where one has several UVs.

File formats and pictures want one UV a vertex. All fields of a piece's corners are gathered from vertex
fields by `source`, so shading stays smooth across the seams.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Float, Int

from hiface.face.model import FaceModel

PIECES = {
    "face": ("face",),
    "head": ("head_neck",),
    "eyes": ("eyeball_left", "eyeball_right"),
    "teeth": ("teeth",),
    "gums": ("gums_tongue",),
    "mouth": ("mouth_socket",),
    "sockets": ("eye_socket_left", "eye_socket_right"),
    "lashes": ("eyelashes_left", "eyelashes_right"),
}
"""Parts of the face model by material. Parts that a model lacks are left out; others of its own are not
drawn."""

SMOOTH_TOGETHER = (("face", "head"),)
"""Pieces that are one surface: their normals are those of the whole."""


@dataclass(frozen=True)
class Piece:
    """Corners (a vertex with one UV) and triangles of one material."""

    name: str
    source: Int[np.ndarray, "N"]
    """Vertex of the face model behind each corner."""
    uv: Float[np.ndarray, "N 2"]
    """In the unit square of the piece's own tile, v up."""
    triangles: Int[np.ndarray, "T 3"]
    """Corners."""
    surface: Surface
    """What gives its normals."""


@dataclass(frozen=True)
class Surface:
    """A set of triangles with smooth normals of their own."""

    triangles: Int[np.ndarray, "T 3"]
    """Vertices of the face model."""
    gather: sparse.csr_matrix
    """(V, T): sums the triangles' normals at each vertex."""

    def normals(self, vertices: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
        """Unit normals at vertices, weighted by area, float32; zero at vertices of other surfaces."""
        axes = np.ascontiguousarray(np.asarray(vertices, np.float32).T)
        a, b, c = (axes.take(corner, axis=1) for corner in self.triangles.T)  # five times quicker than axes[:, corner]
        summed = np.stack([self.gather @ axis for axis in _cross(b - a, c - a)])
        length = np.sqrt(np.einsum("xv,xv->v", summed, summed))
        return np.ascontiguousarray((summed / np.maximum(length, 1e-12)).T)


@lru_cache(maxsize=2)
def pieces(model: FaceModel) -> tuple[Piece, ...]:
    """The pieces of a face model, in the order of `PIECES`; made once a model."""
    present = {name: [p for p in parts if p in model.parts] for name, parts in PIECES.items()}
    present = {name: parts for name, parts in present.items() if parts}
    surfaces = dict(_surfaces(model, present))
    return tuple(_piece(model, name, parts, surfaces[name]) for name, parts in present.items())


def _surfaces(model: FaceModel, present: dict[str, list[str]]) -> Iterator[tuple[str, Surface]]:
    together = [[name for name in group if name in present] for group in SMOOTH_TOGETHER]
    alone = [[name] for name in present if not any(name in group for group in together)]
    for group in [*together, *alone]:
        parts = [part for name in group for part in present[name]]
        surface = _surface(_stack(model.part_triangles(part) for part in parts), len(model.mean))
        yield from ((name, surface) for name in group)


def _surface(triangles: Int[np.ndarray, "T 3"], vertex_count: int) -> Surface:
    rows = triangles.ravel()
    columns = np.repeat(np.arange(len(triangles)), 3)
    ones = np.ones(len(rows), np.float32)
    return Surface(triangles, sparse.csr_matrix((ones, (rows, columns)), (vertex_count, len(triangles))))


def _piece(model: FaceModel, name: str, parts: list[str], surface: Surface) -> Piece:
    vertices = _stack(model.part_triangles(part) for part in parts)
    uvs = _stack(model.part_uv_triangles(part) for part in parts)
    keys = vertices.ravel() * len(model.uv) + uvs.ravel()
    corners, inverse = np.unique(keys, return_inverse=True)
    source, uv_rows = corners // len(model.uv), corners % len(model.uv)
    uv = model.uv[uv_rows]
    tile = np.floor(model.uv[uvs[0, 0]])
    triangles = inverse.reshape(-1, 3).astype(np.int32)
    return Piece(name, source, np.asarray(uv - tile, np.float32), triangles, surface)


def _stack(arrays: Iterator[Int[np.ndarray, "_ 3"]]) -> Int[np.ndarray, "T 3"]:
    return np.concatenate(list(arrays))


def _cross(a: Float[np.ndarray, "3 T"], b: Float[np.ndarray, "3 T"]) -> list[Float[np.ndarray, "T"]]:
    """x, y and z of a × b."""
    return [a[i] * b[j] - a[j] * b[i] for i, j in ((1, 2), (2, 0), (0, 1))]


def tangent_frame(
    piece: Piece, vertices: Float[np.ndarray, "V 3"], normals: Float[np.ndarray, "N 3"]
) -> Float[np.ndarray, "N 4"]:
    """glTF's tangents at the corners: unit vectors along ∂P/∂u at right angles to `normals`, and the sign
    with which normal × tangent runs along v (up), which is where green points in a normal map."""
    a, b, c = (np.asarray(vertices, np.float32)[piece.source[piece.triangles[:, k]]] for k in range(3))
    p, q, r = (piece.uv[piece.triangles[:, k]] for k in range(3))
    (du1, dv1), (du2, dv2) = (q - p).T, (r - p).T
    area = (du1 * dv2 - du2 * dv1)[:, None]  # weighs large triangles more; its sign tells mirrored ones
    along = np.sign(area) * ((b - a) * dv2[:, None] - (c - a) * dv1[:, None])
    summed = np.zeros((len(piece.source), 4), np.float32)
    for k in range(3):
        np.add.at(summed, piece.triangles[:, k], np.concatenate([along, area], 1))
    tangent = summed[:, :3] - normals * np.einsum("nx,nx->n", summed[:, :3], normals)[:, None]
    length = np.linalg.norm(tangent, axis=1, keepdims=True)
    lost = length[:, 0] < 1e-12
    tangent = np.where(lost[:, None], _any_across(normals), tangent / np.maximum(length, 1e-12))
    sign = np.where(summed[:, 3:] < 0, -1, 1)
    return np.concatenate([tangent, sign], 1).astype(np.float32)


def _any_across(normals: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    """Some unit vectors at right angles to unit vectors."""
    axis = np.eye(3, dtype=np.float32)[np.abs(normals).argmin(1)]
    across = np.cross(normals, axis)
    return np.asarray(across / np.linalg.norm(across, axis=1, keepdims=True))
