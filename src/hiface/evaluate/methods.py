"""Several methods against REALY's scans, frontal and side, in one table; finished runs are kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hiface.evaluate.jobs import Problem
from hiface.evaluate.pictures import Patch, error_picture
from hiface.evaluate.realy import PICTURE_TOP_MM, RealyOptions, RealyResult, evaluate_folder, read_errors
from hiface.evaluate.realy_inputs import open_benchmark
from hiface.evaluate.realy_regions import REGIONS
from hiface.evaluate.realy_tables import RealyRow, realy_table
from hiface.evaluate.report import write_table
from hiface.evaluate.topologies import Topology
from hiface.evaluate.writers import write_png
from hiface.geometry.surface import merge_duplicates

VIEWS = ("frontal", "side")
USUAL = RealyOptions()
Progress = Callable[[str, int, int, str], None]
"""Called with what runs, meshes done, meshes in all, and the last one's name."""


@dataclass(frozen=True)
class Method:
    """Somebody's meshes of a benchmark."""

    title: str
    template: Path
    keypoints: Path
    frontal: Path | None = None
    """A folder of meshes, or one mesh against every scan."""
    side: Path | None = None

    @property
    def slug(self) -> str:
        return re.sub(r"[^a-z0-9]+", "_", self.title.lower()).strip("_") or "method"


@dataclass(frozen=True)
class Comparison:
    """Rows of the table, and what is wrong with them."""

    rows: tuple[RealyRow, ...]
    problems: tuple[Problem, ...]
    out: Path


def mean_face(topology: Topology, folder: Path, stem: str = "mean_face") -> Method:
    """A topology's template as a method: what knows nothing of the picture. Every table needs it."""
    template, keypoints = topology.write(folder, stem)
    return Method("mean face", template, keypoints, template, template)


def compare(
    scans: str | Path,
    methods: Sequence[Method],
    out: str | Path,
    scale_file: str | Path | None = None,
    options: RealyOptions = USUAL,
    pictures: bool = False,
    on_progress: Progress | None = None,
) -> Comparison:
    """Scores every method in every view that it has; writes `out`/<method>/<view>/ and `out`/table.csv/.md/.tex.

    Raises `MeshError` where a method cannot be scored at all; single failures are problems of the result.
    """
    out, rows, problems = Path(out), list[RealyRow](), list[Problem]()
    for method in methods:
        results = {
            view: _one(scans, method, view, out, scale_file, options, pictures, on_progress)
            for view in VIEWS
            if getattr(method, view)
        }
        rows.append(RealyRow(method.title, *(results[v].summary if v in results else None for v in VIEWS)))
        problems += [
            Problem(f"{method.title}, {view}: {problem.name}", problem.message)
            for view, result in results.items()
            for problem in result.problems
        ]
        write_table(out, "table", realy_table(rows))
    return Comparison(tuple(rows), tuple(problems), out)


def _one(
    scans: str | Path, method: Method, view: str, out: Path, scale_file: str | Path | None, options: RealyOptions,
    pictures: bool, on_progress: Progress | None,
) -> RealyResult:  # fmt: skip
    folder, title = out / method.slug / view, f"{method.title}, {view}"
    # One mesh for every scan is the same whatever the view.
    folder = out / method.slug / VIEWS[0] if method.frontal == method.side else folder
    result = evaluate_folder(
        scans, getattr(method, view), method.template, method.keypoints, folder, scale_file,
        replace(options, title=title),
        None if on_progress is None else lambda done, total, name: on_progress(title, done, total, name),
    )  # fmt: skip
    if pictures:
        write_pictures(scans, result, scale_file)
    return result


def write_pictures(scans: str | Path, result: RealyResult, scale_file: str | Path | None = None) -> None:
    """`pictures`/<name>.png: the scan's four patches from the front, coloured by the errors of a mesh."""
    benchmark = open_benchmark(scans, scale_file)
    for score in result.scores:
        scan, errors = benchmark.read(score.subject), read_errors(result.out, score.name)
        turn = upright(scan.keypoints)
        merged = {region: merge_duplicates(scan.patches[region]) for region in REGIONS}
        patches = [Patch(m.with_vertices(m.vertices @ turn.T), errors[region]) for region, m in merged.items()]
        caption = f"{score.name}: {score.all_mm:.2f} mm"
        write_png(
            result.out / "pictures" / f"{score.name}.png", error_picture(patches, PICTURE_TOP_MM, caption=caption)
        )


def upright(keypoints: Float[np.ndarray, "85 3"]) -> Float[np.ndarray, "3 3"]:
    """The rotation that brings a scan's face upright and to the front, whatever frame it came in."""
    across = keypoints[45] - keypoints[36]
    up = keypoints[[36, 45]].mean(0) - keypoints[[48, 54]].mean(0)
    across = across / np.linalg.norm(across)
    up = up - (up @ across) * across
    up = up / np.linalg.norm(up)
    return np.stack([across, up, np.cross(across, up)])
