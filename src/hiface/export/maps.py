"""Maps as files: 16-bit displacement with its range, 8-bit colour, and tangent-space normals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from hiface.assets.format import write_atomically
from hiface.errors import AssetError, OutputError

Array = np.ndarray[Any, np.dtype[Any]]

_TOP = 65535


@dataclass(frozen=True)
class MapRange:
    """What 0 and 65535 of a 16-bit map stand for."""

    min_mm: float
    max_mm: float


def write_map16(path: str | Path, values: Float[np.ndarray, "R R"]) -> MapRange:
    """Write a map as 16-bit grey PNG over its own range and return the range.

    The error is at most half a step of (max - min) / 65535: 0.02 µm for wrinkles of 2 mm.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or not np.isfinite(values).all():
        raise OutputError(f"{path}: expected a map (R, R) of finite values, got shape {values.shape}")
    low, high = float(values.min()), float(values.max())
    step = (high - low) / _TOP or 1.0  # of a constant map all texels are 0
    _write_png(path, np.round((values - low) / step).astype(np.uint16))
    return MapRange(low, high)


def read_map16(path: str | Path, limits: MapRange) -> Float[np.ndarray, "R R"]:
    """The map that `write_map16` wrote, float32, in the unit of its range."""
    path = Path(path)
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if stored is None or stored.dtype != np.uint16 or stored.ndim != 2:
        raise AssetError(f"{path}: expected a 16-bit grey PNG of a map; write it again")
    step = (limits.max_mm - limits.min_mm) / _TOP
    return (limits.min_mm + stored.astype(np.float64) * step).astype(np.float32)


def write_png8(path: str | Path, picture: UInt8[np.ndarray, "H W 3"] | UInt8[np.ndarray, "H W"]) -> Path:
    """Write an RGB (sRGB colours, or encoded normals) or grey picture as PNG; returns the path."""
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] != 3):
        raise OutputError(f"{path}: expected (H, W, 3) uint8, got {picture.shape} {picture.dtype}")
    return _write_png(path, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) if picture.ndim == 3 else picture)


def _write_png(path: str | Path, picture: Array) -> Path:
    done, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not done:
        raise OutputError(f"{path}: a picture of shape {picture.shape} cannot be encoded as PNG")
    return write_atomically(path, lambda temporary: temporary.write_bytes(data.tobytes()))


@dataclass(frozen=True)
class SurfaceSteps:
    """What a step in UV is on the surface, at every texel; float32. Zero where a triangle has no area."""

    per_u: Float[np.ndarray, "R R"]
    """1 / |∂P/∂u|, units of u per mm."""
    per_b: Float[np.ndarray, "R R"]
    """1 / (∂P/∂v · b)."""
    skew: Float[np.ndarray, "R R"]
    """∂P/∂v · t, mm per unit of v."""

    @classmethod
    def of(cls, frame: Float[np.ndarray, "*N 3 2"], triangle_id: Int[np.ndarray, "R R"] | None = None) -> SurfaceSteps:
        """frame: J = ∂P/∂(u, v), mm per unit of UV with ∂P/∂u × ∂P/∂v outwards: of texels, or of triangles
        (`geometry.uv.triangle_tangents`) with the triangle under each texel."""
        pu, pv = np.asarray(frame[..., 0], np.float64), np.asarray(frame[..., 1], np.float64)
        tiny = 1e-9  # mm per unit: triangles without area, which are then flat
        length_u = np.sqrt((pu * pu).sum(-1))
        skew = (pu * pv).sum(-1) / np.maximum(length_u, tiny)
        along_b = np.linalg.norm(np.cross(pu, pv), axis=-1) / np.maximum(length_u, tiny)
        usable = (length_u > tiny) & (along_b > tiny)
        steps = (1 / np.where(usable, length_u, np.inf), 1 / np.where(usable, along_b, np.inf), skew)
        single = [np.asarray(s, np.float32) for s in steps]
        return cls(*(single if triangle_id is None else (s[triangle_id] for s in single)))


def normal_map(displacement: Float[np.ndarray, "R R"], steps: SurfaceSteps) -> UInt8[np.ndarray, "R R 3"]:
    """Tangent-space normals of a displaced surface as glTF has them: red +u, green +v (OpenGL), blue outwards.

    displacement: mm, row 0 is v = 1. steps: of the surface without it. Eight bits a channel as glTF decodes them,
    n = 2 c / 255 - 1; flat is 128, 128, 255.

    The displaced normal is n - ∇D with the surface gradient ∇D = J (JᵀJ)⁻¹ (∂D/∂u, ∂D/∂v), which takes the
    anisotropy of the UV into account. A viewer rebuilds t along ∂P/∂u and b = n × t. Where u and v are not at
    right angles on the surface b is not along ∂P/∂v, so ∇D is resolved along t and b:

        ∇D · t = (∂D/∂u) / |∂P/∂u|,   ∇D · b = (∂D/∂v - (∂P/∂v · t) (∇D · t)) / (∂P/∂v · b)

    Approximations. n and t are those of each flat triangle, a viewer's are interpolated between vertices
    (MikkTSpace): the angle between them stays in the picture. The change of ∇D by curvature is left out:
    displacement over radius of curvature, some per cent at the nose and less elsewhere. A viewer that derives
    its frame from screen space takes t and b along ∇u and ∇v instead; files should bring their tangents.
    """
    side = len(displacement)
    down, along_u = np.gradient(np.asarray(displacement, np.float32), np.float32(1 / side))
    slope_t = along_u * steps.per_u
    slope_b = (-down - steps.skew * slope_t) * steps.per_b
    towards = 127.5 / np.sqrt(1 + slope_t * slope_t + slope_b * slope_b)
    channels = (-slope_t * towards, -slope_b * towards, towards)
    return np.stack([np.rint(c + np.float32(127.5)).astype(np.uint8) for c in channels], axis=-1)
