"""The face model's file: its fields and what they mean (docs/face_model_format.md)."""

from __future__ import annotations

from hiface.assets.format import Schema

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
        "ict_index": 1, "symmetry": 1,
        "landmark_ibug68_index": 2, "landmark_ibug68_weight": 2,
        "landmark_dense669_index": 2, "landmark_dense669_weight": 2,
    },
    how_to_get="use the shipped face_model.safetensors or build one with tools/build_face_model.py",
)  # fmt: skip
