"""Landmarks on labelled photos, through the whole path: detector, crop, network, refined crop, network."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hiface.errors import NoFaceError
from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE, INNER51, normalised_errors
from hiface.model import FaceHint, HiFace
from hiface.network.age import AGE_GROUPS, age_group
from hiface.photo.packs import Pack, read_pack
from hiface.photo.read import read_photo

log = logging.getLogger(__name__)
_68 = list(IBUG68_OF_MEDIAPIPE)


@dataclass(frozen=True)
class LandmarkErrors:
    """Errors on photos, percent of the distance between the outer eye corners."""

    each: Float[np.ndarray, "N 68"]
    age: np.ndarray
    gender: np.ndarray
    race: np.ndarray
    yaw: Float[np.ndarray, "N"]
    unfound: int
    """Photos where the detector found no face near the labelled one; the labelled box was used there."""

    def chosen(self, rows: np.ndarray) -> LandmarkErrors:
        return LandmarkErrors(self.each[rows], self.age[rows], self.gender[rows], self.race[rows], self.yaw[rows], 0)


def landmark_errors(model: HiFace, data: str | Path, packs: Iterable[str], part: str = "val") -> LandmarkErrors:
    """Errors of our 68 points to MediaPipe's on the found faces of packs."""
    results = [_pack_errors(model, read_pack(Path(data) / name, part)) for name in packs]
    joined = {f: np.concatenate([getattr(r, f) for r in results]) for f in ("each", "age", "gender", "race", "yaw")}
    return LandmarkErrors(**joined, unfound=sum(r.unfound for r in results))


def _pack_errors(model: HiFace, pack: Pack) -> LandmarkErrors:
    errors, unfound = [], 0
    for encoded, fractions in pack.photos():
        photo = read_photo(encoded)
        truth = fractions * [photo.pixels.shape[1], photo.pixels.shape[0]]
        points, found = _points_near(model, encoded, truth)
        unfound += not found
        errors.append(normalised_errors(points[None], truth[None, _68])[0])
    groups = [age_group(a, float(y)) for a, y in zip(pack.age, pack.years, strict=True)]
    names = np.array([AGE_GROUPS[g] if g >= 0 else "unknown" for g in groups])
    return LandmarkErrors(np.array(errors), names, pack.gender, pack.race, pack.yaw, unfound)


def _points_near(
    model: HiFace, encoded: bytes, truth: Float[np.ndarray, "478 2"]
) -> tuple[Float[np.ndarray, "68 2"], bool]:
    """Our points of the face that lies over the labelled one, and whether the detector had found it."""
    low, high = truth.min(0), truth.max(0)
    try:
        for face in model.reconstruct(encoded, faces="all"):
            centre = face.landmarks68.mean(0)
            if (np.abs(centre - (low + high) / 2) < (high - low) / 2).all():
                return face.landmarks68, True
    except NoFaceError:
        log.debug("no face found; the labelled box is used")
    hint = FaceHint(box_xyxy=np.array([*low, *high]))
    return model.reconstruct(encoded, hint=hint)[0].landmarks68, False


def table(errors: LandmarkErrors) -> list[dict[str, object]]:
    """Rows of figures: all photos, then by age, gender, race and yaw."""
    rows = [_row("all", errors)]
    for title, values in (("age", errors.age), ("gender", errors.gender), ("race", errors.race)):
        rows += [_row(f"{title}: {v or 'unknown'}", errors.chosen(values == v)) for v in sorted(set(values.tolist()))]
    for low, high in ((0, 15), (15, 30), (30, 90)):
        inside = (np.abs(errors.yaw) >= low) & (np.abs(errors.yaw) < high)
        rows.append(_row(f"yaw: {low} to {high} degrees", errors.chosen(inside)))
    return [row for row in rows if row["photos"]]


def _row(name: str, errors: LandmarkErrors) -> dict[str, object]:
    row: dict[str, object] = {"group": name, "photos": len(errors.each)}
    if not len(errors.each):
        return row
    for label, columns in (("68", list(range(68))), ("51", list(INNER51))):
        each = errors.each[:, columns].mean(1)
        row |= {
            f"median {label}": round(float(np.median(each)), 2),
            f"mean {label}": round(float(each.mean()), 2),
            f"90 % {label}": round(float(np.percentile(each, 90)), 2),
        }
    return row
