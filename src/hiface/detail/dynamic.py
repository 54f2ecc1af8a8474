"""Dynamic coefficients from the expression and the static ones (Eq. 6)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hiface.errors import ConfigError

Form = Literal["printed", "standard"]
FORMS: tuple[Form, ...] = ("printed", "standard")

STATIC_FLOOR = 0.1
"""ε of σ(φ), in standard deviations of the prior. A face with hardly any static detail (φ near 0, as a
network says before it has learnt) would otherwise have its rounding noise blown up to unit size; with it
the normalised φ goes to zero there, and φ of the usual size (σ ≈ 1) changes by half a percent."""
STYLE_FLOOR = 1e-4  # the square root has no gradient at zero


class DynamicCoefficients(nn.Module):
    """`[φ_com, φ_str] = Φ(AdaIN(φ, MLP(ξ)))`, in standard deviations of their bases."""

    def __init__(
        self,
        expression: int,
        static: int,
        compressed: int,
        stretched: int,
        width: int = 256,
        form: Form = "printed",
    ) -> None:
        """Sizes of ξ, φ, φ_com and φ_str; `width` of the hidden layers; `form` as in `modulate`."""
        super().__init__()
        if form not in FORMS:
            raise ConfigError(f"form of Eq. 6 must be one of {', '.join(FORMS)}, got {form!r}")
        self.form: Form = form
        self.sizes = (compressed, stretched)
        self.style = _mlp(expression, width, static)
        self.decode = _mlp(static, width, compressed + stretched)
        last = self.decode[-1]
        # Untrained, φ_com and φ_str are then near 0: the mean maps, instead of a random face's wrinkles.
        nn.init.normal_(last.weight, std=1e-3)  # type: ignore[arg-type]
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(
        self, expression: Float[Tensor, "B E"], static: Float[Tensor, "B K"]
    ) -> tuple[Float[Tensor, "B C"], Float[Tensor, "B D"]]:
        """φ_com and φ_str of ξ (weights 0 to 1) and φ (standard deviations); differentiable in both."""
        mixed = modulate(static, self.style(expression), self.form)
        compressed, stretched = self.decode(mixed).split(self.sizes, dim=1)
        return compressed, stretched


def modulate(static: Float[Tensor, "B K"], style: Float[Tensor, "B M"], form: Form = "printed") -> Float[Tensor, "B K"]:
    """The inside of Eq. 6: φ normalised over its own entries, then given the style's deviation and mean.

    "printed": `σ(ξ̃) · ((φ − μ(φ)) / σ(φ) + μ(ξ̃))`, as the paper prints it; "standard": the mean outside
    the product, `σ(ξ̃) · (φ − μ(φ)) / σ(φ) + μ(ξ̃)`, as AdaIN defines it. μ and σ run over the entries of
    one vector.
    """
    normalised = (static - static.mean(1, keepdim=True)) / _deviation(static, STATIC_FLOOR)
    scale, shift = _deviation(style, STYLE_FLOOR), style.mean(1, keepdim=True)
    return scale * (normalised + shift) if form == "printed" else scale * normalised + shift


def _deviation(vectors: Float[Tensor, "B M"], floor: float) -> Float[Tensor, "B 1"]:
    return torch.sqrt(vectors.var(1, unbiased=False, keepdim=True) + floor**2)


def _mlp(inputs: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, outputs)
    )
