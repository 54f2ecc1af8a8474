"""Residual networks of 18, 34 and 50 layers with torchvision's parameter names, at any width.

Weights trained elsewhere for the same architecture load by name (`load_backbone_weights`); none are bundled.
The stem, the stages and the blocks are those of He et al., "Deep Residual Learning", CVPR 2016; in the
50-layer one the stride sits in the 3×3 convolution, as torchvision has it.
"""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn

from hiface.assets.format import unknown_name
from hiface.errors import AssetError, ConfigError

DEPTHS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3)}


LARGEST = 5.0
"""Bound of a normalised feature. What lies beyond training cannot see: there an outlier widens its own statistics.
On one sharp frontal portrait in eight, features grew from block to block until units that nobody moved stood at their
stops. At 5 that happens on none of 130, and the landmarks of all lie nearer than at 10."""


class BoundedNorm(nn.BatchNorm2d):
    """Batch normalisation whose values stay within ±`LARGEST`.

    In training an outlier widens the statistics of its batch and so holds itself down: there the bound would cost an
    eighth of a step and change nothing. In evaluation they are fixed, and from residual block to residual block a rare
    pattern can grow without end.
    """

    def forward(self, input: Tensor) -> Tensor:
        normal: Tensor = super().forward(input)
        return normal if self.training else normal.clamp(-LARGEST, LARGEST)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut."""

    expansion = 1

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 3, stride, 1, bias=False)
        self.bn1 = BoundedNorm(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = BoundedNorm(planes)
        self.downsample = _shortcut(inputs, planes, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolutions and a shortcut."""

    expansion = 4

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = BoundedNorm(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = BoundedNorm(planes)
        self.conv3 = nn.Conv2d(planes, planes * self.expansion, 1, bias=False)
        self.bn3 = BoundedNorm(planes * self.expansion)
        self.downsample = _shortcut(inputs, planes * self.expansion, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), BoundedNorm(outputs))


class ResNet(nn.Module):
    """Feature maps of a crop: (B, 3, S, S) to (B, channels, S/32, S/32)."""

    def __init__(self, name: str = "resnet18", width: float = 1.0) -> None:
        super().__init__()
        if name not in DEPTHS:
            raise ConfigError(unknown_name(name, DEPTHS, "backbone"))
        block = Bottleneck if name == "resnet50" else BasicBlock
        planes = [max(8, round(p * width)) for p in (64, 128, 256, 512)]
        self.conv1 = nn.Conv2d(3, planes[0], 7, 2, 3, bias=False)
        self.bn1 = BoundedNorm(planes[0])
        inputs, widths = planes[0], []
        for k, (plane, depth) in enumerate(zip(planes, DEPTHS[name], strict=True)):
            stage = []
            for i in range(depth):
                stage.append(block(inputs, plane, 2 if i == 0 and k > 0 else 1))
                inputs = plane * block.expansion
            self.add_module(f"layer{k + 1}", nn.Sequential(*stage))
            widths.append(inputs)
        self.channels = inputs
        self.widths = tuple(widths)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def first_stages(self, count: int) -> list[nn.Module]:
        """The stem and the first `count` of the four stages; none for 0."""
        if count == 0:
            return []
        return [self.conv1, self.bn1, *(getattr(self, f"layer{k + 1}") for k in range(count))]

    def forward(self, crops: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B N H H"]:
        return self.pyramid(crops)[-1]

    def pyramid(self, crops: Float[Tensor, "B 3 S S"]) -> list[Float[Tensor, "B _ _ _"]]:
        """What the four stages give, of `widths` channels and sides S/4, S/8, S/16 and S/32."""
        x = torch.relu(self.bn1(self.conv1(crops)))
        x = nn.functional.max_pool2d(x, 3, 2, 1)
        stages: list[Tensor] = []
        for k in range(4):
            x = getattr(self, f"layer{k + 1}")(x)
            stages.append(x)
        return stages


def load_backbone_weights(backbone: ResNet, path: str | Path) -> list[str]:
    """Load weights of the same architecture by torchvision's names; returns the names that were left out (`fc`)."""
    try:
        weights = load_file(str(path))
    except Exception as error:
        raise AssetError(f"{path}: not a readable safetensors file ({error}); convert the checkpoint first") from error
    wanted = backbone.state_dict()
    missing = sorted(k for k in wanted if k not in weights and "num_batches" not in k)
    wrong = sorted(k for k in wanted if k in weights and weights[k].shape != wanted[k].shape)
    if missing or wrong:
        raise AssetError(f"{path}: does not fit this backbone; missing {missing[:3]}, other shape {wrong[:3]}")
    backbone.load_state_dict({k: weights.get(k, v) for k, v in wanted.items()})
    return sorted(set(weights) - set(wanted))
