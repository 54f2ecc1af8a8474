"""Runs the open benchmark: our meshes and others' against its scans and its truth, in one report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hiface.errors import MeshError
from hiface.evaluate.jobs import Problem
from hiface.evaluate.known import Against, Ruler, known_errors, known_table
from hiface.evaluate.methods import VIEWS, Method, Progress, compare
from hiface.evaluate.open_benchmark import SETS
from hiface.evaluate.predict import KINDS, predicted_methods
from hiface.evaluate.realy import RealyOptions
from hiface.evaluate.realy_tables import realy_table
from hiface.evaluate.report import Table, markdown, write_table, write_text
from hiface.evaluate.topologies import shipped


@dataclass(frozen=True)
class OpenResult:
    """Where the tables are, and what is wrong with them."""

    table: Path
    """Markdown: every table of the run."""
    problems: tuple[Problem, ...]


def evaluate_open(
    out: Path, others: Mapping[str, Path], weights: str, workers: int = 1, pictures: bool = True,
    on_progress: Progress | None = None,
) -> OpenResult:  # fmt: skip
    """All tables of the benchmark in `out`/benchmark; `others` are folders of MediaPipe-topology meshes by title.

    Raises `MeshError` where the benchmark has not been built.
    """
    tables, problems = list[Table](), list[Problem]()
    for name in SETS:
        root, folder = out / "benchmark" / name, out / name
        if not (root / "images").is_dir():
            raise MeshError(f"{root}: no benchmark there; build it first with --data (docs/evaluation.md)")
        report = None if on_progress is None else _prefixed(on_progress, name)
        images = {view: root / "images" / view for view in VIEWS}
        methods, failed = predicted_methods(images, folder, KINDS, weights, report)
        methods += _others(others, folder, name)
        scored = [m for m in methods if m.title != "HiFace neutral"]  # it is for the table of correspondences
        result = compare(root / "scans", scored, folder, None, RealyOptions(workers=workers), pictures, report)
        problems += [Problem(f"{name}: {p.name}", p.message) for p in (*failed, *result.problems)]
        tables.append(realy_table(result.rows, f"REALY's protocol on drawn {name} faces"))
        tables += _known(root, methods, name)
    for table in tables:
        write_table(out / "tables", table.title.lower().replace(" ", "_").replace("'", "").replace(",", ""), table)
    text = "\n".join(markdown(table) for table in tables)
    return OpenResult(write_text(out / "report.md", text), tuple(problems))


def _prefixed(report: Progress, name: str) -> Progress:
    return lambda title, done, total, item: report(f"{name}: {title}", done, total, item)


def _others(others: Mapping[str, Path], folder: Path, name: str) -> list[Method]:
    if not others:
        return []
    pair = shipped("mediapipe").write(folder / "topology", "mediapipe")
    return [Method(title, *pair, path / name / "frontal", path / name / "side") for title, path in others.items()]


def _known(root: Path, methods: list[Method], name: str) -> list[Table]:
    """Vertex by vertex, for each view: meshes with their expression against the shape in the picture, our neutral ones
    and the mean face against the neutral shape."""
    ruler, tables = Ruler.shipped(), []
    for view in VIEWS:
        names = sorted(path.stem for path in (root / "images" / view).glob("*.png"))
        for against, titles in _pairs(methods, name):
            chosen = [(m.title, getattr(m, view)) for m in methods if m.title in titles]
            rows = [(t, known_errors(p, root / "truth", against, ruler, _there(p, names))) for t, p in chosen]
            what = "neutral shape" if against == "neutral" else "shape in the picture"
            tables.append(known_table(f"Known correspondence, {name} faces, {view}, {what}", rows))
    return tables


def _there(predictions: Path, names: list[str]) -> list[str]:
    """Pictures that have a mesh; those without one are problems of the protocol's table already."""
    return names if predictions.is_file() else [name for name in names if (predictions / f"{name}.obj").is_file()]


def _pairs(methods: list[Method], name: str) -> list[tuple[Against, set[str]]]:
    """What is held against which truth. Finer meshes have no vertex of their own there; others' have an expression."""
    ours = {"mean face", "HiFace coarse"}
    foreign = {m.title for m in methods} - ours - {"HiFace neutral", "HiFace detailed"}
    neutral: tuple[Against, set[str]] = ("neutral", {"mean face", "HiFace neutral"})
    return [("shape", ours | foreign), neutral]
