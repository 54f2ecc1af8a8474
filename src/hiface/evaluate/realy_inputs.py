"""Finds and checks what a REALY run needs: scans, keypoints, scales, predictions."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from hiface.errors import MeshError
from hiface.evaluate.jobs import Problem
from hiface.evaluate.readers import read_keypoints, read_mesh, read_scale
from hiface.evaluate.realy_regions import REGIONS, Anchors, Scan
from hiface.geometry.similarity import Similarity
from hiface.geometry.surface import Mesh
from hiface.geometry.topology import unique_edges

_Array = np.ndarray[Any, np.dtype[Any]]

KEYPOINT_FOLDER = "REALY_HIFI3D_keypoints"
REGION_FOLDER = "REALY_scan_region"
SCALE_FILE = "metrical_scale.txt"
_NAME = re.compile(r"(\d+)(?:_(.*))?")
_EYE_DISTANCE_MM = 90.0  # between the outer eye corners of an adult; a child of six has about 75
_OUTER_EYES = (36, 45)
_UNITS = {-3: "micrometres", 0: "millimetres", 1: "centimetres", 2: "decimetres", 3: "metres"}


@dataclass(frozen=True)
class Benchmark:
    """Where the scans are."""

    folder: Path
    scale_file: Path
    scale: Float[np.ndarray, "N"]
    """Millimetres per unit; entry k belongs to subject k + 1."""
    subjects: tuple[int, ...]
    """Those with keypoints and regions."""
    problems: tuple[Problem, ...]
    """Subjects of which only a part is there."""

    def files(self, subject: int) -> list[Path]:
        """The subject's keypoints and regions."""
        regions = self.folder / REGION_FOLDER / str(subject)
        return [self.folder / KEYPOINT_FOLDER / f"{subject}.obj", *(regions / f"{r}.obj" for r in REGIONS)]

    def read(self, subject: int) -> Scan:
        """The subject's scan, checked."""
        keypoints, *regions = self.files(subject)
        meshes = [read_mesh(path, single=True) for path in regions]
        for path, mesh in zip(regions, meshes, strict=True):
            if not len(mesh.triangles):
                raise MeshError(f"{path}: expected a scan region with triangles, found none; it is empty or cut off")
        scan = Scan(
            subject,
            read_keypoints(keypoints),
            dict(zip(REGIONS, meshes, strict=True)),
            float(self.scale[subject - 1]),
        )
        _check_size(scan, self.scale_file)
        return scan


@dataclass(frozen=True)
class RealyJob:
    """One mesh to score."""

    name: str
    """Name of the image, without ending."""
    subject: int
    view: str
    """What follows the first underscore; empty for a frontal image."""
    path: Path


@dataclass(frozen=True)
class Jobs:
    """What there is to score, and what is missing."""

    jobs: tuple[RealyJob, ...]
    problems: tuple[Problem, ...]


def open_benchmark(folder: str | Path, scale_file: str | Path | None = None) -> Benchmark:
    """The scans of a folder in the benchmark's own layout. Raises `MeshError` where it is not one."""
    root = Path(folder)
    for part in (KEYPOINT_FOLDER, REGION_FOLDER):
        if not (root / part).is_dir():
            raise MeshError(
                f"{root}: expected a folder {part} in it, found none; REALY's data come with the Headspace "
                "agreement, unpack them here, or give the folder that holds them"
            )
    scale_path = Path(scale_file) if scale_file is not None else root / SCALE_FILE
    scale = read_scale(scale_path)
    with_points = {int(p.stem) for p in (root / KEYPOINT_FOLDER).glob("*.obj") if p.stem.isdigit()}
    with_regions = {int(p.name) for p in (root / REGION_FOLDER).iterdir() if p.is_dir() and p.name.isdigit()}
    problems = [
        *(Problem(f"scan {k}", f"no folder {REGION_FOLDER}/{k} in {root}") for k in with_points - with_regions),
        *(Problem(f"scan {k}", f"no file {KEYPOINT_FOLDER}/{k}.obj in {root}") for k in with_regions - with_points),
    ]
    both = with_points & with_regions
    without = sorted(k for k in both if not 1 <= k <= len(scale))
    problems += [Problem(f"scan {k}", f"{scale_path} has {len(scale)} lines, none for it") for k in without]
    subjects = tuple(sorted(both - set(without)))
    if not subjects:
        raise MeshError(f"{root}: expected scans, found none with keypoints, regions and a scale; {problems[:1]}")
    return Benchmark(root, scale_path, scale, subjects, tuple(sorted(problems, key=lambda p: p.name)))


def find_jobs(benchmark: Benchmark, predictions: str | Path, expected: Iterable[str] | None = None) -> Jobs:
    """The meshes to score: the .obj files of a folder, or one .obj file against every scan (a mean face).

    `expected` are the names of the images. Without it every scan must have a mesh, and as many views as most
    scans have. What is missing or matches no scan is a problem; nothing is left out silently.
    """
    place = Path(predictions)
    if place.is_file():
        return Jobs(tuple(RealyJob(str(k), k, "", place) for k in benchmark.subjects), ())
    if not place.is_dir():
        raise MeshError(f"{place}: no such folder of predictions; give the folder that holds one .obj an image")
    found, problems = list[RealyJob](), list[Problem]()
    for path in sorted(place.glob("*.obj"), key=_order):
        match = _NAME.fullmatch(path.stem)
        if match is None or int(match[1]) not in benchmark.subjects:
            problems.append(Problem(path.name, _stranger(path, benchmark)))
        else:
            found.append(RealyJob(path.stem, int(match[1]), match[2] or "", path))
    names = {job.name for job in found}
    missing = sorted(set(expected) - names) if expected is not None else _missing(found, benchmark.subjects)
    problems += [Problem(name, f"no prediction {name}.obj in {place}") for name in missing]
    return Jobs(tuple(found), tuple(problems))


