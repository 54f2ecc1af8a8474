"""REALY over a folder of meshes: every figure of the protocol, resumable, in several processes.

Nothing is skipped in silence: what is missing or cannot be judged is a `Problem` of the result, and the
tables say that they are incomplete. `evaluate_pair` (one mesh, one scan) lives in `realy_regions`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from hiface.assets.format import json_text
from hiface.errors import MeshError
from hiface.evaluate.jobs import Problem, digest, naming, read_record, run, write_record
from hiface.evaluate.readers import read_anchors, read_mask, read_mesh
from hiface.evaluate.realy_inputs import (
    Benchmark,
    RealyJob,
    check_prediction,
    find_jobs,
    open_benchmark,
    unit_note,
)
from hiface.evaluate.realy_regions import REGIONS, Anchors, Region, RegionErrors, evaluate_pair
from hiface.evaluate.realy_tables import RealyRow, RealySummary, realy_table, summarise
from hiface.evaluate.report import comma_separated, error_colours, write_table, write_text
from hiface.evaluate.statistics import Bootstrap
from hiface.evaluate.writers import write_arrays, write_mesh_obj
from hiface.geometry.surface import Mesh

__all__ = ["MeshScore", "RealyOptions", "RealyResult", "evaluate_folder", "evaluate_pair"]

_Array = np.ndarray[Any, np.dtype[Any]]
_VERSION = "1"  # of the figures and of the records; a change makes old records stale
_DIGITS = 9  # characters of a figure that the benchmark's own program keeps
PICTURE_TOP_MM = 5.0
"""Errors of this size and more have the last colour of the error meshes."""


@dataclass(frozen=True)
class RealyOptions:
    """How a run is done; none of it but the mask changes a figure."""

    title: str = "prediction"
    """Name of the method in the tables."""
    workers: int = 1
    """Processes; each judges whole meshes."""
    resume: bool = True
    """Keep figures of an earlier run into the same folder whose inputs have not changed."""
    save_meshes: bool = False
    """Write aligned predictions, deformed patches and coloured error meshes of every pair (.obj)."""
    mask: str | None = None
    """Template mask file; published figures were made without."""
    expected: tuple[str, ...] | None = None
    """Names that must be there; None asks for every scan, with as many views as most have."""
    bootstrap: Bootstrap = field(default_factory=Bootstrap)


@dataclass(frozen=True)
class MeshScore:
    """One mesh against its scan, millimetres."""

    name: str
    subject: int
    view: str
    nose: float
    mouth: float
    forehead: float
    cheek: float
    scale: float
    """Of the global fit, benchmark units per unit of the prediction."""
    before_mm: tuple[float, ...]
    """Of each region, before the bidirectional stage."""
    capped: bool
    """Whether a non-rigid fit met its safety cap; expected never."""
    note: str | None = None

    @property
    def all_mm(self) -> float:
        return float(np.mean([getattr(self, region) for region in REGIONS]))


@dataclass(frozen=True)
class RealyResult:
    """A run."""

    scores: tuple[MeshScore, ...]
    problems: tuple[Problem, ...]
    summary: RealySummary
    out: Path


@dataclass(frozen=True)
class _Setting:
    """What each process needs; only paths and plain values, so that it travels."""

    benchmark: Benchmark
    template: Path
    keypoints: Path
    mask: Path | None
    out: Path
    resume: bool
    save_meshes: bool


def evaluate_folder(
    scans_dir: str | Path,
    predictions: str | Path,
    template: str | Path,
    keypoints: str | Path,
    out: str | Path,
    scale_file: str | Path | None = None,
    options: RealyOptions = RealyOptions(),
    on_progress: Callable[[int, int, str], None] | None = None,
) -> RealyResult:
    """Scores a folder of meshes (or one mesh against every scan) and writes the tables into `out`.

    `scans_dir` is in the benchmark's own layout, `template` and `keypoints` are the connectivity and the 85
    barycentric keypoints of the meshes' topology. Written: REALY_error.txt as the benchmark writes it,
    scores.csv, summary.json, table.csv/.md/.tex, a record and the vertex errors (mm) of each mesh. Raises
    `MeshError` if the benchmark, the template or all predictions are unusable; single failures are problems
    of the result.
    """
    benchmark, folder = open_benchmark(scans_dir, scale_file), Path(out)
    mask = Path(options.mask) if options.mask else None
    setting = _Setting(benchmark, Path(template), Path(keypoints), mask, folder, options.resume, options.save_meshes)
    _topology.cache_clear()  # files may have changed since an earlier run
    _topology(setting.template, setting.keypoints, setting.mask)
    found = find_jobs(benchmark, predictions, options.expected)
    scores, failed = run(_score, setting, found.jobs, options.workers, on_progress)
    problems = [*benchmark.problems, *found.problems, *failed]
    if not scores:
        raise MeshError(f"{predictions}: no mesh could be scored; first of {len(problems)} problems: {problems[:1]}")
    summary = _summary(scores, bool(problems), options.bootstrap)
    result = RealyResult(tuple(scores), tuple(problems), summary, folder)
    _write(result, options)
    return result


def _summary(scores: Sequence[MeshScore], incomplete: bool, bootstrap: Bootstrap) -> RealySummary:
    """Statistics of the figures as REALY_error.txt holds them: cut to nine characters."""
    columns = {region: [float(_cut(getattr(s, region))) for s in scores] for region in REGIONS}
    return summarise(columns, [s.subject for s in scores], incomplete, bootstrap)


def _score(setting: _Setting, job: RealyJob) -> MeshScore:
    sources = [job.path, setting.template, setting.keypoints, *setting.benchmark.files(job.subject)]
    sources += [setting.mask] if setting.mask else []
    scan = setting.benchmark.read(job.subject)
    stamp = digest(sources, f"{_VERSION} {scan.mm_per_unit!r} {job.subject}")
    known = _recorded(setting, job, stamp)
    if known is not None:
        return known
    anchors, template, mask = _topology(setting.template, setting.keypoints, setting.mask)
    prediction = read_mesh(job.path, single=True)
    with naming(job.path):
        prediction = check_prediction(prediction, anchors, template, setting.template.name)
        errors = evaluate_pair(prediction, anchors, scan, mask)
        if np.linalg.det(errors.alignment.rotation) < 0:
            raise MeshError("the mesh is the mirror image of a face; flip an axis on export (+x: left)")
    score = _mesh_score(job, errors, unit_note(errors.alignment, scan))
    _save(setting, job, prediction.triangles, errors)
    write_record(_record(setting, job), stamp, asdict(score))
    return score


@lru_cache(maxsize=1)
def _topology(template: Path, keypoints: Path, mask: Path | None) -> tuple[Anchors, Mesh, _Array | None]:
    mesh, anchors = read_mesh(template, single=True), read_anchors(template, keypoints)
    return anchors, mesh, read_mask(mask, len(mesh.vertices)) if mask else None


def _mesh_score(job: RealyJob, errors: RegionErrors, note: str | None) -> MeshScore:
    judged = [errors.of(region) for region in REGIONS]
    return MeshScore(
        job.name,
        job.subject,
        job.view,
        errors.nose.error_mm,
        errors.mouth.error_mm,
        errors.forehead.error_mm,
        errors.cheek.error_mm,
        errors.alignment.scale,
        tuple(error.before_mm for error in judged),
        any(error.capped for error in judged),
        note,
    )


def _record(setting: _Setting, job: RealyJob) -> Path:
    return setting.out / "records" / f"{job.name}.json"


def _errors_file(setting: _Setting, job: RealyJob) -> Path:
    return setting.out / "errors" / f"{job.name}.npz"


def read_errors(out: Path, name: str) -> dict[Region, _Array]:
    """The error of every vertex of each region's patch (duplicates merged), mm, of a finished run."""
    with np.load(out / "errors" / f"{name}.npz", allow_pickle=False) as file:
        return {region: file[region] for region in REGIONS}


