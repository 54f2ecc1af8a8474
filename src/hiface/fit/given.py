"""Landmarks that a user brings: files of points, and the landmark set that their number names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from hiface.errors import PhotoError

SETS = {68: "mediapipe68", 468: "mediapipe478", 478: "mediapipe478", 669: "dense669"}
"""Landmark set by number of points: iBUG's 68, MediaPipe's with or without the irises, our own."""


@dataclass(frozen=True)
class GivenPoints:
    """Landmarks of one photo, photo pixels. A point that is not known is NaN."""

    xy: Float[np.ndarray, "L 2"]
    sigma: Float[np.ndarray, "L"] | None = None
    """Standard deviation of each, photo pixels; None: a small part of the face."""

    def __post_init__(self) -> None:
        xy = np.asarray(self.xy)
        if xy.ndim != 2 or xy.shape[1] != 2 or len(xy) not in SETS:
            raise PhotoError(f"landmarks: expected 68, 468, 478 or 669 points (x, y), got shape {xy.shape}")
        if np.isfinite(xy).all(1).sum() < 6:
            raise PhotoError("landmarks: fewer than 6 points are known; give more, or leave them to the network")
        if self.sigma is not None and (
            np.shape(self.sigma) != (len(xy),) or not (np.asarray(self.sigma)[np.isfinite(xy).all(1)] > 0).all()
        ):
            raise PhotoError(f"landmarks: expected {len(xy)} uncertainties above 0, pixels, one a point")

    @property
    def name(self) -> str:
        """The landmark set of the face model."""
        return SETS[len(self.xy)]


def read_landmarks(path: str | Path, photos: int) -> list[GivenPoints]:
    """The landmarks of each photo from a file.

    .npy: (L, 2), or (L, 3) with the uncertainty; for several photos (N, L, 2 or 3), in the photos' order. .json: such
    lists, or an object with `points` and perhaps `sigma`, or a list of such objects. Raises `PhotoError` for anything
    else.
    """
    path = Path(path)
    try:
        if path.suffix == ".npy":
            faces = _of_array(np.load(path, allow_pickle=False))
        elif path.suffix == ".json":
            faces = _of_json(json.loads(path.read_text(encoding="utf-8")))
        else:
            raise PhotoError(f"{path}: expected landmarks as .npy or .json")
    except FileNotFoundError as error:
        raise PhotoError(f"{path}: no such file; expected landmarks as .npy or .json") from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise PhotoError(f"{path}: cannot be read as landmarks ({error}); see docs/fit.md for the formats") from error
    except PhotoError as error:
        raise error if str(error).startswith(str(path)) else PhotoError(f"{path}: {error}") from error
    if len(faces) != photos:
        raise PhotoError(f"{path}: landmarks of {len(faces)} photos, but {photos} photos were given")
    return faces


def _of_array(array: np.ndarray) -> list[GivenPoints]:
    if array.dtype.kind not in "fiu":
        raise ValueError(f"numbers expected, got {array.dtype}")
    faces = array[None] if array.ndim == 2 else array
    if faces.ndim != 3 or faces.shape[2] not in (2, 3):
        raise PhotoError(f"expected an array (L, 2), (L, 3) or (N, L, 2 or 3), got shape {array.shape}")
    faces = faces.astype(np.float64)
    return [GivenPoints(f[:, :2], f[:, 2] if f.shape[1] == 3 else None) for f in faces]


def _of_json(value: Any) -> list[GivenPoints]:
    if isinstance(value, dict):
        return [_of_object(value)]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [_of_object(one) for one in value]
    return _of_array(np.asarray(value, np.float64))


def _of_object(value: dict[str, Any]) -> GivenPoints:
    sigma = value.get("sigma")
    return GivenPoints(
        np.asarray(value["points"], np.float64), None if sigma is None else np.asarray(sigma, np.float64)
    )
