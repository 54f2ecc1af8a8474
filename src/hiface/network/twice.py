"""A crop and its mirror image, answered together: the mean is steadier than either, and the same for both."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from hiface.face.mirror import FaceMirror
from hiface.network.head import RawCoefficients
from hiface.network.points import SeenPoints
from hiface.render.lighting import ODD_IN_X


def mean_of_both(raw: RawCoefficients, mirror: FaceMirror) -> RawCoefficients:
    """Of answers to B crops and then to the same B mirrored: their mean, in the frame of the former.

    Skin colour, static detail and expected errors are the former's: their modes have no mirror images.
    """
    own, other = (_part(raw, half) for half in (0, 1))
    flip = own.turn.new_tensor([1.0, -1.0, -1.0])
    light = other.light.clone()
    light[:, list(ODD_IN_X)] *= -1
    turned_back = {
        "identity": other.identity * mirror.identity,
        "expression": (other.expression @ mirror.expression).clamp(0, 1),
        "turn": other.turn * flip,
        "log_scale": other.log_scale,
        "shift": other.shift * other.shift.new_tensor([-1.0, 1.0]),
        "light": light,
    }
    return replace(own, **{name: (getattr(own, name) + value) / 2 for name, value in turned_back.items()})


def points_of_both(seen: SeenPoints, mirror: FaceMirror) -> SeenPoints:
    """The points likewise."""
    (xy, other), (sigma, other_sigma) = seen.xy.chunk(2), seen.log_sigma.chunk(2)
    order = mirror.points478
    back = torch.stack([1 - other[..., 0], other[..., 1]], -1)[:, order]
    return SeenPoints((xy + back) / 2, (sigma + other_sigma[:, order]) / 2)


def _part(raw: RawCoefficients, half: int) -> RawCoefficients:
    values: dict[str, Tensor] = vars(raw)
    return RawCoefficients(**{name: value.chunk(2)[half] for name, value in values.items()})
