"""Detail learnt on a coarse face that stays what it is, bit for bit: the ablation's rows of detail."""

from __future__ import annotations

from pathlib import Path

import torch

from hiface.assets.format import read_asset
from hiface.assets.store import locate
from hiface.errors import AssetError
from hiface.reconstructor import SCHEMA, Reconstructor

DETAIL = ("head.static.", "detail_model.dynamic.", "age_head.", "decoder.")
"""The trained part that detail alone depends on; all other numbers make the coarse face."""


def is_detail(name: str) -> bool:
    """Whether a trained tensor makes detail alone; all others make the coarse face."""
    return name.startswith(DETAIL)


def freeze_coarse(reconstructor: Reconstructor) -> None:
    """Gradients for detail alone. The caller keeps the network in evaluation mode: statistics are no gradients."""
    for name, parameter in reconstructor.named_parameters():
        parameter.requires_grad_(parameter.requires_grad and is_detail(name))


def start_coarse(reconstructor: Reconstructor, weights: str | Path) -> None:
    """Copy the coarse face's part of a weight file, all of it; detail stays as it is, to be learnt anew.

    Raises `AssetError` if a part is missing, of another shape, or belongs to another face model.
    """
    asset = read_asset(locate(weights), SCHEMA)
    wanted = {k: v for k, v in reconstructor.trained().items() if not is_detail(k)}
    wrong = [k for k, v in wanted.items() if k not in asset.tensors or asset.tensors[k].shape != tuple(v.shape)]
    if wrong:
        raise AssetError(f"{weights}: its coarse part does not fit this network (first: {wrong[0]}); train both alike")
    if asset.meta["asset_ids"]["face_model"] != reconstructor.face.hash:
        raise AssetError(f"{weights}: belongs to another face model; give one that was trained with this one")
    state = {k: torch.from_numpy(asset.tensors[k]).to(v.dtype) for k, v in wanted.items()}
    reconstructor.load_state_dict(state, strict=False)
