"""The shipped face as a photo would show it, for the tests of textures and pictures."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from hiface.face.model import FaceModel

SIDE = 160
SCALE = 1 / 230
"""Crop sides per millimetre."""


@lru_cache(maxsize=1)
def shipped() -> FaceModel:
    return FaceModel.load()


@lru_cache(maxsize=4)
def posed(yaw: float = 0.0) -> np.ndarray:
    """The mean face turned by `yaw` radians, mm; read only."""
    rotation = torch.zeros(1, 4, 3)
    rotation[0, :2, 1] = torch.tensor([0.3, 0.7]) * yaw
    face = shipped()
    zeros = torch.zeros(1, face.identity_size), torch.zeros(1, face.expression_size)
    points = face(*zeros, rotation, torch.zeros(1, 3)).posed[0].numpy()
    points.flags.writeable = False
    return points


def on_photo(points: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Where vertices lie in a photo of `side` pixels, x right and y down."""
    return np.stack([side * (0.5 + SCALE * points[:, 0]), side * (0.5 - SCALE * points[:, 1])], 1)
