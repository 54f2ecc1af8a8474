"""Light of a scene: an environment as harmonics and as blurred maps, one main light, and its shadow map.

Frame: the stored picture's (+x right, +y up, +z towards the camera), which is also that of posed vertices.
Irradiance is divided by π, so that radiance = albedo · irradiance. The nine polynomials of
a unit normal: 1, y, z, x, xy, yz, 3z² − 1, xz, x² − y².
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float

_ORTHONORMAL = np.array([0.282095, 0.488603, 0.488603, 0.488603, 1.092548, 1.092548, 0.315392, 1.092548, 0.546274])
_COSINE = np.array([1, 2 / 3, 2 / 3, 2 / 3, 0.25, 0.25, 0.25, 0.25, 0.25])
"""What a cosine lobe, divided by π, leaves of each harmonic of the incoming light."""
SHADOW_SIDE = 144
SHADOW_SPAN_MM = 340.0
_HIGHEST = 12.0  # a brighter texel than this is the sun: the main light stands for it


class Lighting(NamedTuple):
    """What the compiled shading needs to know of the light; float32 arrays."""

    harmonics: Float[np.ndarray, "9 3"]
    soft: Float[np.ndarray, "16 32 3"]
    """Blurred environment, for gloss."""
    sharp: Float[np.ndarray, "16 32 3"]
    """Environment for the reflections in eyes and lenses."""
    key: Float[np.ndarray, "3"]
    """Colour of the main light."""
    direction: Float[np.ndarray, "3"]
    """Towards the main light."""
    shadow: Float[np.ndarray, "M M"]
    """Nearest surface to the light along `direction`, mm; −1e9 where nothing is."""
    shadow_from_camera: Float[np.ndarray, "3 4"]
    """Camera frame to shadow map: column, row, and mm towards the light."""
    softness: float
    """Radius of the shadow's edge, texels."""


def polynomials(normals: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 9"]:
    """The nine polynomials of unit normals, without constants."""
    x, y, z = np.moveaxis(np.asarray(normals), -1, 0)
    return np.stack([np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], -1)


def harmonics_of(environment: Float[np.ndarray, "H W 3"]) -> Float[np.ndarray, "9 3"]:
    """Irradiance / π of an equirectangular map, as factors of the nine polynomials. Column 0 looks along −z."""
    height, width, _ = environment.shape
    polar = (np.arange(height) + 0.5)[:, None] / height * np.pi
    around = ((np.arange(width) + 0.5)[None] / width - 0.5) * 2 * np.pi
    ways = np.stack([np.sin(polar) * np.sin(around), np.cos(polar) + 0 * around, np.sin(polar) * np.cos(around)], -1)
    solid = np.sin(polar) * (np.pi / height) * (2 * np.pi / width)
    basis = polynomials(ways) * _ORTHONORMAL
    moments = np.einsum("hwk,hw,hwc->kc", basis, solid + 0 * around, environment)
    return np.asarray(moments * (_COSINE * _ORTHONORMAL)[:, None], np.float32)


def harmonics_of_key(key: Float[np.ndarray, "3"], direction: Float[np.ndarray, "3"]) -> Float[np.ndarray, "9 3"]:
    """The nine factors nearest to `key · max(0, n · direction)`."""
    clamped = np.array([1 / 4, 1 / 2, 1 / 2, 1 / 2, *[5 / 16] * 5])  # of 1, cos, P₂(cos)
    addition = np.array([1, 1, 1, 1, 3, 3, 0.25, 3, 0.75])  # P₂(n · l) in products of the polynomials
    factors = clamped * addition * polynomials(direction)
    return np.asarray(factors[:, None] * key[None], np.float32)


def draw_light(
    rng: np.random.Generator, environments: list[Float[np.ndarray, "H W 3"]], middle: Float[np.ndarray, "3"]
) -> Lighting:
    """A turned environment and a main light, not yet casting shadows. `middle`: of the head, camera frame, mm."""
    width = environments[0].shape[1]
    turned = np.roll(environments[rng.integers(len(environments))], rng.integers(0, width), 1)
    if rng.random() < 0.5:
        turned = turned[:, ::-1]
    small = cv2.resize(np.ascontiguousarray(turned), (32, 16), interpolation=cv2.INTER_AREA)
    grey = small.mean(2, keepdims=True)
    small = np.minimum(grey + (small - grey) * rng.uniform(0.1, 0.65), _HIGHEST)
    wrapped = cv2.GaussianBlur(np.concatenate([small] * 3, 1), (0, 0), 1.6)
    soft = wrapped[:, 32:64]
    factors = harmonics_of(small)
    factors /= max(float(factors[0].mean()), 0.05)
    ambient = rng.uniform(0.25, 1.0)
    key, direction = _draw_key(rng, ambient)
    return Lighting(
        harmonics=np.asarray(factors * ambient * 0.8, np.float32),
        soft=np.ascontiguousarray(soft * ambient * 0.7, np.float32),
        sharp=np.ascontiguousarray(small * ambient * 0.7, np.float32),
        key=key,
        direction=direction,
        shadow=np.full((SHADOW_SIDE, SHADOW_SIDE), -1e9, np.float32),
        shadow_from_camera=shadow_matrix(direction, middle),
        softness=float(np.float32(rng.uniform(0.7, 3.0))),
    )


def _draw_key(rng: np.random.Generator, ambient: float) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Colour and direction of the main light: mostly from above and in front, the brighter the darker its room."""
    azimuth, elevation = rng.normal(0, 1.0), rng.uniform(-0.15, 1.25)
    flat = np.cos(elevation)
    direction = np.array([np.sin(azimuth) * flat, np.sin(elevation), np.cos(azimuth) * flat], np.float32)
    strength = (1.1 - ambient) * rng.uniform(0.5, 1.5) if rng.random() < 0.8 else 0.0
    warmth = rng.normal(0, 0.12)
    return np.array([1 + warmth, 1, 1 - warmth], np.float32) * np.float32(max(strength, 0)), direction


def shadow_matrix(direction: Float[np.ndarray, "3"], middle: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 4"]:
    """Camera frame to shadow map, orthographic along the light, the head in the middle."""
    across = np.cross([0, 1, 0.01], direction)
    across /= np.linalg.norm(across)
    along = np.cross(direction, across)
    scale = SHADOW_SIDE / SHADOW_SPAN_MM
    rows = np.stack([across * scale, along * scale, direction])
    offset = np.array([SHADOW_SIDE / 2, SHADOW_SIDE / 2, 0]) - np.array([*(rows[:2] @ middle), 0])
    return np.column_stack([rows, offset]).astype(np.float32)


def total_harmonics(light: Lighting, exposure: float) -> Float[np.ndarray, "9 3"]:
    """γ of Eq. 3 as render.lighting defines it: environment and main light together, after exposure.

    Shading without shadows and occlusion is albedo · Σ γ_k Ψ_k(n), in the linear values of the final picture before
    its tone curve.
    """
    factors = light.harmonics + harmonics_of_key(light.key, light.direction)
    return np.asarray(factors * exposure / (_ORTHONORMAL * _COSINE)[:, None], np.float32)
