"""Tension of the skin (Eq. 8): how much the edges at a vertex shrank against the neutral face.

The plain functions are the definition; `TensionOperator` gives the same numbers, quickly, for one fixed mesh.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from hiface.errors import MeshError
from hiface.geometry.sparse import SparseRows
from hiface.geometry.topology import adjacency

TensionKind = Literal["plain", "oriented"]
TENSIONS: tuple[TensionKind, ...] = ("plain", "oriented")
"""Eq. 8, or the same with edges weighed by `alignment_weights`: docs/detail_tension.md compares them."""
GAIN = 11.0
"""Raw tension of a polarised expression is 0.06 to 0.12 where skin folds; this brings it to about 1."""
ORIENTED_GAIN = 8.0
"""The same for edges weighted by `alignment_weights`, whose raw tension is higher."""
CEILING = 1.15
"""Largest weight of a detail map: edges that open at the mouth corner reach −3 and would tear the map."""
SMOOTHING_STEPS = 4
"""Half-step Laplacians on the mesh before scaling: single small edges must not show in the map."""
_SHORTEST = 1e-3  # mm; a collapsed edge has no direction, so its length needs a floor to have a gradient


def vertex_tension(
    vertices: Float[Tensor, "B V 3"],
    neutral: Float[Tensor, "B V 3"],
    edges: Int[Tensor, "N 2"],
    weights: Float[Tensor, "N 2"] | None = None,
) -> Float[Tensor, "B V"]:
    """Eq. 8: `t_i = 1 − mean_k |e_k| / |e'_k|` over the edges at a vertex, e of `vertices`, e' of `neutral`.

    Positive where skin is compressed, negative where stretched; dimensionless, unscaled, at most 1. A vertex
    without edges has 0. `weights` replace the plain mean by a weighted one, with a weight for each end of
    each edge (see `alignment_weights`); None is Eq. 8. Differentiable with respect to both shapes.
    """
    shrink = 1 - _edge_lengths(vertices, edges) / _edge_lengths(neutral, edges)
    ends = vertices.new_ones(edges.shape) if weights is None else weights.to(vertices)
    total = vertices.new_zeros(vertices.shape[:2])
    share = vertices.new_zeros(vertices.shape[1])
    for end in (0, 1):
        total = total.index_add(1, edges[:, end], shrink * ends[:, end])
        share = share.index_add(0, edges[:, end], ends[:, end])
    return total / share.clamp_min(torch.finfo(share.dtype).tiny)


def alignment_weights(
    neutral: Float[Tensor, "V 3"], edges: Int[Tensor, "N 2"], direction: Float[Tensor, "V 3"]
) -> Float[Tensor, "N 2"]:
    """Weights of the oriented tension: cos⁴ of the angle of an edge to the direction at each of its ends.

    `direction` is that in which skin is squeezed at a site, of any length and sign. Eq. 8 averages all edges and is
    blind where skin is squeezed one way and stretched the other, as at the lips in a pucker; this is not.
    """
    direction = torch.nn.functional.normalize(direction, dim=-1)
    along = neutral[edges[:, 1]] - neutral[edges[:, 0]]
    along = along / along.norm(dim=-1, keepdim=True).clamp_min(_SHORTEST)
    cosine = (along[:, None] * direction[edges]).sum(-1)
    weights: Tensor = cosine**4
    return weights


def smooth_on_mesh(
    values: Float[Tensor, "B V"], edges: Int[Tensor, "N 2"], steps: int = SMOOTHING_STEPS
) -> Float[Tensor, "B V"]:
    """`values` after `steps` half-step Laplacians: each time half of itself, half the mean of its neighbours.

    A constant stays; a vertex without edges keeps its value.
    """
    degree = torch.bincount(edges.reshape(-1), minlength=values.shape[1])
    for _ in range(steps):
        neighbours = torch.zeros_like(values)
        for end in (0, 1):
            neighbours = neighbours.index_add(1, edges[:, end], values[:, edges[:, 1 - end]])
        mean = torch.where(degree > 0, neighbours / degree.clamp_min(1), values)
        values = 0.5 * (values + mean)
    return values


def scaled_tension(tension: Float[Tensor, "*rest"], gain: float = GAIN) -> Float[Tensor, "*rest"]:
    """The weight of a detail map: `CEILING · tanh(gain · t / CEILING)`, odd, within ±`CEILING`."""
    return CEILING * torch.tanh(gain / CEILING * tension)


class TensionOperator(nn.Module):
    """`scaled_tension(smooth_on_mesh(vertex_tension(...)))` of one mesh, as three sparse products."""

    def __init__(
        self,
        edges: Int[Tensor, "N 2"],
        vertex_count: int,
        weights: Float[Tensor, "N 2"] | None = None,
        steps: int = SMOOTHING_STEPS,
        gain: float | None = None,
    ) -> None:
        """`weights` as in `vertex_tension`; `gain` defaults to `GAIN`, with weights to `ORIENTED_GAIN`."""
        super().__init__()
        if len(edges) and int(edges.max()) >= vertex_count:
            raise MeshError(f"edges name vertex {int(edges.max())}, but the mesh has {vertex_count} vertices")
        self.vertex_count = vertex_count
        self.end_weights = None if weights is None else weights.detach().cpu()
        """What the ends of each edge weigh; None: all alike."""
        self.gain = (GAIN if weights is None else ORIENTED_GAIN) if gain is None else gain
        self.edge_vectors = SparseRows(_difference_matrix(edges, vertex_count))
        self.vertex_means = SparseRows(_mean_matrix(edges, vertex_count, weights))
        self.smoothing = SparseRows(_smoothing_matrix(edges, vertex_count, steps))

    def forward(self, vertices: Float[Tensor, "B V 3"], neutral: Float[Tensor, "B V 3"]) -> Float[Tensor, "B V"]:
        """Scaled tension at the vertices; differentiable with respect to both shapes."""
        if vertices.shape != neutral.shape or vertices.shape[1] != self.vertex_count:
            raise MeshError(
                f"tension expects two shapes of {self.vertex_count} vertices, "
                f"got {tuple(vertices.shape)} and {tuple(neutral.shape)}"
            )
        shrink = 1 - self._lengths(vertices) / self._lengths(neutral)
        raw = self.smoothing(self.vertex_means(shrink))
        return scaled_tension(raw, self.gain).transpose(0, 1)

    def _lengths(self, vertices: Float[Tensor, "B V 3"]) -> Float[Tensor, "N B"]:
        return _safe_norm(self.edge_vectors(vertices.permute(1, 2, 0)), dim=1)


def _edge_lengths(vertices: Float[Tensor, "B V 3"], edges: Int[Tensor, "N 2"]) -> Float[Tensor, "B N"]:
    return _safe_norm(vertices[:, edges[:, 1]] - vertices[:, edges[:, 0]], dim=-1)


def _safe_norm(vectors: Tensor, dim: int) -> Tensor:
    return vectors.square().sum(dim).clamp_min(_SHORTEST**2).sqrt()


def _difference_matrix(edges: Int[Tensor, "N 2"], vertex_count: int) -> scipy.sparse.spmatrix:
    """(N, V): the edge vector, second end minus first."""
    rows = np.arange(len(edges)).repeat(2)
    signs = np.tile([-1.0, 1.0], len(edges))
    return scipy.sparse.csr_matrix((signs, (rows, edges.cpu().numpy().reshape(-1))), (len(edges), vertex_count))


def _mean_matrix(
    edges: Int[Tensor, "N 2"], vertex_count: int, weights: Float[Tensor, "N 2"] | None
) -> scipy.sparse.spmatrix:
    """(V, N): the (weighted) mean of the edges at a vertex."""
    ends = edges.cpu().numpy().reshape(-1)
    share = np.ones(len(ends)) if weights is None else weights.detach().cpu().double().numpy().reshape(-1)
    columns = np.arange(len(edges)).repeat(2)
    matrix = scipy.sparse.csr_matrix((share, (ends, columns)), (vertex_count, len(edges)))
    total = np.asarray(matrix.sum(axis=1)).reshape(-1)
    return scipy.sparse.diags(1 / np.maximum(total, np.finfo(np.float32).tiny)) @ matrix


def _smoothing_matrix(edges: Int[Tensor, "N 2"], vertex_count: int, steps: int) -> scipy.sparse.spmatrix:
    """(V, V): `steps` half-step Laplacians in one."""
    mean = adjacency(edges.cpu().numpy(), vertex_count)
    lonely = np.asarray(mean.sum(axis=1)).reshape(-1) == 0
    mean = mean + scipy.sparse.diags(lonely.astype(float))
    step = 0.5 * (scipy.sparse.identity(vertex_count) + mean)
    result = scipy.sparse.identity(vertex_count, format="csr")
    for _ in range(steps):
        result = step @ result
    return result
