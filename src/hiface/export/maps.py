"""Maps as files: 16-bit displacement with its range, 8-bit colour, and tangent-space normals from displacement."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from hiface.assets.format import write_atomically
from hiface.errors import OutputError, PhotoError

_TOP = 65535


@dataclass(frozen=True)
class MapRange:
    """What 0 and 65535 of a 16-bit map stand for."""

    min_mm: float
    max_mm: float


def write_map16(path: str | Path, values: Float[np.ndarray, "R R"]) -> MapRange:
    """Write a map as 16-bit grey PNG over its own range; returns the range. Error at most half of range / 65535."""
    low, high = float(values.min()), float(values.max())
    span = high - low if high > low else 1.0
    _write(path, np.round((values - low) / span * _TOP).astype(np.uint16))
    return MapRange(low, low + span)


def read_map16(path: str | Path, limits: MapRange) -> Float[np.ndarray, "R R"]:
    """The map of a file that `write_map16` wrote, mm."""
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != np.uint16 or stored.ndim != 2:
        raise PhotoError(f"{path}: expected a 16-bit grey PNG of a map")
    return (limits.min_mm + stored.astype(np.float64) / _TOP * (limits.max_mm - limits.min_mm)).astype(np.float32)


def write_png8(path: str | Path, picture: UInt8[np.ndarray, "H W 3"]) -> Path:
    """Write an RGB picture as PNG."""
    return _write(path, np.ascontiguousarray(picture[..., ::-1]))


def _write(path: str | Path, picture: np.ndarray) -> Path:
    done, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not done:
        raise OutputError(f"{path}: OpenCV cannot encode a picture of shape {picture.shape} as PNG")
    return write_atomically(path, lambda temporary: temporary.write_bytes(data.tobytes()))


def normal_map(
    displacement: Float[np.ndarray, "R R"], frame: Float[np.ndarray, "R R 3 2"]
) -> UInt8[np.ndarray, "R R 3"]:
    """Tangent-space normals of a displaced surface, 8-bit: red along +u, green along +v, blue outwards, 128 = 0.

    displacement: mm, row 0 is v = 1. frame: J = ∂P/∂(u, v) in mm per unit of UV (`geometry.uv.tangents`).

    The surface gradient is g = J (JᵀJ)⁻¹ (∂D/∂u, ∂D/∂v), and the displaced normal n − g. A viewer rebuilds
    t along ∂P/∂u and b = n × t; where u and v are not at right angles on the surface that b is not ∂P/∂v,
    so g is resolved along t and b, not along the axes of UV. Curvature's share in the gradient is left out:
    displacements are a millimetre where radii are tens.
    """
    side = len(displacement)
    along_u = cv2.Scharr(displacement.astype(np.float32), cv2.CV_32F, 1, 0) / 32 * side
    along_v = -cv2.Scharr(displacement.astype(np.float32), cv2.CV_32F, 0, 1) / 32 * side
    pu, pv = frame[..., 0], frame[..., 1]
    e, f, g = (pu * pu).sum(-1), (pu * pv).sum(-1), (pv * pv).sum(-1)
    length_u = np.sqrt(np.maximum(e, 1e-9))
    area = np.sqrt(np.maximum(e * g - f * f, 1e-9))
    # In the frame (t, b): ∂P/∂u = (|Pu|, 0) and ∂P/∂v = (Pu·Pv, |Pu × Pv|) / |Pu|; solve ∇D · ∂P = ∂D for ∇D.
    slope_t = along_u / length_u
    slope_b = (along_v - slope_t * f / length_u) * length_u / area
    normal = np.stack([-slope_t, -slope_b, np.ones_like(slope_t)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    return np.round(normal * 127 + 128).clip(0, 255).astype(np.uint8)
