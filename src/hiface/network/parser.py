"""The face parser: a small network that says of every pixel of a crop which part of a person it shows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from hiface.assets.format import Schema, read_asset, write_asset
from hiface.assets.store import locate, shipped_names
from hiface.errors import AssetError
from hiface.face.parts import PART_NAMES
from hiface.network.backbone import BoundedNorm, ResNet

SHIPPED = "parser.safetensors"
SCHEMA = Schema(
    "face_parser", 1, {}, {}, f"use the shipped {SHIPPED} or train one with `hiface train-parser`", any_fields=True
)
_MIDDLE, _SPREAD = 0.45, 0.25
"""Of crops' values."""


@dataclass(frozen=True)
class ParserConfig:
    """What a weight file must say for its network to be built again."""

    width: float = 0.25
    """Factor on the channels of an 18-layer backbone."""
    channels: int = 32
    """Of the decoder."""
    crop: int = 96
    """S, side of the crops, pixels; framed by the crop rule."""


class FaceParser(nn.Module):
    """Classes of `hiface.face.parts` from a crop: a pyramid summed from coarse to fine, and the picture's own edges."""

    def __init__(self, config: ParserConfig = ParserConfig()) -> None:
        super().__init__()
        self.config = config
        self.backbone = ResNet("resnet18", config.width)
        wide = config.channels
        self.lateral = nn.ModuleList(nn.Conv2d(n, wide, 1) for n in self.backbone.widths)
        self.mixed = nn.ModuleList(_convolved(wide, wide) for _ in self.backbone.widths[:-1])
        self.edges = _convolved(3, 16, stride=2)
        self.joined = _convolved(wide + 16, wide)
        self.answer = nn.Conv2d(wide, len(PART_NAMES), 1)

    def forward(self, crops: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B C S S"]:
        """Logits of the classes; crops in sRGB, 0 to 1, of a side that 32 divides."""
        return _doubled(self.halved(crops))

    def halved(self, crops: Float[Tensor, "B 3 S S"], autocast: torch.dtype | None = None) -> Float[Tensor, "B C H H"]:
        """Logits at half the crop's side, H = S / 2: what is trained."""
        with torch.autocast(crops.device.type, autocast, enabled=autocast is not None):
            x = (crops - _MIDDLE) / _SPREAD
            stages = self.backbone.pyramid(x)
            y = self.lateral[-1](stages[-1])
            for k in reversed(range(len(self.mixed))):
                y = self.mixed[k](_doubled(y) + self.lateral[k](stages[k]))
            return self.answer(self.joined(torch.cat([_doubled(y), self.edges(x)], 1))).float()


def _convolved(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), BoundedNorm(outputs), nn.ReLU())


def _doubled(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


@torch.no_grad()
def parse_crops(
    parser: FaceParser, crops: UInt8[np.ndarray, "N S S 3"], batch: int = 16
) -> Float[np.ndarray, "N C S S"]:
    """Probabilities of the classes, float32, of crops of the parser's side; mirrored answers are averaged in."""
    device = next(parser.parameters()).device
    answers = []
    for first in range(0, len(crops), batch):
        x = torch.from_numpy(np.ascontiguousarray(crops[first : first + batch])).to(device)
        x = x.permute(0, 3, 1, 2).float() / 255
        both = parser(x).softmax(1) + parser(x.flip(3)).softmax(1).flip(3)
        answers.append((both / 2).cpu().numpy())
    return np.concatenate(answers)


def save_parser(parser: FaceParser, path: str | Path, meta: dict[str, Any]) -> str:
    """Write the weights, half floats but for running statistics; returns the content hash."""
    tensors = {}
    for name, tensor in parser.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        half = "running_" not in name
        tensors[name] = tensor.detach().cpu().to(torch.float16 if half else tensor.dtype).numpy()
    return write_asset(path, SCHEMA, tensors, {**meta, "config": asdict(parser.config), "parts": list(PART_NAMES)})


def load_parser(name_or_path: str | Path = SHIPPED) -> FaceParser:
    """A parser from its weights, ready to answer. Raises `AssetError` for weights that know other classes."""
    asset = read_asset(locate(name_or_path), SCHEMA)
    if asset.meta.get("parts") != list(PART_NAMES):
        raise AssetError(f"{name_or_path}: knows the classes {asset.meta.get('parts')}; {SCHEMA.how_to_get}")
    parser = FaceParser(ParserConfig(**asset.meta["config"]))
    own = parser.state_dict()
    try:
        tensors = {k: torch.from_numpy(v).to(own[k].dtype) for k, v in asset.tensors.items()}
        parser.load_state_dict({k: v for k, v in own.items() if k.endswith("num_batches_tracked")} | tensors)
    except (KeyError, RuntimeError) as error:
        raise AssetError(f"{name_or_path}: does not fit its own size ({error}); {SCHEMA.how_to_get}") from error
    return parser.eval()


def shipped_parser() -> FaceParser | None:
    """The shipped parser; None where this installation has none."""
    return load_parser() if SHIPPED in shipped_names() else None
