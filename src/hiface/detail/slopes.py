"""Slopes of displacement maps, for shading."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def slopes(maps: Float[Tensor, "B R R"]) -> Float[Tensor, "B R R 2"]:
    """∂D/∂u and ∂D/∂v of maps, mm per unit of u and v, by central differences (one-sided at the border).

    Linear in `maps`, so slopes of a basis are a basis of slopes. Row 0 is v = 1: v grows against the rows.
    """
    side = maps.shape[-1]
    inner = 0.5 * side
    across = torch.cat(
        [
            (maps[..., 1:2] - maps[..., :1]) * side,
            (maps[..., 2:] - maps[..., :-2]) * inner,
            (maps[..., -1:] - maps[..., -2:-1]) * side,
        ],
        dim=-1,
    )
    down = torch.cat(
        [
            (maps[..., 1:2, :] - maps[..., :1, :]) * side,
            (maps[..., 2:, :] - maps[..., :-2, :]) * inner,
            (maps[..., -1:, :] - maps[..., -2:-1, :]) * side,
        ],
        dim=-2,
    )
    return torch.stack([across, -down], dim=-1)
