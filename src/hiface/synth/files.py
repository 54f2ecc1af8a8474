"""Pictures of the generator's source data."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from hiface.errors import AssetError


def read_picture(path: Path, flags: int = cv2.IMREAD_COLOR) -> UInt8[np.ndarray, "H W C"]:
    """RGB or RGBA."""
    picture = cv2.imread(str(path), flags)
    if picture is None:
        raise AssetError(f"{path}: no such picture; --data must name the generator's source data")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA if picture.shape[2] == 4 else cv2.COLOR_BGR2RGB))
