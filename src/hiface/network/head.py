"""From feature maps to coefficients: one linear layer a group, none of them cut from a vector by position."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True)
class HeadSizes:
    """How many numbers each group has."""

    identity: int
    expression: int
    albedo: int
    static: int
    points: int
    """Dense landmarks whose uncertainty is predicted."""


@dataclass(frozen=True)
class RawCoefficients:
    """What the head says, before pose and camera become absolute."""

    identity: Float[Tensor, "B I"]
    expression: Float[Tensor, "B E"]
    albedo: Float[Tensor, "B A"]
    static: Float[Tensor, "B K"]
    turn: Float[Tensor, "B 3"]
    """Orientation of the head in the crop's frame, axis-angle, radians."""
    log_scale: Float[Tensor, "B"]
    """Natural logarithm of the camera's scale over the usual one."""
    shift: Float[Tensor, "B 2"]
    """Where the centre of the 68 points lies, crop sides from the crop's centre, x right and y up."""
    light: Float[Tensor, "B 9 3"]
    log_sigma: Float[Tensor, "B L"]


class CoefficientHead(nn.Module):
    """Pools feature maps to a small square, flattens, mixes once and reads every group off with its own layer.

    The square, `pooled` on a side, keeps where things are, which averaging loses.
    """

    limits: Float[Tensor, "E 2"]

    def __init__(
        self,
        channels: int,
        sizes: HeadSizes,
        width: int = 512,
        dropout: float = 0.0,
        pooled: int = 4,
        expression_range: Float[Tensor, "E 2"] | None = None,
    ) -> None:
        """`expression_range`: least and greatest coefficient of each expression; None: weights, 0 to 1."""
        super().__init__()
        self.pooled = pooled
        limits = (
            torch.tensor([[0.0, 1.0]]).repeat(sizes.expression, 1) if expression_range is None else expression_range
        )
        self.register_buffer("limits", limits.clone(), persistent=False)
        self.mix = nn.Sequential(
            nn.Linear(channels * pooled**2, width),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.identity = nn.Linear(width, sizes.identity)
        self.expression = nn.Linear(width, sizes.expression)
        self.albedo = nn.Linear(width, sizes.albedo)
        self.static = nn.Linear(width, sizes.static)
        self.turn = nn.Linear(width, 3)
        self.camera = nn.Linear(width, 3)
        self.light = nn.Linear(width, 27)
        self.log_sigma = nn.Linear(width, sizes.points)
        for layer in (
            self.identity,
            self.expression,
            self.albedo,
            self.static,
            self.turn,
            self.camera,
            self.light,
        ):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
        nn.init.constant_(self.light.bias[:3], AMBIENT)
        nn.init.constant_(self.log_sigma.bias, -3.0)
        nn.init.normal_(self.log_sigma.weight, std=0.005)

    def forward(self, features: Float[Tensor, "B N H H"]) -> RawCoefficients:
        x = self.mix(nn.functional.adaptive_avg_pool2d(features, self.pooled).flatten(1)).float()
        camera = self.camera(x)
        return RawCoefficients(
            identity=self.identity(x),
            expression=leaky(self.expression(x) + _START * (self.limits[:, 0] == 0), *self.limits.unbind(1)),
            albedo=self.albedo(x),
            static=self.static(x),
            turn=self.turn(x),
            log_scale=camera[:, 0],
            shift=camera[:, 1:],
            light=self.light(x).unflatten(1, (9, 3)),
            log_sigma=self.log_sigma(x).clamp(-6.5, 1.0),
        )


AMBIENT = 3.5
"""The constant term that an untrained head answers: a face lit evenly, about as bright as photos are."""

_LEAK = 0.1
_START = 0.05
"""What an untrained head answers for a weight: inside its range, where the gradient is whole."""


def leaky(x: Float[Tensor, "B E"], low: Float[Tensor, "E"], high: Float[Tensor, "E"]) -> Float[Tensor, "B E"]:
    """`x` held in its range, with a tenth of the gradient outside, so that a weight at its stop can still come back."""
    held = x.clamp(low, high)
    beyond = _LEAK * (x - held)
    return held + beyond - beyond.detach()
