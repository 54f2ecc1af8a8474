"""Displacement maps as files: 16-bit PNG with its range in a JSON beside it; others' EXR and TIFF too."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from hiface.assets.format import json_text, write_atomically
from hiface.errors import AssetError

_TOP = 65535


def write_displacement(path: str | Path, displacement: Float[np.ndarray, "R R"]) -> None:
    """Write a map (mm) as `PATH` (16-bit PNG) and `{min_mm, max_mm}` as the same name ending in `.json`.

    The range is the map's own, so a step is (max − min) / 65535: under 0.2 µm for wrinkles.
    """
    path = Path(path)
    low, high = float(displacement.min()), float(displacement.max())
    high = max(high, low + 1e-6)
    grey = np.round((displacement - low) / (high - low) * _TOP).astype(np.uint16)
    _, png = cv2.imencode(".png", grey)
    write_atomically(path.with_suffix(".json"), lambda p: p.write_text(json_text({"min_mm": low, "max_mm": high})))
    write_atomically(path, lambda p: p.write_bytes(png.tobytes()))


def read_displacement(path: str | Path) -> Float[np.ndarray, "R R"]:
    """A map in mm, float32; raises `AssetError` for what cannot be read.

    16-bit PNG and TIFF need their range beside them as `write_displacement` leaves it; EXR (extra `exr`) and
    TIFF of floats hold millimetres themselves.
    """
    path = Path(path)
    if not path.is_file():
        raise AssetError(f"{path}: no such displacement map")
    image = _read_exr(path) if path.suffix.lower() == ".exr" else cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise AssetError(f"{path}: not an image that can be read; expected a 16-bit PNG with a range, EXR or TIFF")
    grey = image if image.ndim == 2 else image[..., 0]
    if grey.shape[0] != grey.shape[1]:
        raise AssetError(f"{path}: expected a square map of the face tile, got {grey.shape}")
    if grey.dtype == np.uint16:
        low, high = _range(path.with_suffix(".json"))
        grey = low + grey.astype(np.float64) * ((high - low) / _TOP)
    elif grey.dtype != np.float32:
        raise AssetError(f"{path}: expected 16 bits or floats per texel, got {grey.dtype}; 8 bits are too coarse")
    result: NDArray[np.float32] = grey.astype(np.float32)
    return result


def _read_exr(path: Path) -> NDArray[np.float32]:
    """The first channel of an EXR file."""
    try:
        import OpenEXR
    except ImportError as error:
        raise AssetError(f"{path}: reading EXR needs the extra: pip install 'hiface[exr]'") from error
    try:
        with OpenEXR.File(str(path), separate_channels=True) as file:
            channels = file.channels()
            name = next((n for n in ("Y", "R", "displacement") if n in channels), next(iter(channels)))
            return np.array(channels[name].pixels, np.float32)
    except (RuntimeError, OSError, ValueError, StopIteration) as error:
        raise AssetError(f"{path}: not an EXR image that can be read ({error})") from error


def _range(path: Path) -> tuple[float, float]:
    try:
        values = json.loads(path.read_text())
        return float(values["min_mm"]), float(values["max_mm"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AssetError(
            f'{path}: expected {{"min_mm": ..., "max_mm": ...}} beside the 16-bit PNG ({error})'
        ) from error
