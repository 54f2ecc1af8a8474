"""Animation: a source face given a driver's expression, static detail, or both (Fig. 7 of the paper)."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch

from hiface.errors import ConfigError
from hiface.model import Reconstruction
from hiface.types import Coefficients

Transfer = Literal["static", "dynamic", "both", "none"]
TRANSFERS: tuple[Transfer, ...] = ("static", "dynamic", "both", "none")
EYES = slice(2, 4)  # rows of the eyes in `Coefficients.rotation`


def animate(source: Reconstruction, driver: Reconstruction, detail: Transfer = "dynamic") -> Reconstruction:
    """The source with what `detail` names of the driver; pose, identity and colours stay the source's.

    "dynamic": the driver's expression ξ moves the mesh, and wrinkles follow it through tension. "static": the
    driver's static detail φ, in the source's own expression. "both": both. "none": the driver's expression on
    the coarse mesh alone, as animation without SD-DeTail shows it.
    """
    if detail not in TRANSFERS:
        raise ConfigError(f"detail: expected one of {', '.join(TRANSFERS)}, got {detail!r}")
    coefficients = transferred(source.coefficients, driver.coefficients, detail)
    metric = source.millimetre_factor, source.metric_assumption
    result = source.model.assemble(source.photo, source.box, coefficients, metric)
    if detail == "none":
        flat = replace(result.detail, displacement=0 * result.detail.displacement)
        return replace(result, detail=flat)
    return result


def transferred(source: Coefficients, driver: Coefficients, detail: Transfer) -> Coefficients:
    """The source's coefficients with the driver's ξ (and the gaze that is part of it), φ, or both."""
    changes: dict[str, torch.Tensor] = {}
    if detail in ("dynamic", "both", "none"):
        rotation = source.rotation.clone()
        rotation[:, EYES] = driver.rotation[:, EYES]
        changes |= {"expression": driver.expression, "rotation": rotation}
    if detail in ("static", "both"):
        changes["static"] = driver.static
    return replace(source, **changes)
