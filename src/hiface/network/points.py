"""Landmarks straight from the picture, each with the error to expect: what the face model is then fitted to."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

_UNIT = 0.1
"""Crop sides that an answer of 1 moves a point: keeps answers near 1."""


@dataclass(frozen=True)
class SeenPoints:
    """MediaPipe's 478 points where the picture shows them, whatever face the coefficients make."""

    xy: Float[Tensor, "B 478 2"]
    """Crop sides, 0 to 1, y down."""
    log_sigma: Float[Tensor, "B 478"]
    """Natural logarithm of the expected error, crop sides."""

    def __getitem__(self, k: int) -> SeenPoints:
        return SeenPoints(self.xy[k : k + 1], self.log_sigma[k : k + 1])


class PointHead(nn.Module):
    """Feature maps to points around `usual`, those of the mean face in the middle of a crop."""

    usual: Float[Tensor, "478 2"]

    def __init__(self, channels: int, usual: Float[Tensor, "478 2"], width: int, pooled: int = 4) -> None:
        super().__init__()
        self.pooled = pooled
        self.register_buffer("usual", usual.clone(), persistent=False)
        self.mix = nn.Sequential(nn.Linear(channels * pooled**2, width), nn.BatchNorm1d(width), nn.ReLU())
        self.offset = nn.Linear(width, 2 * len(usual))
        self.log_sigma = nn.Linear(width, len(usual))
        for layer in (self.offset, self.log_sigma):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
        nn.init.constant_(self.log_sigma.bias, -3.0)

    def forward(self, features: Float[Tensor, "B N H H"]) -> SeenPoints:
        x = self.mix(nn.functional.adaptive_avg_pool2d(features, self.pooled).flatten(1)).float()
        xy = self.usual + _UNIT * self.offset(x).unflatten(1, (-1, 2))
        return SeenPoints(xy, self.log_sigma(x).clamp(-6.5, 1.0))