def _mesh_folder(setting: _Setting, job: RealyJob) -> Path:
    return setting.out / "region_align_save" / job.name


def _recorded(setting: _Setting, job: RealyJob, stamp: str) -> MeshScore | None:
    """The score of an earlier run with the same inputs, if all its files are there."""
    complete = _errors_file(setting, job).is_file()
    if setting.save_meshes:
        complete = complete and (_mesh_folder(setting, job) / f"error_{REGIONS[-1]}.obj").is_file()
    if not (setting.resume and complete):
        return None
    kept = read_record(_record(setting, job), stamp)
    return MeshScore(**{**kept, "before_mm": tuple(kept["before_mm"])}) if kept else None


def _save(setting: _Setting, job: RealyJob, triangles: _Array, errors: RegionErrors) -> None:
    """Vertex errors, and where asked for the meshes that a person looks at; error meshes come last."""
    write_arrays(_errors_file(setting, job), {r: errors.of(r).vertex_errors_mm for r in REGIONS})
    if not setting.save_meshes:
        return
    folder = _mesh_folder(setting, job)
    write_mesh_obj(folder / "at_global.obj", Mesh(errors.globally_aligned, triangles))
    for region in REGIONS:
        error = errors.of(region)
        colours = error_colours(error.vertex_errors_mm, PICTURE_TOP_MM)
        write_mesh_obj(folder / f"at_{region}.obj", Mesh(error.aligned, triangles))
        write_mesh_obj(folder / f"deform_{region}.obj", error.patch.with_vertices(error.deformed))
        write_mesh_obj(folder / f"error_{region}.obj", error.patch, colours)


def _cut(value: float) -> str:
    """A figure as the benchmark's program prints it: its decimal form cut to nine characters."""
    text = repr(value)
    return (f"{value:.20f}" if "e" in text else text)[:_DIGITS]


def _write(result: RealyResult, options: RealyOptions) -> None:
    lines = [f"{s.name}\t\t" + "\t".join(_cut(getattr(s, r)) for r in REGIONS) + "\n" for s in result.scores]
    write_text(result.out / "REALY_error.txt", "".join(lines))
    columns = ("name", "subject", "view", *REGIONS, "all", "scale", "note")
    rows = [
        (s.name, s.subject, s.view, *(getattr(s, r) for r in REGIONS), s.all_mm, s.scale, s.note or "")
        for s in result.scores
    ]
    write_text(result.out / "scores.csv", comma_separated(columns, rows))
    content = {
        "title": options.title,
        "summary": asdict(result.summary),
        "problems": [asdict(problem) for problem in result.problems],
        "notes": {score.name: score.note for score in result.scores if score.note},
        "mask": options.mask,
    }
    write_text(result.out / "summary.json", json_text(content))
    write_table(result.out, "table", realy_table([RealyRow(options.title, result.summary, None)]))
