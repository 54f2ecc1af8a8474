"""NoW over a folder of meshes: non-metrical and metrical, per challenge, resumable, in several processes.

Predictions must be neutral (expression and jaw pose zero): the protocol's truth is the neutral identity.
What is missing is a `Problem` of the result; the benchmark's own program would leave it out of the pool.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from hiface.assets.format import json_text
from hiface.errors import MeshError
from hiface.evaluate.jobs import Problem, digest, naming, read_record, run, write_record
from hiface.evaluate.now_inputs import NowJob, find_jobs
from hiface.evaluate.now_pair import NowError, Unit, evaluate_pair
from hiface.evaluate.now_tables import NowSummary, now_table, summarise
from hiface.evaluate.readers import read_landmarks, read_mesh
from hiface.evaluate.report import comma_separated, curve_csv, error_colours, write_table, write_text
from hiface.evaluate.statistics import Bootstrap, Curve, cumulative_curve
from hiface.evaluate.writers import write_arrays, write_mesh_obj
from hiface.geometry.surface import Mesh

__all__ = ["ImageScore", "NowOptions", "NowResult", "evaluate_folder", "evaluate_pair"]

_VERSION = "1"
PICTURE_TOP_MM = 5.0
"""Errors of this size and more have the last colour of the error meshes."""


@dataclass(frozen=True)
class NowOptions:
    """How a run is done."""

    title: str = "prediction"
    """Name of the method in the tables."""
    unit: Unit | None = None
    """The metrical protocol with meshes in this unit; None is the non-metrical one."""
    challenge: str | None = None
    """Only this challenge (multiview_neutral, multiview_expressions, multiview_occlusions, selfie)."""
    image_list: str | None = None
    """File of lines that end in subject/challenge/image; None is the dataset's validation list."""
    workers: int = 1
    resume: bool = True
    """Keep figures of an earlier run into the same folder whose inputs have not changed."""
    save_meshes: bool = False
    """Write the placed prediction and the coloured scan of every image (.obj)."""
    bootstrap: Bootstrap = field(default_factory=Bootstrap)


@dataclass(frozen=True)
class ImageScore:
    """One image; distances are in distances/<name>.npz."""

    name: str
    """subject/challenge/image without ending."""
    subject: str
    challenge: str
    median_mm: float
    mean_mm: float
    points: int
    scale: float
    """Millimetres per unit of the prediction."""
    landmark_residual_mm: float
    converged: bool


@dataclass(frozen=True)
class NowResult:
    """A run."""

    scores: tuple[ImageScore, ...]
    problems: tuple[Problem, ...]
    summaries: tuple[NowSummary, ...]
    """All images first, then each challenge."""
    curve: Curve
    out: Path


@dataclass(frozen=True)
class _Setting:
    out: Path
    unit: Unit | None
    resume: bool
    save_meshes: bool


def evaluate_folder(
    dataset: str | Path,
    predictions: str | Path,
    out: str | Path,
    options: NowOptions = NowOptions(),
    on_progress: Callable[[int, int, str], None] | None = None,
) -> NowResult:
    """Scores a folder of meshes in NoW's layout (or one mesh for every image), writes tables into `out`.

    Predictions: <subject>/<challenge>/<image>.obj or .ply, with seven landmarks beside it (.npy or .txt).
    Written: summary.json, scores.csv, table.csv/.md/.tex, curve.csv, and the distances of each image.
    Raises `MeshError` if the dataset or all predictions are unusable; single failures are problems of the
    result.
    """
    setting = _Setting(Path(out), options.unit, options.resume, options.save_meshes)
    _judge.cache_clear()  # files may have changed since an earlier run
    found = find_jobs(Path(dataset), Path(predictions), options.image_list, options.challenge)
    scores, failed = run(_score, setting, found.jobs, options.workers, on_progress)
    problems = [*found.problems, *failed]
    if not scores:
        raise MeshError(f"{predictions}: no image could be scored, {len(problems)} problems; {problems[:1]}")
    result = _result(scores, problems, setting.out, options)
    _write(result, options)
    return result


