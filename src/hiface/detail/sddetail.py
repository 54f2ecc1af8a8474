"""SD-DeTail: detail of a face from its expression, its static coefficients and its two shapes."""

from __future__ import annotations

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from hiface.assets.format import unknown_name
from hiface.detail.basis import DetailBasis
from hiface.detail.compose import Parts, compose, shown
from hiface.detail.dynamic import DynamicCoefficients, Form
from hiface.detail.squeeze import squeeze_direction
from hiface.errors import ConfigError
from hiface.face.model import FaceModel
from hiface.geometry.sparse import SparseRows
from hiface.geometry.tension import TENSIONS, TensionKind, TensionOperator, alignment_weights
from hiface.geometry.topology import unique_edges
from hiface.geometry.uv import UVAtlas
from hiface.types import DecodedMaps, Detail

BASES = DecodedMaps()
"""No map is decoded: all are those of the bases."""


class SDDetail(nn.Module):
    """Displacement maps of faces (Eqs. 4 to 9); usable with anybody's β and ξ, without the network.

    Shapes may have more vertices than the tension needs (the whole head): the first `vertex_count` are taken.
    """

    def __init__(
        self,
        basis: DetailBasis,
        dynamic: DynamicCoefficients,
        atlas: UVAtlas,
        edges: Int[Tensor, "N 2"],
        weights: Float[Tensor, "N 2"] | None = None,
        parts: Parts = "both",
    ) -> None:
        """`atlas` and `edges` name the same vertices, which come first in every shape; `weights` make the
        tension an oriented one (`geometry.tension.alignment_weights`); `parts` as in `compose`."""
        super().__init__()
        if atlas.side != basis.side:
            raise ConfigError(
                f"the atlas has {atlas.side} texels a side, the detail basis {basis.side}; build both alike"
            )
        if dynamic.sizes != (basis.sizes["compressed"], basis.sizes["stretched"]):
            raise ConfigError(f"dynamic coefficients {dynamic.sizes} do not fit the detail basis {basis.sizes}")
        self.vertex_count = int(max(edges.max(), atlas.triangles.max())) + 1
        self.basis, self.dynamic, self.parts = basis, dynamic, parts
        self.tension = TensionOperator(edges, self.vertex_count, weights)
        self.bake = SparseRows(_bake_matrix(atlas, self.vertex_count))

    @classmethod
    def of_face(
        cls,
        face: FaceModel,
        basis: DetailBasis,
        form: Form = "printed",
        parts: Parts = "both",
        width: int = 256,
        tension: TensionKind = "plain",
    ) -> SDDetail:
        """Untrained SD-DeTail of a face model's face tile; `form` as in `dynamic.modulate`.

        tension: "plain" is Eq. 8, "oriented" weighs its edges by their angle to the direction in which skin is
        squeezed there: the one in the basis' asset where it fits the face model, else that of the model's own
        expression units (`detail.squeeze`). Nothing of it is trained, so either goes with any weights.
        """
        sizes = basis.sizes
        dynamic = DynamicCoefficients(
            face.expression_size, sizes["static"], sizes["compressed"], sizes["stretched"], width, form
        )
        edges = torch.from_numpy(unique_edges(face.polygons[face.polygon_range("face")]))
        return cls(basis, dynamic, face.atlas(basis.side), edges, _edge_weights(face, basis, edges, tension), parts)

    def forward(
        self,
        neutral: Float[Tensor, "B V 3"],
        expressive: Float[Tensor, "B V 3"],
        expression: Float[Tensor, "B E"],
        static: Float[Tensor, "B K"],
        decoded: DecodedMaps = BASES,
    ) -> Detail:
        """The detail of faces: shapes before pose in mm, ξ (weights), φ (standard deviations);
        differentiable. `decoded` as in `detail`."""
        compressed, stretched = self.dynamic(expression, static)
        return self.detail(static, compressed, stretched, self.tension_map(neutral, expressive), decoded)

    def detail(
        self,
        static: Float[Tensor, "B K"],
        compressed: Float[Tensor, "B C"],
        stretched: Float[Tensor, "B D"],
        tension: Float[Tensor, "B R R"],
        decoded: DecodedMaps = BASES,
    ) -> Detail:
        """The detail of given φ, φ_com, φ_str and tension map: for the generator and for edited faces.

        Maps in `decoded` take the place of those that the coefficients make.
        """
        basis, given = self.basis, decoded
        still = basis.static(static) if given.static is None else given.static
        if given.dynamic is not None:
            none = torch.zeros_like(still)
            return shown(Detail(still, none, none, tension, given.dynamic, none), self.parts)
        squeezed = basis.compressed(compressed) if given.compressed is None else given.compressed
        spread = basis.stretched(stretched) if given.stretched is None else given.stretched
        return compose(still, squeezed, spread, tension, self.parts)

    def tension_map(
        self, neutral: Float[Tensor, "B V 3"], expressive: Float[Tensor, "B V 3"]
    ) -> Float[Tensor, "B R R"]:
        """M (Eq. 8), scaled, in UV; 0 where the atlas is empty."""
        at_vertices = self.tension(expressive[:, : self.vertex_count], neutral[:, : self.vertex_count])
        side = self.basis.side
        texels: Tensor = self.bake(at_vertices.transpose(0, 1))
        return texels.transpose(0, 1).reshape(-1, side, side)


def _edge_weights(
    face: FaceModel, basis: DetailBasis, edges: Int[Tensor, "N 2"], tension: TensionKind
) -> Float[Tensor, "N 2"] | None:
    """What the ends of each edge weigh; None: all alike (Eq. 8)."""
    if tension not in TENSIONS:
        raise ConfigError(unknown_name(tension, TENSIONS, "tension"))
    if tension == "plain":
        return None
    mean = face.mean[face.vertex_range("face")].cpu()
    direction = basis.squeeze_direction
    if direction is None or len(direction) != len(mean):
        direction = squeeze_direction(face)
    return alignment_weights(mean, edges, direction.cpu())


def _bake_matrix(atlas: UVAtlas, vertex_count: int) -> scipy.sparse.spmatrix:
    """(R·R, V): texels from vertices, the same numbers as `atlas.bake` inside its mask and 0 outside."""
    covered = atlas.mask.reshape(-1).nonzero()[:, 0].cpu().numpy()
    columns = atlas.triangles[atlas.triangle_id].reshape(-1, 3).cpu().numpy()[covered]
    weights = atlas.barycentric.reshape(-1, 3).double().cpu().numpy()[covered]
    rows = np.repeat(covered, 3)
    shape = (atlas.side**2, vertex_count)
    return scipy.sparse.csr_matrix((weights.reshape(-1), (rows, columns.reshape(-1))), shape)