def check_prediction(mesh: Mesh, anchors: Anchors, template: Mesh, template_name: str) -> Mesh:
    """The prediction, with the template's triangles where its file has none.

    Raises `MeshError` for another number of vertices, or for vertices in another order than the template's.
    """
    if len(mesh.vertices) != anchors.vertex_count:
        raise MeshError(
            f"expected the {anchors.vertex_count} vertices of {template_name}, found {len(mesh.vertices)}; "
            "give the template of this mesh, or export without splitting vertices at texture seams"
        )
    if not np.ptp(mesh.vertices, axis=0).any():
        raise MeshError("expected a face, found all vertices in one place; export the mesh again")
    stretch = _edge_stretch(mesh, template)
    if np.median(stretch) > 3.0 or np.mean(stretch > 8.0) > 0.05:
        raise MeshError(
            f"vertices are in another order than in {template_name}: "
            f"{100 * np.mean(stretch > 8.0):.0f} % of its edges are over 8 times too long; "
            "export without merging or sorting vertices"
        )
    return mesh if len(mesh.triangles) else Mesh(mesh.vertices, template.triangles)


def unit_note(alignment: Similarity, scan: Scan) -> str | None:
    """A sentence on the unit of a prediction that is not in millimetres, judged by the scan's true size."""
    power = _power_of_ten(alignment.scale * scan.mm_per_unit)
    if power is None or power == 0:
        return None
    unit = _UNITS.get(power, f"units of {10.0**power:g} mm")
    return f"the mesh seems to be in {unit}; REALY fits the scale, so the figures are not affected"


def _order(path: Path) -> tuple[int, str]:
    """The benchmark's order: the number that is left when underscores are deleted; other names last."""
    joined = path.stem.replace("_", "")
    return (int(joined) if joined.isdigit() else 2**62, path.stem)


def _stranger(path: Path, benchmark: Benchmark) -> str:
    return (
        f"{path}: expected a name such as 17.obj or 17_3.obj whose first number is one of the "
        f"{len(benchmark.subjects)} scans in {benchmark.folder}, found none; rename or remove the file"
    )


def _missing(found: list[RealyJob], subjects: Sequence[int]) -> list[str]:
    """Names of predictions that should be there, judged by the views that most scans have."""
    views = {k: frozenset(job.view for job in found if job.subject == k) for k in subjects}
    usual = Counter(v for v in views.values() if v).most_common(1)
    complete = usual[0][0] if usual and usual[0][1] * 2 > len(subjects) else frozenset()
    most = Counter(len(v) for v in views.values() if v).most_common(1)
    count = most[0][0] if most else 1
    missing = list[str]()
    for k in subjects:
        lacking = [f"{k}_{view}" if view else str(k) for view in sorted(complete - views[k])]
        nameless = [f"{k}_(view {i + 1} of {count})" for i in range(len(views[k]), count)] if count > 1 else [str(k)]
        if len(views[k]) < count or lacking:
            missing += lacking or nameless
    return missing


def _edge_stretch(mesh: Mesh, template: Mesh) -> _Array:
    """Length of each of the template's edges in the mesh over that in the template, sizes made equal."""
    edges = unique_edges(np.pad(template.triangles, ((0, 0), (0, 1)), constant_values=-1))
    lengths = [np.linalg.norm(np.diff(m.vertices[edges], axis=1)[:, 0], axis=1) for m in (mesh, template)]
    size = [np.median(np.linalg.norm(m.vertices - np.median(m.vertices, axis=0), axis=1)) for m in (mesh, template)]
    kept = lengths[1] > 0
    stretch: _Array = (lengths[0][kept] / max(size[0], 1e-300)) / (lengths[1][kept] / max(size[1], 1e-300))
    return stretch


def _check_size(scan: Scan, scale_file: Path) -> None:
    left, right = scan.keypoints[list(_OUTER_EYES)]
    distance = float(np.linalg.norm(left - right)) * scan.mm_per_unit
    power = _power_of_ten(distance / _EYE_DISTANCE_MM)
    if power is None or power == 0:
        return
    raise MeshError(
        f"{scale_file}: scan {scan.subject} would measure {distance:.4g} mm between its outer eye corners, "
        f"expected about {_EYE_DISTANCE_MM:g}; scan or scale are off by a factor of {10.0 ** abs(power):g}, "
        f"{'divide' if power > 0 else 'multiply'} the scale by it"
    )


def _power_of_ten(ratio: float) -> int | None:
    """The power of ten that a ratio is (within 60 %), or None if it is near none."""
    if not (math.isfinite(ratio) and ratio > 0):
        return None
    exponent = round(math.log10(ratio))
    return exponent if abs(math.log10(ratio) - exponent) < 0.22 else None
