"""Weights carried to other assets: a network that answers in one model's coefficients answers in another's.

Every group of coefficients leaves the network through one linear layer, c = W x + b. Where both models describe the
same surface (one topology, one UV layout), the other model's coefficients are the least-squares ones, c' = P c + p,
under a Gaussian prior of unit deviation; so the layer becomes W' = P W, b' = P b + p, and the network sees as well as
before. What the other model alone can say (more modes, units by new names) starts near zero and is learnt.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hiface.assets.format import read_asset
from hiface.assets.store import locate
from hiface.detail.basis import DetailBasis
from hiface.errors import AssetError
from hiface.face.albedo import AlbedoModel
from hiface.face.model import FaceModel
from hiface.reconstructor import SCHEMA, Reconstructor

_SHAPE_NOISE, _ALBEDO_NOISE, _STATIC_NOISE = 0.3, 0.1, 0.01
"""What of the other model is not worth a unit deviation: mm a vertex, density a texel, mm a texel."""
_ELSEWHERE = 0.1
"""Weight of a vertex beside the narrow face."""
_SIDE = 64
"""Texels a side at which colours are compared."""
_UNLEARNT = -0.03
"""Answer before activation of a unit that the former network did not know: 0.02 of its weight."""


@dataclass(frozen=True)
class Assets:
    """What a weight file's coefficients mean."""

    face: FaceModel
    albedo: AlbedoModel
    basis: DetailBasis

    @classmethod
    def load(cls, folder: str | Path) -> Assets:
        """`face_model`, `albedo` and `detail_basis` of a folder (.safetensors)."""
        paths = [Path(folder) / f"{name}.safetensors" for name in ("face_model", "albedo", "detail_basis")]
        return cls(FaceModel.load(paths[0]), AlbedoModel.load(paths[1]), DetailBasis.load(paths[2]))


@dataclass(frozen=True)
class Change:
    """c' = P c + p."""

    linear: Float[Tensor, "N M"]
    constant: Float[Tensor, "N"]

    def of_layer(
        self, weight: Float[Tensor, "M H"], bias: Float[Tensor, "M"]
    ) -> tuple[Float[Tensor, "N H"], Float[Tensor, "N"]]:
        return self.linear @ weight, self.linear @ bias + self.constant


def carry_over(model: Reconstructor, weights: str | Path, former: Assets) -> list[str]:
    """Copy `weights`, which belong to `former`, into a model of other assets; returns the names that start anew.

    Raises `AssetError` where the two models do not describe the same surface.
    """
    asset = read_asset(locate(weights), SCHEMA)
    _check(asset.meta["asset_ids"], former, str(weights))
    stored = {k: torch.from_numpy(v) for k, v in asset.tensors.items()}
    own = model.trained()
    changes = {
        "identity": identity_change(former.face, model.face),
        "expression": expression_change(former.face, model.face),
        "albedo": albedo_change(former.albedo, model.albedo, model.face),
        "static": static_change(former.basis, model.detail_model.basis),
    }
    for group, change in changes.items():
        names = f"head.{group}.weight", f"head.{group}.bias"
        pair = change.of_layer(*(stored[n].float() for n in names))
        stored |= dict(zip(names, pair, strict=True))
    meant_otherwise = ("detail_model.dynamic.", "age_head.")
    fits = {
        k: v.to(own[k].dtype)
        for k, v in stored.items()
        if k in own and own[k].shape == v.shape and not k.startswith(meant_otherwise)
    }
    model.load_state_dict(fits, strict=False)
    return sorted(set(own) - set(fits))


def _check(wanted: dict[str, str], former: Assets, where: str) -> None:
    found = {"face_model": former.face.hash, "albedo": former.albedo.hash, "detail_basis": former.basis.hash}
    wrong = [k for k, v in wanted.items() if found[k] != v]
    if wrong:
        raise AssetError(f"{where}: belongs to another {wrong[0]} than the folder of its assets holds")


