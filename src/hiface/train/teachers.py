"""Teachers: networks that answer for a photo what its labels do not say. Age (Eq. 14) and recognition (L_id)."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from hiface.assets.format import Schema, read_asset, write_asset
from hiface.errors import ConfigError
from hiface.network.age import AGE_GROUPS
from hiface.network.backbone import ResNet

SCHEMA = Schema("age_teacher", 1, {}, {}, "train one with `hiface train-teacher`", any_fields=True)


class RecognitionTeacher(Protocol):
    """What L_id needs: an embedding of crops, differentiable in them. Bring your own: none ships."""

    def __call__(self, crops: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B N"]: ...


class AgeTeacher(nn.Module):
    """Γ_age: probabilities of the nine age groups from a crop in sRGB, 0 to 1."""

    def __init__(self, width: float = 0.5, crop: int = 112) -> None:
        super().__init__()
        self.width, self.crop = width, crop
        self.backbone = ResNet("resnet18", width)
        self.drop = nn.Dropout(0.3)
        self.answer = nn.Linear(self.backbone.channels, len(AGE_GROUPS))

    def forward(self, crops: Float[Tensor, "B 3 S S"], autocast: torch.dtype | None = None) -> Float[Tensor, "B 9"]:
        """Logarithms of the probabilities."""
        with torch.autocast(crops.device.type, autocast, enabled=autocast is not None):
            features = self.backbone((crops - 0.45) / 0.25)
        pooled = features.float().mean((2, 3))
        return nn.functional.log_softmax(self.answer(self.drop(pooled)), dim=1)


def save_teacher(teacher: AgeTeacher, path: str | Path, meta: dict[str, object]) -> str:
    tensors = {k: v.detach().cpu().numpy() for k, v in teacher.state_dict().items()}
    return write_asset(path, SCHEMA, tensors, {**meta, "width": teacher.width, "crop": teacher.crop})


def load_teacher(path: str | Path) -> AgeTeacher:
    asset = read_asset(path, SCHEMA)
    teacher = AgeTeacher(float(asset.meta["width"]), int(asset.meta["crop"]))
    try:
        teacher.load_state_dict({k: torch.from_numpy(v) for k, v in asset.tensors.items()})
    except RuntimeError as error:
        raise ConfigError(f"{path}: does not fit its own size ({error}); {SCHEMA.how_to_get}") from error
    return teacher.eval()


@torch.no_grad()
def age_of_crops(teacher: AgeTeacher, crops: UInt8[np.ndarray, "N S S 3"], batch: int = 64) -> Float[np.ndarray, "N 9"]:
    """Age distributions of crops framed by the crop rule; mirrored answers are averaged in."""
    answers = []
    for first in range(0, len(crops), batch):
        x = torch.from_numpy(crops[first : first + batch]).permute(0, 3, 1, 2).float() / 255
        x = nn.functional.interpolate(x, size=(teacher.crop, teacher.crop), mode="area")
        both = teacher(x).exp() + teacher(x.flip(3)).exp()
        answers.append((both / 2).numpy())
    return np.concatenate(answers)
