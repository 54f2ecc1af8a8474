"""How far shapes and maps of people lie apart: root mean squares over vertices and texels, mm."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hiface.detail.basis import DetailBasis
from hiface.errors import AssetError
from hiface.face.model import FaceModel
from hiface.types import Coefficients

NARROW = "face_narrow"


def narrow_neutral(face: FaceModel, identity: Float[Tensor, "B I"]) -> Float[Tensor, "B N 3"]:
    """Neutral shapes of the narrow face, mm."""
    chosen = torch.from_numpy(face.region(NARROW)).to(identity.device)
    return face.mean[chosen] + torch.einsum("bi,ivx->bvx", identity, face.identity_basis[:, chosen])


def narrow_offset(face: FaceModel, expression: Float[Tensor, "B E"]) -> Float[Tensor, "B N 3"]:
    """What expressions do to the narrow face before pose, mm."""
    chosen = torch.from_numpy(face.region(NARROW)).to(expression.device)
    return torch.einsum("be,evx->bvx", expression, face.expression_basis[:, chosen])


def mirror_order(face: FaceModel) -> Int[Tensor, "N"]:
    """For each vertex of the narrow face the place of its mirror image among them."""
    if face.symmetry is None:
        raise AssetError(f"{face.path}: has no symmetry map; the mirror needs one (docs/face_model_format.md)")
    chosen = torch.from_numpy(face.region(NARROW)).nonzero()[:, 0]
    place = torch.full((len(face.mean),), -1)
    place[chosen] = torch.arange(len(chosen))
    return place[torch.from_numpy(face.symmetry.astype("int64"))[chosen]]


def mirrored(points: Float[Tensor, "*B N 3"], order: Int[Tensor, "N"]) -> Float[Tensor, "*B N 3"]:
    """Points or offsets of the narrow face in a mirror; done twice, themselves again."""
    return points[..., order, :] * points.new_tensor([-1.0, 1.0, 1.0])


def rms(difference: Float[Tensor, "*B N 3"]) -> Float[Tensor, "*B"]:
    """Root of the mean over vertices of the squared distance."""
    return difference.square().sum(-1).mean(-1).sqrt()


def rms_aligned(points: Float[Tensor, "*B N 3"], truth: Float[Tensor, "*B N 3"]) -> Float[Tensor, "*B"]:
    """The same after the similarity that lays `points` best on `truth`, each by itself; leading sizes broadcast.

    In closed form (Umeyama 1991): with p and q centred and σ the singular values of pᵀq, the last negated where
    the best orthogonal matrix is a reflection, the sum of squares is |q|² − (Σσ)² / |p|². Double precision: near
    zero it is a small difference of large numbers.
    """
    p, q = ((x - x.mean(-2, keepdim=True)).double() for x in (points, truth))
    cross = p.transpose(-1, -2) @ q
    sigma = torch.linalg.svdvals(cross)
    sign = torch.det(cross).sign()
    trace = sigma[..., 0] + sigma[..., 1] + sign * sigma[..., 2]
    rest = q.square().sum((-1, -2)) - trace.square() / p.square().sum((-1, -2))
    return (rest.clamp(min=0) / points.shape[-2]).sqrt().to(points.dtype)


def between_all(shapes: Float[Tensor, "B N 3"], others: Float[Tensor, "C N 3"]) -> Float[Tensor, "B C"]:
    """`rms_aligned` of each shape to each of the others."""
    return torch.stack([rms_aligned(shape[None], others) for shape in shapes])


def map_distances(maps: Float[Tensor, "B P"], others: Float[Tensor, "C P"]) -> Float[Tensor, "B C"]:
    """Root mean square over texels of the difference of each map to each of the others, mm."""
    return torch.cdist(maps.double(), others.double()).to(maps.dtype) / maps.shape[1] ** 0.5


def static_maps(basis: DetailBasis, coefficients: Coefficients) -> Float[Tensor, "B P"]:
    """Static maps at the texels of the mask, mm."""
    return basis.static(coefficients.static).flatten(1)[:, basis.texels]
