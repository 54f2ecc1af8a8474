"""What an engine's shader does with a GLB's wrinkle maps, in NumPy: the reference of the recipes in docs/engines.md."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from hiface.export.wrinkles import WrinkleMaps


def wrinkled_normals(maps: WrinkleMaps, weights: Mapping[str, float]) -> Float[np.ndarray, "R R 3"]:
    """Unit tangent-space normals under morph weights by name.

    Slopes s = (n_x, n_y) / n_z add up as displacements do, normals do not:
    s = s_rest + M⁺ (s_compressed − s_rest) + M⁻ (s_stretched − s_rest), n = normalise(s_x, s_y, 1).
    """
    tension = tension_map(maps, weights)[..., None]
    rest, compressed, stretched = (_slopes(p) for p in (maps.rest, maps.compressed, maps.stretched))
    slope = rest + np.maximum(tension, 0) * (compressed - rest) + np.maximum(-tension, 0) * (stretched - rest)
    normal = np.concatenate([slope, np.ones_like(slope[..., :1])], -1)
    return np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True))


def tension_map(maps: WrinkleMaps, weights: Mapping[str, float]) -> Float[np.ndarray, "R R"]:
    """M = Σ_r mask_r · clamp(Σ_k w_k a_rk), at the side of the normal maps."""
    row = np.array([weights.get(name, 0.0) for name in maps.units])
    regions = maps.rule.tension(row)
    masks = np.concatenate(maps.masks, -1)[..., : len(regions)].astype(np.float32) / 255
    small = masks @ regions.astype(np.float32)
    return np.asarray(cv2.resize(small, maps.rest.shape[:2], interpolation=cv2.INTER_LINEAR))


def _slopes(picture: UInt8[np.ndarray, "R R 3"]) -> Float[np.ndarray, "R R 2"]:
    normal = 2 * picture.astype(np.float64) / 255 - 1
    return np.asarray(normal[..., :2] / normal[..., 2:])
