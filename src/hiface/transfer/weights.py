"""The 52 ARKit weights of a file: JSON or CSV, of `hiface track`, of Live Link Face, or written by hand."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float

from hiface.errors import ConfigError
from hiface.face.asset import ARKIT
from hiface.face.model import FaceModel

SUFFIXES = (".json", ".csv")
_SLACK = 0.25
"""Recorders write a little more than 1, or less than 0; they are clipped."""


def read_weights(path: str | Path, face: FaceModel, frame: int = 0) -> Float[torch.Tensor, "E"]:
    """ξ of a file: `{name: weight}`, `weights.json` of `hiface track`, or a CSV whose header names units.

    Of the 52 alone, correctives follow; a file that names all of the model's expressions is taken as it is. `frame`
    counts from 0. Raises `ConfigError` that names the file.
    """
    path = Path(path)
    named = _json(path, frame) if path.suffix.lower() == ".json" else _csv(path, frame)
    known = {name.lower(): k for k, name in enumerate(face.expression_names)}
    found = {known[name.lower()]: value for name, value in named.items() if name.lower() in known}
    strangers = sorted(name for name in named if name.lower() not in known)
    if not found or (strangers and path.suffix.lower() == ".json"):
        raise ConfigError(
            f"{path}: names {strangers[:5]}, which are no units of this face model; expected ARKit's names,"
            f" {', '.join(ARKIT[:3])} and so on"
        )
    weights = torch.zeros(1, face.expression_size)
    for k, value in found.items():
        weights[0, k] = _number(value, path, face.expression_names[k])
    weights = weights.clamp(face.expression_range[:, 0], face.expression_range[:, 1])
    return (weights if max(found) >= len(ARKIT) else face.with_correctives(weights))[0]


def _number(value: Any, path: Path, name: str) -> float:
    try:
        weight = float(value)
    except (TypeError, ValueError):
        weight = float("nan")
    if not -_SLACK <= weight <= 1 + _SLACK:
        raise ConfigError(f"{path}: {name} is {value!r}, expected a weight from 0 to 1 (percent: divide by 100)")
    return weight


def _json(path: Path, frame: int) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: not a readable JSON file ({error})") from error
    if isinstance(told, dict) and "frames" in told:
        try:
            return dict(
                zip(told["names"], told["frames"][_row(frame, len(told["frames"]), path)]["weights"], strict=True)
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{path}: not a weights.json of `hiface track` ({error!r})") from error
    if not isinstance(told, dict):
        raise ConfigError(f"{path}: expected {{name: weight}}, or weights.json of `hiface track`")
    return told


def _csv(path: Path, frame: int) -> dict[str, Any]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise ConfigError(f"{path}: not a readable CSV file ({error})") from error
    return {k: v for k, v in rows[_row(frame, len(rows), path)].items() if k}


def _row(frame: int, count: int, path: Path) -> int:
    if not 0 <= frame < count:
        raise ConfigError(f"{path}: has {count} frames, --frame {frame} is none of them; they count from 0")
    return frame