def _score(setting: _Setting, job: NowJob) -> ImageScore:
    stamp = digest([job.path, job.landmarks, job.scan, job.scan_landmarks], f"{_VERSION} {setting.unit}")
    known = _recorded(setting, job, stamp)
    if known is not None:
        return known
    error = _judge(job.path, job.landmarks, job.scan, job.scan_landmarks, setting.unit)
    distances = error.distances_mm
    score = ImageScore(
        job.name,
        job.subject,
        job.challenge,
        float(np.median(distances)),
        float(distances.mean()),
        len(distances),
        error.scale,
        error.landmark_residual_mm,
        error.converged,
    )
    write_arrays(_distances_file(setting.out, job.name), {"distances_mm": distances})
    if setting.save_meshes:
        folder = setting.out / "meshes" / job.name
        write_mesh_obj(folder / "aligned.obj", Mesh(error.aligned, read_mesh(job.path).triangles))
        write_mesh_obj(folder / "error.obj", error.scan, error_colours(distances, PICTURE_TOP_MM))
    write_record(_record(setting, job), stamp, asdict(score))
    return score


@lru_cache(maxsize=1)
def _judge(mesh: Path, landmarks: Path, scan: Path, scan_landmarks: Path, unit: Unit | None) -> NowError:
    """Kept for the next image: one mesh given for every image meets the same scan many times in a row."""
    prediction, points = read_mesh(mesh), read_landmarks(landmarks)
    truth, true_points = read_mesh(scan), read_landmarks(scan_landmarks)
    with naming(mesh):
        return evaluate_pair(prediction, points, truth, true_points, unit)


def _distances_file(out: Path, name: str) -> Path:
    return out / "distances" / f"{name}.npz"


def _record(setting: _Setting, job: NowJob) -> Path:
    return setting.out / "records" / f"{job.name}.json"


def _recorded(setting: _Setting, job: NowJob, stamp: str) -> ImageScore | None:
    """The score of an earlier run with the same inputs, if all its files are there."""
    needed = [_distances_file(setting.out, job.name)]
    needed += [setting.out / "meshes" / job.name / "error.obj"] if setting.save_meshes else []
    if not (setting.resume and all(path.is_file() for path in needed)):
        return None
    kept = read_record(_record(setting, job), stamp)
    return ImageScore(**kept) if kept else None


def _result(scores: Sequence[ImageScore], problems: Sequence[Problem], out: Path, options: NowOptions) -> NowResult:
    """Pools the distances that were written."""
    pools = [np.load(_distances_file(out, s.name), allow_pickle=False)["distances_mm"] for s in scores]
    summaries = [summarise("all", pools, [s.subject for s in scores], bool(problems), options.bootstrap)]
    for challenge in sorted({s.challenge for s in scores}):
        chosen = [k for k, s in enumerate(scores) if s.challenge == challenge]
        subjects = [scores[k].subject for k in chosen]
        pool = [pools[k] for k in chosen]
        summaries.append(summarise(challenge, pool, subjects, bool(problems), options.bootstrap))
    return NowResult(tuple(scores), tuple(problems), tuple(summaries), cumulative_curve(pools), out)


def _write(result: NowResult, options: NowOptions) -> None:
    columns = (
        "name",
        "subject",
        "challenge",
        "median_mm",
        "mean_mm",
        "points",
        "scale",
        "landmark_residual_mm",
    )
    rows = [tuple(getattr(score, column) for column in columns) for score in result.scores]
    write_text(result.out / "scores.csv", comma_separated(columns, rows))
    write_text(result.out / "curve.csv", curve_csv(result.curve))
    content = {
        "title": options.title,
        "protocol": f"metrical, {options.unit}" if options.unit else "non-metrical",
        "solver": "Levenberg-Marquardt and BFGS, converged",
        "not_converged": [score.name for score in result.scores if not score.converged],
        "summaries": [asdict(summary) for summary in result.summaries],
        "problems": [asdict(problem) for problem in result.problems],
    }
    write_text(result.out / "summary.json", json_text(content))
    write_table(result.out, "table", now_table(options.title, result.summaries, options.unit is not None))
