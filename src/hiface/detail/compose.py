"""Static and dynamic detail put together under a tension map (Eqs. 7, 9)."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from hiface.errors import ConfigError
from hiface.types import Detail

Parts = Literal["both", "static", "dynamic"]
PARTS: tuple[Parts, ...] = ("both", "static", "dynamic")


def compose(
    static: Float[Tensor, "B R R"],
    compressed: Float[Tensor, "B R R"],
    stretched: Float[Tensor, "B R R"],
    tension: Float[Tensor, "B R R"],
    parts: Parts = "both",
) -> Detail:
    """All maps of a face: `D = D_sta + D_dyn` with `D_dyn = M⁺ ⊙ D_com + M⁻ ⊙ D_str` (Eqs. 7, 9), mm.

    M⁺ = max(M, 0) and M⁻ = max(−M, 0): the paper calls M⁻ "the negative value of M", but a negative weight
    would turn the stretched map inside out. `parts` as in `shown`.
    """
    dynamic = tension.clamp_min(0) * compressed + (-tension).clamp_min(0) * stretched
    return shown(Detail(static, compressed, stretched, tension, dynamic, dynamic), parts)


def shown(detail: Detail, parts: Parts) -> Detail:
    """`detail` with `parts` of it in D, whatever was in it before.

    "static" and "dynamic" leave the other summand of Eq. 7 out: rows "w/o dynamic" and "w/o static" of the ablation.
    """
    if parts not in PARTS:
        raise ConfigError(f"parts of the detail must be one of {', '.join(PARTS)}, got {parts!r}")
    summands = {"static": detail.static, "dynamic": detail.dynamic}
    return replace(detail, displacement=summands[parts] if parts in summands else detail.static + detail.dynamic)
