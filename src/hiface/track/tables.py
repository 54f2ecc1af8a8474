"""Weights and pose of a clip as tables: CSV in the columns of the Live Link Face app, and JSON that says its units."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float

from hiface.assets.format import json_text, write_atomically
from hiface.face.asset import ARKIT
from hiface.geometry.rotation import matrix_from_axis_angle
from hiface.types import Coefficients

# Sides and members of the units in the order in which the app's recordings have them.
_EYE = ("eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeSquint", "eyeWide")
_PAIRS = ("mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch")
_LOWER = ("mouthPress", "mouthLowerDown", "mouthUpperUp", "browDown")


def _sides(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}{side}" for name in names for side in ("Left", "Right"))


LIVE_LINK = (
    *(f"{name}Left" for name in _EYE), *(f"{name}Right" for name in _EYE),
    "jawForward", "jawRight", "jawLeft", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthRight",
    "mouthLeft", *_sides(_PAIRS), "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    *_sides(_LOWER), "browInnerUp", *_sides(("browOuterUp",)), "cheekPuff", *_sides(("cheekSquint", "noseSneer")),
    "tongueOut",
)  # fmt: skip
"""The 52 units in the app's order."""
TURNS = tuple(f"{what}{angle}" for what in ("Head", "LeftEye", "RightEye") for angle in ("Yaw", "Pitch", "Roll"))


def header() -> list[str]:
    """The 63 columns."""
    return ["Timecode", "BlendshapeCount", *(name[0].upper() + name[1:] for name in LIVE_LINK), *TURNS]


def timecode(frame: int, rate: float) -> str:
    """HH:MM:SS:FF.fff, without dropped frames: at 29.97 frames a second, seconds of 30 frames."""
    whole = max(1, round(rate))
    seconds, within = divmod(frame, whole)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{within:02d}.000"


def angles(c: Coefficients) -> Float[np.ndarray, "F 3 3"]:
    """Yaw, pitch and roll, radians, of head, left and right eye: R = Rz(roll) Rx(pitch) Ry(yaw).

    Positive yaw turns the face to the subject's left, positive pitch down, positive roll leans the head to the
    subject's right. Eyes: relative to the head.
    """
    head = matrix_from_axis_angle(c.rotation[:, 0] + c.rotation[:, 1])
    eyes = matrix_from_axis_angle(c.rotation[:, 2:])
    m = torch.cat([head[:, None], eyes], 1).double()
    pitch = torch.asin(m[..., 2, 1].clamp(-1, 1))
    yaw = torch.atan2(-m[..., 2, 0], m[..., 2, 2])
    roll = torch.atan2(-m[..., 0, 1], m[..., 1, 1])
    return np.asarray(torch.stack([yaw, pitch, roll], -1).numpy())


def write_csv(path: Path, c: Coefficients, rate: float) -> None:
    """One row a frame."""
    order = [ARKIT.index(name) for name in LIVE_LINK]
    weights = c.expression[:, order].numpy()
    turns = angles(c).reshape(len(weights), 9)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header())
    for k, row in enumerate(np.concatenate([weights, turns], 1)):
        writer.writerow([timecode(k, rate), len(LIVE_LINK) + len(TURNS), *(f"{x:.6f}" for x in row)])
    write_atomically(path, lambda temporary: temporary.write_text(text.getvalue(), encoding="utf-8"))


def write_json(path: Path, c: Coefficients, rate: float, found: Bool[np.ndarray, "F"], names: tuple[str, ...]) -> None:
    """The same with all the model's expressions, seconds, and which frames were interpolated."""
    turns = np.degrees(angles(c))
    frames = [
        {
            "seconds": round(k / rate, 4),
            "interpolated": not bool(found[k]),
            "weights": [round(float(w), 4) for w in c.expression[k]],
            "head": [round(float(x), 3) for x in turns[k, 0]],
            "left_eye": [round(float(x), 3) for x in turns[k, 1]],
            "right_eye": [round(float(x), 3) for x in turns[k, 2]],
        }
        for k in range(len(c))
    ]
    told = {"rate": rate, "names": list(names), "angles": "yaw, pitch, roll in degrees", "frames": frames}
    write_atomically(path, lambda temporary: temporary.write_text(json_text(told), encoding="utf-8"))
