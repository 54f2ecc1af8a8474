"""Checkpoints from which a run goes on exactly: weights, their average, the optimiser's moments and the step.

Safetensors and JSON, no pickles. Batches and dropout are functions of the step, so there is no other state.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from hiface.assets.format import write_atomically
from hiface.errors import AssetError


def save_checkpoint(
    path: str | Path,
    groups: dict[str, dict[str, Tensor]],
    optimizer: torch.optim.Optimizer,
    meta: dict[str, Any],
) -> None:
    """Write named groups of tensors and the optimiser's state; a kill leaves the old file or the new one."""
    tensors = {f"{group}/{name}": t for group, named in groups.items() for name, t in named.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": torch.as_tensor(value) for name, value in state.items()}
    contiguous = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    header = {"meta": json.dumps(meta)}
    write_atomically(path, lambda temporary: save_file(contiguous, temporary, metadata=header))


def read_checkpoint(path: str | Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Groups of tensors (`optimizer` among them) and the meta of `save_checkpoint`."""
    try:
        with safe_open(str(path), framework="pt") as file:
            meta = json.loads((file.metadata() or {})["meta"])
            flat = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise AssetError(f"{path}: not a checkpoint of `hiface train` ({error}); delete it to start anew") from error
    groups: dict[str, dict[str, Tensor]] = {}
    for name, tensor in flat.items():
        group, _, rest = name.partition("/")
        groups.setdefault(group, {})[rest] = tensor
    return groups, meta


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Moments and step counts back into an optimiser built over the same parameters in the same order."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition("/")
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
