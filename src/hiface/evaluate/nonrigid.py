"""Non-rigid ICP with an affine map per vertex (Amberg et al., CVPR 2007), in REALY's stages and stops.

Unknown X stacks N blocks of 4×3. With M the edge-vertex incidence, G = diag(weights of x, y, z and 1) and
Dᵢ = [x y z 1] of the current vertex, each solve minimises

    |a (M ⊗ G) X|² + Σᵢ wᵢ² |Dᵢ X - nᵢ|² + Σₖ b² |Dₖ X - pₖ|²

through its normal equations, then moves the vertices (D X), so that the maps compose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Float, Int
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from hiface.errors import MeshError
from hiface.evaluate.factorise import Solver
from hiface.geometry.surface import Mesh
from hiface.geometry.topology import unique_edges

_Array = np.ndarray[Any, np.dtype[Any]]
_SAFETY_CAP = 200  # the protocol sets no limit without handles; reached only if a patch does not settle


@dataclass(frozen=True)
class Stage:
    """One stiffness of the schedule."""

    stiffness: float
    """a."""
    tolerance: float
    """Solves go on while the Frobenius norm of the change of X exceeds this."""
    cap: int
    """Solves at most."""
    weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    """Diagonal of G."""
    data: bool = True
    """Whether the patch is drawn to the targets, or by its handles alone."""


_STIFF = (50.0, 50.0 * math.exp(-0.5), 50.0 * math.exp(-1.0))
_TOLERANCES = (1.0, 0.5, 0.25)
STAGES_WITH_HANDLES = (
    Stage(150.0, 0.0, 1, (2.0, 2.0, 3.0, 2.0), data=False),
    *(Stage(a, eps, 11) for a, eps in zip(_STIFF, _TOLERANCES, strict=True)),
)
STAGES_WITHOUT_HANDLES = tuple(Stage(a, eps, _SAFETY_CAP) for a, eps in zip(_STIFF, _TOLERANCES, strict=True))


@dataclass(frozen=True)
class Handles:
    """Vertices of the patch that are drawn to places of their own."""

    vertex_ids: Int[np.ndarray, "K"]
    targets: Float[np.ndarray, "K 3"]


@dataclass(frozen=True)
class Deformed:
    """A patch after the last stage."""

    vertices: Float[np.ndarray, "N 3"]
    solves: int
    capped: bool
    """Whether a patch without handles met the safety cap, which the protocol does not have."""


def nearest_handles(
    patch: Float[np.ndarray, "N 3"], places: Float[np.ndarray, "K 3"], targets: Float[np.ndarray, "K 3"]
) -> Handles:
    """Handles at the patch vertices nearest to `places`; of two that share a vertex the later one stays."""
    nearest = cKDTree(patch).query(places)[1]
    last = {int(vertex): k for k, vertex in enumerate(nearest)}
    return Handles(np.array(list(last)), targets[list(last.values())])


def deform(patch: Mesh, targets: Float[np.ndarray, "Q 3"], handles: Handles | None) -> Deformed:
    """The patch drawn to a fixed point set (nearest target of each vertex, found anew before every solve).

    A vertex counts if its target is nearer than twice the mean distance, or than 1 unit. Raises `MeshError`
    where the equations have no single solution (handles on one line or plane).
    """
    stages = STAGES_WITHOUT_HANDLES if handles is None else STAGES_WITH_HANDLES
    laplacian, tree = _laplacian(patch), cKDTree(targets, leafsize=100)
    if handles is not None:
        _check_held(patch.vertices, laplacian, handles)
    vertices, solves, capped, solver = patch.vertices, 0, False, Solver()
    unchanged = np.tile(np.eye(4, 3), (len(vertices), 1))
    now, before = np.ones((4 * len(vertices), 3)), np.zeros((4 * len(vertices), 3))
    for stage in stages:
        stiffness = sparse.kron(laplacian, sparse.diags(np.square(stage.stiffness * np.array(stage.weights))))
        solver.forget()
        done = 0
        while done < stage.cap and np.linalg.norm(now - before) > stage.tolerance:
            pull = _pull(vertices, tree, targets, stage, handles, _handle_weight(stage, solves))
            now, before = solver.solve(*_equations(stiffness, vertices, *pull), unchanged), now
            vertices = np.einsum("ni,nij->nj", _homogeneous(vertices), now.reshape(-1, 4, 3))
            done, solves = done + 1, solves + 1
        capped = capped or (handles is None and done == stage.cap)
    return Deformed(vertices, solves, capped)


def _laplacian(patch: Mesh) -> sparse.csc_matrix:
    """MᵀM: degrees on the diagonal, -1 for each edge."""
    edges = unique_edges(np.pad(patch.triangles, ((0, 0), (0, 1)), constant_values=-1))
    edges = edges[edges[:, 0] != edges[:, 1]]
    rows = np.repeat(np.arange(len(edges)), 2)
    signs = np.tile([1.0, -1.0], len(edges))
    incidence = sparse.csr_matrix((signs, (rows, edges.ravel())), (len(edges), len(patch.vertices)))
    return (incidence.T @ incidence).tocsc()


def _check_held(vertices: _Array, laplacian: sparse.csc_matrix, handles: Handles) -> None:
    """Refuses a patch with a piece that its handles leave free in the first stage."""
    pieces, piece_of = connected_components(laplacian, directed=False)
    size = max(1.0, float(np.abs(vertices).max()))
    for piece in range(pieces):
        held = vertices[handles.vertex_ids[piece_of[handles.vertex_ids] == piece]]
        if np.linalg.matrix_rank(_homogeneous(held), tol=1e-6 * size) < 4:
            count = int((piece_of == piece).sum())
            raise MeshError(
                f"a piece of {count} of the patch's {len(vertices)} vertices is held "
                f"by {len(held)} keypoints; expected one connected patch, its keypoints not in one plane"
            )


def _handle_weight(stage: Stage, solves: int) -> float:
    """b: 50 where handles pull alone, then 5 exp(-0.9 n) after n solves in all."""
    return 5.0 * math.exp(-0.9 * solves) if stage.data else 50.0


def _pull(
    vertices: _Array, tree: cKDTree, targets: _Array, stage: Stage, handles: Handles | None, b: float
) -> tuple[_Array, _Array]:
    """Squared weight of each vertex (N), and its target times that weight (N, 3), handles included."""
    weight, wanted = np.zeros(len(vertices)), np.zeros_like(vertices)
    if stage.data:
        distance, nearest = tree.query(vertices)
        weight = (distance < max(2.0 * distance.mean(), 1.0)).astype(np.float64)
        wanted = weight[:, None] * targets[nearest]
    if handles is not None:
        weight[handles.vertex_ids] += b * b
        wanted[handles.vertex_ids] += b * b * handles.targets
    return weight, wanted


def _equations(
    stiffness: sparse.spmatrix, vertices: _Array, weight: _Array, wanted: _Array
) -> tuple[sparse.csc_matrix, _Array]:
    """Normal matrix (4N, 4N) and right-hand side (4N, 3)."""
    rows = _homogeneous(vertices)
    blocks = weight[:, None, None] * rows[:, :, None] * rows[:, None, :]
    count = len(vertices)
    pull = sparse.bsr_matrix((blocks, np.arange(count), np.arange(count + 1)), (4 * count, 4 * count))
    return (stiffness + pull).tocsc(), (rows[:, :, None] * wanted[:, None, :]).reshape(-1, 3)


def _homogeneous(vertices: _Array) -> _Array:
    return np.concatenate([vertices, np.ones((len(vertices), 1))], axis=1)
