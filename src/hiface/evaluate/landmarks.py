"""Landmarks on labelled photos, through the whole path: detector, crop, network, refined crop, network."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hiface.evaluate.answers import AnswerCache, Answers, Progress, pack_answers, photo_points
from hiface.evaluate.groups import in_order, interval
from hiface.evaluate.statistics import USUAL, Bootstrap, Curve, cumulative_curve
from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE, INNER51, normalised_errors
from hiface.model import HiFace
from hiface.network.age import AGE_GROUPS, age_group
from hiface.photo.packs import Pack, read_pack
from hiface.photo.read import read_photo

_68 = list(IBUG68_OF_MEDIAPIPE)
YAWS = ((0, 15), (15, 30), (30, 45), (45, 90))
"""Bins of the head's turn, degrees."""
_FIELDS = ("each", "age", "gender", "race", "yaw", "person")
FAILED = 10.0
"""Percent: a mean error of the 68 points above this counts as a failure."""


@dataclass(frozen=True)
class LandmarkErrors:
    """Errors on photos, percent of the distance between the outer eye corners."""

    each: Float[np.ndarray, "N 68"]
    age: np.ndarray
    gender: np.ndarray
    race: np.ndarray
    yaw: Float[np.ndarray, "N"]
    person: np.ndarray
    """Same person, same name; '' where nobody says."""
    unfound: int
    """Photos where the detector found no face near the labelled one; the labelled box was used there."""

    def chosen(self, rows: np.ndarray) -> LandmarkErrors:
        return LandmarkErrors(**{f: getattr(self, f)[rows] for f in _FIELDS}, unfound=0)


def landmark_errors(
    model: HiFace,
    data: str | Path,
    packs: Iterable[str],
    part: str = "val",
    cache: AnswerCache | None = None,
    on_progress: Progress | None = None,
) -> LandmarkErrors:
    """Errors of our 68 points to MediaPipe's on the found faces of packs."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        kept = cache or AnswerCache.of(model, folder)
        for name in packs:
            pack = read_pack(Path(data) / name, part)
            results.append(pack_errors(model, pack, pack_answers(model, pack, kept, on_progress)))
    joined = {f: np.concatenate([getattr(r, f) for r in results]) for f in _FIELDS}
    return LandmarkErrors(**joined, unfound=sum(r.unfound for r in results))


def pack_errors(model: HiFace, pack: Pack, answers: Answers) -> LandmarkErrors:
    """Errors of the answers to the photos of a pack."""
    truth = labelled_points(pack)[:, _68]
    each = normalised_errors(photo_points(model, answers), truth)
    unfound = int((~answers.found).sum())
    return LandmarkErrors(each, age_names(pack), pack.gender, pack.race, pack.yaw, pack.person, unfound)


def labelled_points(pack: Pack) -> Float[np.ndarray, "N 478 2"]:
    """MediaPipe's points, photo pixels."""
    sizes = np.array([read_photo(data).pixels.shape[1::-1] for data in pack.encoded])
    return np.asarray(pack.fractions * sizes[:, None])


def age_names(pack: Pack) -> np.ndarray:
    """The age group of each photo."""
    groups = [age_group(a, float(y)) for a, y in zip(pack.age, pack.years, strict=True)]
    return np.array([AGE_GROUPS[g] if g >= 0 else "unknown" for g in groups])


def table(errors: LandmarkErrors, bootstrap: Bootstrap = USUAL) -> list[dict[str, object]]:
    """Rows of figures: all photos, then by age, gender, race and yaw."""
    rows = [_row("all", errors, bootstrap)]
    for title, values in (("age", errors.age), ("gender", errors.gender), ("race", errors.race)):
        for v in sorted(set(values.tolist()), key=in_order):
            rows.append(_row(f"{title}: {v or 'unknown'}", errors.chosen(values == v), bootstrap))
    for low, high in YAWS:
        inside = (np.abs(errors.yaw) >= low) & (np.abs(errors.yaw) < high)
        rows.append(_row(f"yaw: {low} to {high} degrees", errors.chosen(inside), bootstrap))
    return [row for row in rows if row["photos"]]


def _row(name: str, errors: LandmarkErrors, bootstrap: Bootstrap) -> dict[str, object]:
    row: dict[str, object] = {"group": name, "photos": len(errors.each)}
    if not len(errors.each):
        return row
    for label, columns in (("68", list(range(68))), ("51", list(INNER51))):
        each = errors.each[:, columns].mean(1)
        bounds = interval(each, errors.person, "median", bootstrap)
        row |= {
            f"median {label}": round(float(np.median(each)), 2),
            f"interval {label}": f"{bounds.low:.2f}–{bounds.high:.2f}",
            f"mean {label}": round(float(each.mean()), 2),
            f"90 % {label}": round(float(np.percentile(each, 90)), 2),
        }
    return row | {"failed, %": round(100 * float((errors.each.mean(1) > FAILED).mean()), 1)}


def error_curve(each: Float[np.ndarray, "N L"], top: float = 12.0) -> Curve:
    """Which percent of photos has a mean error below each threshold (percent of the outer eye corners' distance)."""
    return cumulative_curve([each.mean(1)], top, points=481)
