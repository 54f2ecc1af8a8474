"""The face model's file: its fields and what they mean (docs/face_model_format.md)."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from hiface.assets.format import Schema, dequantise, quantise

Arrays = dict[str, np.ndarray[Any, np.dtype[Any]]]

ARKIT = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight",
    "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight",
    "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft", "eyeSquintRight",
    "eyeWideLeft", "eyeWideRight",
    "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight",
    "tongueOut",
)  # fmt: skip
"""The 52 units under their ARKit names, in ARKit's alphabetical order; the first 52 of every face model."""

LANDMARK_SETS = ("mediapipe478", "mediapipe68", "ibug68", "dense669")

SCHEMA = Schema(
    kind="face_model",
    version=1,
    required={
        "mean": 2, "polygons": 2, "uv": 2, "uv_polygons": 2,
        "identity": 3, "identity_scale": 1, "expression": 3, "expression_scale": 1,
        "joint_index": 2, "joint_weight": 2, "skin_weights": 2, "region_masks": 2,
        "landmark_mediapipe478_index": 2, "landmark_mediapipe478_weight": 2,
        "landmark_mediapipe68_index": 2, "landmark_mediapipe68_weight": 2,
    },
    optional={
        "ict_index": 1, "source_index": 1, "symmetry": 1, "expression_range": 2,
        "landmark_ibug68_index": 2, "landmark_ibug68_weight": 2,
        "landmark_dense669_index": 2, "landmark_dense669_weight": 2,
        "identity_coarse": 3, "identity_coarse_scale": 1,
        "identity_inner": 3, "identity_inner_scale": 1, "identity_inner_weight": 2,
        "expression_moved": 2,
        "people_years": 1, "people_mean": 3, "people_deviation": 3,
    },
    how_to_get="use the shipped face_model.safetensors, or make one with `hiface convert-model`",
)  # fmt: skip

META = ("expression_names", "joint_parents", "region_names", "parts", "skin")
"""What the metadata of a face model must say."""

OUR_LAYOUT = "hiface"
"""The shipped UV layout, `uv_layout` of a file that does not name another: its maps fit."""

STILL_MM = 0.015
"""Displacements of expressions below this are not stored."""


def identity_fields(modes: Float[np.ndarray, "I V 3"], skin: int, fine: int, inner_rank: int) -> Arrays:
    """Identity modes in little space: the first `fine` in 16 bits, the others, which are small, in 8.

    What lies behind the skin (the vertices after the first `skin`) moves in few ways: it is stored as `inner_rank`
    fields, and how much of each a mode has.
    """
    inside = modes[:, skin:].reshape(len(modes), -1).astype(np.float64)
    weight, deviation, fields = np.linalg.svd(inside, full_matrices=False)
    weight, fields = weight[:, :inner_rank] * deviation[:inner_rank], fields[:inner_rank]
    out: Arrays = {"identity_inner_weight": weight.astype(np.float32)}
    inner = fields.reshape(inner_rank, -1, 3).astype(np.float32)
    parts = {
        "identity": (modes[:fine, :skin], 16),
        "identity_coarse": (modes[fine:, :skin], 8),
        "identity_inner": (inner, 16),
    }
    for name, (values, bits) in parts.items():
        out[name], out[f"{name}_scale"] = quantise(values, bits)
    return out


def identity_modes(tensors: Arrays) -> Float[np.ndarray, "I V 3"]:
    """All identity modes of a file, mm, from either layout."""
    modes = dequantise(tensors["identity"], tensors["identity_scale"])
    if "identity_coarse" in tensors:
        modes = np.concatenate([modes, dequantise(tensors["identity_coarse"], tensors["identity_coarse_scale"])])
    if "identity_inner" in tensors:
        fields = dequantise(tensors["identity_inner"], tensors["identity_inner_scale"])
        inner = np.tensordot(tensors["identity_inner_weight"], fields, 1)
        modes = np.concatenate([modes, inner.astype(np.float32)], axis=1)
    return np.asarray(modes)


def expression_fields(units: Float[np.ndarray, "E V 3"]) -> Arrays:
    """Expression units as the vertices that they move: one bit a vertex, then 16-bit displacements in order."""
    moved = np.linalg.norm(units, axis=2) > STILL_MM
    integers, scale = quantise(units.astype(np.float32))
    return {
        "expression": integers[moved][None], "expression_scale": scale,
        "expression_moved": np.packbits(moved, axis=1),
    }  # fmt: skip


def expression_modes(tensors: Arrays) -> Float[np.ndarray, "E V 3"]:
    """All expression units of a file, mm, from either layout."""
    if "expression_moved" not in tensors:
        return dequantise(tensors["expression"], tensors["expression_scale"])
    scale, count = tensors["expression_scale"], len(tensors["mean"])
    moved = np.unpackbits(tensors["expression_moved"], axis=1, count=count).astype(bool)
    units = np.zeros((*moved.shape, 3), np.float32)
    units[moved] = tensors["expression"][0].astype(np.float32) * np.repeat(scale, moved.sum(1))[:, None]
    return units
