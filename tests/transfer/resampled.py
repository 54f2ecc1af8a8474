"""Our head resampled to other topologies: every vertex is a known place on ours, so a correspondence can be judged.

The "flame-like" head is a coarse triangle mesh of face, head and neck; the "bfm-like" one a dense mask of the face
without ears, cut off at a border, wound inwards and with UVs of its own. But for borders no vertex is one of ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from hiface.convert.ours import Ours
from hiface.convert.source import KnownPoints
from hiface.detail.loop import split_triangles, straight
from hiface.geometry.topology import border_edges
from hiface.transfer.correspond import ict_vertices
from hiface.transfer.marks import SEVEN
from hiface.transfer.meshes import GivenMesh

NO_UV = np.zeros((0, 2))
PHOTO = np.zeros((8, 8, 3), np.uint8)
TURN = np.linalg.qr(np.random.default_rng(5).standard_normal((3, 3)))[0]
TURN = TURN * np.sign(np.linalg.det(TURN))


@dataclass(frozen=True)
class Resampled:
    """A topology whose vertices are places on our skin."""

    name: str
    index: np.ndarray
    weight: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    scale: float = 1.0
    """Units a mm."""

    def of(self, skin: np.ndarray, turn: np.ndarray | None = None, shift: tuple = (0, 0, 0)) -> GivenMesh:
        """The mesh on a shape of ours, moved."""
        points = np.einsum("nk,nkx->nx", self.weight, skin[self.index])
        points = self.scale * (points if turn is None else points @ turn.T) + shift
        polygons = np.pad(self.triangles, ((0, 0), (0, 1)), constant_values=-1)
        flat = polygons if len(self.uv) else np.full_like(polygons, -1)
        return GivenMesh(f"{self.name}.obj", points, polygons, self.uv, flat)

    def nearest(self, index: np.ndarray, weight: np.ndarray, skin: np.ndarray) -> np.ndarray:
        """The vertices nearest to places of ours."""
        points = np.einsum("nk,nkx->nx", weight, skin[index])
        return np.asarray(cKDTree(self.of(skin).vertices / self.scale).query(points)[1])


def person(ours: Ours, seed: int, size: float = 0.4) -> np.ndarray:
    """Somebody's neutral skin: a template is a mean face of others, so nearer to our mean than a person is."""
    beta = size * np.random.default_rng(seed).standard_normal(len(ours.identity))
    return (ours.mean + np.tensordot(beta, ours.identity, 1))[: ours.skin_count]


def flame_like(ours: Ours, seed: int = 0, face_mm: float = 3.0, rest_mm: float = 7.0) -> Resampled:
    """Cells round scattered vertices, joined where they meet; each vertex then moved within a triangle beside it."""
    rng, skin, edges = np.random.default_rng(seed), ours.mean[: ours.skin_count], ours.edges
    length = np.linalg.norm(skin[edges[:, 0]] - skin[edges[:, 1]], axis=1)
    graph = sparse.csr_matrix((np.r_[length, length], (edges.T.ravel(), edges[:, ::-1].T.ravel())), (len(skin),) * 2)
    tree, blocked, seeds = cKDTree(skin), np.zeros(len(skin), bool), []
    border = np.unique(border_edges(ours.face.polygons[ours.face.polygon_range("skin")]))
    border = border[ours.narrow[border]]  # of lids and lips: holes keep their shape
    for vertex in [*rng.permutation(border), *rng.permutation(len(skin))]:
        if not blocked[vertex]:
            seeds.append(vertex)
            reach = 0.6 * face_mm if len(seeds) < len(border) and vertex in border else face_mm
            blocked[tree.query_ball_point(skin[vertex], reach if ours.narrow[vertex] else rest_mm)] = True
    _, _, owner = dijkstra(graph, indices=seeds, min_only=True, return_predecessors=True)
    number = np.full(len(skin), -1)
    number[seeds] = np.arange(len(seeds))
    cells = number[owner][ours.triangles]
    cells = cells[(cells != np.roll(cells, 1, 1)).all(1)]
    _, first = np.unique(np.sort(cells, 1), axis=0, return_index=True)
    index, weight = beside(ours.triangles, np.array(seeds), rng, 0.3)
    still = np.isin(seeds, border)
    index[still], weight[still] = np.array(seeds)[still, None], [1.0, 0.0, 0.0]
    return Resampled("flame_like", index, weight, cells[np.sort(first)], NO_UV, scale=0.001)