def identity_change(former: FaceModel, other: FaceModel) -> Change:
    """β' whose neutral face lies on β's, wherever it sits and however it is turned: pose says that."""
    count = former.vertex_count("skin")
    if former.mean.shape != other.mean.shape or not np.array_equal(former.polygons, other.polygons):
        raise AssetError(f"{other.path}: not the topology of {former.path}; weights cannot be carried between them")
    share = torch.full((count,), _ELSEWHERE, dtype=torch.float64)
    share[torch.from_numpy(other.region("face_narrow")[:count])] = 1.0
    share = (share / share.sum() * count).sqrt()[:, None]
    modes = other.identity_basis[:, :count].double() * share
    moves = _rigid(other.mean[:count].double()) * share
    offset = (former.mean - other.mean)[:count].double() * share
    old = former.identity_basis[:, :count].double() * share
    return _solved(modes.flatten(1), old.flatten(1), offset.flatten(), _SHAPE_NOISE, moves.flatten(1))


def expression_change(former: FaceModel, other: FaceModel) -> Change:
    """Units of the same name keep their weights; the others begin at rest."""
    linear = torch.zeros(other.expression_size, former.expression_size)
    constant = torch.full((other.expression_size,), _UNLEARNT)
    for k, name in enumerate(other.expression_names):
        if name in former.expression_names:
            linear[k, former.expression_names.index(name)], constant[k] = 1.0, 0.0
    return Change(linear, constant)


def albedo_change(former: AlbedoModel, other: AlbedoModel, face: FaceModel) -> Change:
    """α' whose densities in the face tile are α's."""
    mask = face.atlas(_SIDE).mask.cpu()
    own, old = (_densities(model, mask) for model in (other, former))
    return _solved(own[1], old[1], old[0] - own[0], _ALBEDO_NOISE)


def _densities(model: AlbedoModel, mask: Tensor) -> tuple[Float[Tensor, "P"], Float[Tensor, "A P"]]:
    """Mean and modes of a model in texels of the mask: the colour's sigmoid undone, so that any kind of mode counts."""
    coefficients = torch.cat([torch.zeros(1, model.size), torch.eye(model.size)])
    maps = torch.cat([model.face(c[None], _SIDE) for c in coefficients]).double() / 0.9
    density = -torch.logit(maps.clamp(1e-6, 1 - 1e-6))[:, mask].flatten(1)
    return density[0], density[1:] - density[0]


def static_change(former: DetailBasis, other: DetailBasis) -> Change:
    """φ' whose map is φ's where both know one."""
    if former.side != other.side:
        raise AssetError(
            f"detail bases of {former.side} and {other.side} texels a side; weights cannot be carried over"
        )
    both = (former.mask & other.mask).flatten()
    own, old = _static(other, both), _static(former, both)
    return _solved(own[1], old[1], old[0] - own[0], _STATIC_NOISE)


def _static(basis: DetailBasis, texels: Bool[Tensor, "RR"]) -> tuple[Float[Tensor, "P"], Float[Tensor, "K P"]]:
    """Mean and modes at chosen texels."""
    rows = basis.place[texels]
    mean, modes = (tensor for name, tensor in basis.named_buffers() if name in ("static_mean", "static_modes"))
    return mean[rows].double(), modes[:, rows].double()


def _solved(
    modes: Float[Tensor, "N P"], old: Float[Tensor, "M P"], offset: Float[Tensor, "P"], noise: float,
    free: Float[Tensor, "K P"] | None = None,
) -> Change:  # fmt: skip
    """The least-squares change; directions in `free` may be used at will and are dropped."""
    count = len(modes)
    rows = modes if free is None else torch.cat([modes, free])
    prior = torch.zeros(len(rows), dtype=rows.dtype)
    prior[:count] = noise**2
    answer = torch.linalg.solve(rows @ rows.T + torch.diag(prior), rows @ torch.cat([old, offset[None]]).T)[:count]
    return Change(answer[:, :-1].float(), answer[:, -1].float())


def _rigid(mean: Float[Tensor, "V 3"]) -> Float[Tensor, "6 V 3"]:
    """Infinitesimal shifts and turns of a shape."""
    centred = mean - mean.mean(0)
    axes = [axis.expand_as(centred) for axis in torch.eye(3, dtype=mean.dtype)]
    return torch.stack([*axes, *(torch.linalg.cross(axis, centred) for axis in axes)])
