"""The scaled orthographic camera, and the way between millimetres, crop pixels and photo pixels."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def project(points: Float[Tensor, "B N 3"], scale: Float[Tensor, "B"], side: float) -> Float[Tensor, "B N 3"]:
    """Screen points of posed points in mm: x right and y down in crop pixels, z = depth in mm, larger is farther.

    `scale` is in crop sides per millimetre, `side` the crop's side in pixels: x = side · (½ + scale · X),
    y = side · (½ − scale · Y), z = −Z. The posed frame has its origin on the optical axis.
    """
    factor = (scale * side)[:, None]
    x = side / 2 + factor * points[..., 0]
    y = side / 2 - factor * points[..., 1]
    return torch.stack([x, y, -points[..., 2]], -1)


def unproject(screen: Float[Tensor, "B N 3"], scale: Float[Tensor, "B"], side: float) -> Float[Tensor, "B N 3"]:
    """The inverse of `project`."""
    factor = (scale * side)[:, None]
    x = (screen[..., 0] - side / 2) / factor
    y = (side / 2 - screen[..., 1]) / factor
    return torch.stack([x, y, -screen[..., 2]], -1)


def apply_affine(matrix: Float[Tensor, "*B 3 3"], points: Float[Tensor, "*B N 2"]) -> Float[Tensor, "*B N 2"]:
    """Image points through a 3×3 matrix such as `photo_from_crop`."""
    return points @ matrix[..., :2, :2].transpose(-1, -2) + matrix[..., None, :2, 2]
