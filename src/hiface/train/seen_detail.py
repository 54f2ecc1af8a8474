"""Static coefficients as a network would see them: what Eq. 6 has to make do with.

A network trained on maps answers with the posterior mean: modes that move many texels far are seen, the others shrink
towards the mean, and what is left unseen is unchecked noise. The Wiener form of that, with one number τ for how badly
is seen: mode k, of energy e_k (mm², mean over texels), keeps the share s_k = e_k / (e_k + τ) of its variance,

    φ̂_k = s_k φ_k + √(s_k (1 − s_k)) ε_k,   so that E[φ_k | φ̂_k] = φ̂_k for a φ_k of unit variance.

A factor below 1 on all of φ̂ (a network still more timid) and a rest of noise of some tenth of a micrometre in every
mode, which its loss hardly feels and no truth stands behind, come on top.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

EXACT = 0.15
"""Share of the people whose φ is given as it is."""
UNSEEN_MM2 = (1e-6, 3e-2)
"""τ, mm², even in its logarithm. At 0.02 the strongest mode keeps a third of its variance and all others nothing, which
is what the network of 15,000 faces did; at 1e-6 two hundred modes are seen."""
JUNK_MM = (1e-5, 4e-4)
"""Noise of each mode, millimetres over texels, even in its logarithm."""
MOST_JUNK = 0.25
"""Standard deviations: weight decay keeps even modes that move nothing below this."""
SHRUNK = (0.3, 1.0)
"""Factor on all of φ̂."""


def wiener(
    static: Float[Tensor, "B K"],
    energy: Float[Tensor, "K"],
    unseen_mm2: Float[Tensor, "B 1"] | float,
    generator: torch.Generator,
) -> Float[Tensor, "B K"]:
    """φ̂ of the head of this file for one τ, or one a person; τ = 0 gives φ back."""
    share = energy / (energy + unseen_mm2)
    noise = torch.randn(static.shape, generator=generator)
    return share * static + (share * (1 - share)).sqrt() * noise


def as_seen(
    static: Float[Tensor, "B K"], energy: Float[Tensor, "K"], generator: torch.Generator
) -> Float[Tensor, "B K"]:
    """φ as networks of all kinds might see it: a τ, a rest of noise and a factor for each person, some exact."""
    count = len(static)
    seen = wiener(static, energy, _logarithmic(UNSEEN_MM2, count, generator), generator)
    spread = (_logarithmic(JUNK_MM, count, generator) / energy.sqrt()).clamp(max=MOST_JUNK)
    seen = seen + spread * torch.randn(static.shape, generator=generator)
    low, high = SHRUNK
    seen = seen * (low + (high - low) * torch.rand((count, 1), generator=generator))
    exact = torch.rand((count, 1), generator=generator) < EXACT
    return torch.where(exact, static, seen)


def _logarithmic(between: tuple[float, float], count: int, generator: torch.Generator) -> Float[Tensor, "B 1"]:
    low, high = torch.tensor(between).log()
    return (low + (high - low) * torch.rand((count, 1), generator=generator)).exp()