def bfm_like(ours: Ours, seed: int = 0) -> Resampled:
    """The narrow face, each triangle split into four, every vertex moved a little; centimetres."""
    rng = np.random.default_rng(seed)
    inside = ours.triangles[ours.narrow[ours.triangles].all(1)]
    used = np.unique(inside)
    number = np.full(ours.skin_count, -1)
    number[used] = np.arange(len(used))
    parts = split_triangles(number[inside], len(used))
    index, weight = beside(inside, used, rng, 0.25)
    rows = sparse.csr_matrix(
        (weight.ravel(), (np.repeat(np.arange(len(used)), 3), index.ravel())), (len(used), ours.skin_count)
    )
    whole = (straight(parts) @ rows).tocsr()
    index, weight = _padded(whole, 6)
    mean = np.einsum("nk,nkx->nx", weight, ours.mean[index])[:, :2]
    uv = 0.05 + 0.9 * (mean - mean.min(0)) / np.ptp(mean, axis=0)
    return Resampled("bfm_like", index, weight, parts.triangles[:, ::-1], uv, scale=0.1)


def beside(triangles: np.ndarray, vertices: np.ndarray, rng: np.random.Generator, reach: float):
    """A place in one of the triangles at each vertex, up to `reach` of the way across."""
    corner = rng.permutation(triangles.size)
    at = np.full(triangles.max() + 1, -1)
    at[triangles.ravel()[corner]] = corner
    row, place = np.divmod(at[vertices], 3)
    index = np.stack([triangles[row, (place + k) % 3] for k in range(3)], 1)
    away = reach * rng.dirichlet(np.ones(3), len(vertices))[:, :2]
    return index, np.column_stack([1 - away.sum(1), away])


def _padded(rows: sparse.csr_matrix, size: int):
    """Indices and weights of sparse rows, filled up with nothing."""
    index, weight = np.zeros((rows.shape[0], size), int), np.zeros((rows.shape[0], size))
    for k in range(rows.shape[0]):
        part = slice(rows.indptr[k], rows.indptr[k + 1])
        found = rows.indices[part]
        index[k, : len(found)], weight[k, : len(found)] = found, rows.data[part]
    return index, weight


def seven(ours, head, skin, template):
    """The seven landmarks as the template's nearest vertices."""
    index, weight = (x.numpy()[list(SEVEN)] for x in ours.face.landmark_weights("ibug68"))
    vertex = head.nearest(index, weight, skin)
    return KnownPoints("ibug68", np.array(SEVEN), vertex[:, None], np.ones((7, 1)))


def shown_by(case, seen, turn=None):
    """The face that the model sees as a mesh of another topology."""
    return case.head.of(seen.shape.posed[: len(case.skin)].astype(np.float64), turn)


def as_mesh(face, vertices, name="mine.obj"):
    """Vertices of our skin or whole head as a mesh of ours."""
    polygons, corners = face.polygons, face.uv_polygons
    if len(vertices) < len(face.mean):
        skin = face.polygon_range("skin")
        polygons, corners = polygons[skin], corners[skin]
    return GivenMesh(name, np.asarray(vertices, np.float64), polygons, face.uv.astype(np.float64), corners)


def ict_mesh(face, vertices):
    """Our vertices as ICT-FaceKit's, the others in one place."""
    index = ict_vertices(face)
    whole = np.zeros((26719, 3))
    whole[index] = vertices
    polygons = np.where(face.polygons < 0, -1, index[face.polygons])
    return GivenMesh("ict.obj", whole, polygons, np.zeros((0, 2)), np.full_like(polygons, -1))


def moved(mesh, turn=TURN, scale=0.001, shift=(4.0, 1.0, -3.0)):
    return replace(mesh, vertices=scale * mesh.vertices @ turn.T + shift)
