"""Finds what a NoW run needs: the list of images, scans, landmarks, predictions. Says what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hiface.errors import MeshError
from hiface.evaluate.jobs import Problem
from hiface.evaluate.readers import MESH_SUFFIXES

_LANDMARK_SUFFIXES = (".npy", ".txt")
_IMAGE_LIST = "imagepathsvalidation.txt"


@dataclass(frozen=True)
class NowJob:
    """One image to score."""

    name: str
    """subject/challenge/image without ending."""
    subject: str
    challenge: str
    path: Path
    """The predicted mesh."""
    landmarks: Path
    scan: Path
    scan_landmarks: Path


@dataclass(frozen=True)
class NowJobs:
    """What there is to score, and what is missing."""

    jobs: tuple[NowJob, ...]
    problems: tuple[Problem, ...]


def find_jobs(
    dataset: Path, predictions: Path, image_list: str | None = None, challenge_only: str | None = None
) -> NowJobs:
    """The images that have all their files, and a problem for each of the others.

    `predictions` is a folder, or one mesh (with landmarks beside it) for every image. Raises `MeshError`
    for a dataset without a list of images.
    """
    jobs, problems = list[NowJob](), list[Problem]()
    listed = listed_images(dataset, image_list, challenge_only)
    for subject, challenge, image in listed:
        name = f"{subject}/{challenge}/{Path(image).stem}"
        stem = predictions.with_suffix("") if predictions.is_file() else predictions / name
        try:
            mesh, landmarks = _either(stem, MESH_SUFFIXES), _either(stem, _LANDMARK_SUFFIXES)
            scan = _only(dataset / "scans" / subject, "*.obj")
            points = _only(dataset / "scans_lmks_onlypp" / subject, "*.pp")
            jobs.append(NowJob(name, subject, challenge, mesh, landmarks, scan, points))
        except MeshError as error:
            problems.append(Problem(name, str(error)))
    if predictions.is_dir():
        known = {f"{subject}/{challenge}/{Path(image).stem}" for subject, challenge, image in listed}
        problems += _strangers(predictions, known, challenge_only)
    return NowJobs(tuple(jobs), tuple(problems))


def listed_images(dataset: Path, image_list: str | None, challenge: str | None) -> list[tuple[str, str, str]]:
    """Subject, challenge and file name of each listed image."""
    path = Path(image_list) if image_list else dataset / _IMAGE_LIST
    if not path.is_file():
        raise MeshError(f"{path}: no such image list; NoW's data come with an account at its authors' institute")
    split = [line.strip().replace("\\", "/").split("/")[-3:] for line in path.read_text("utf-8").splitlines()]
    found = [(parts[0], parts[1], parts[2]) for parts in split if len(parts) == 3]
    chosen = [image for image in found if challenge in (None, image[1])]
    if not chosen:
        challenges = sorted({image[1] for image in found})
        raise MeshError(f"{path}: expected lines ending in subject/challenge/image, found challenges {challenges}")
    return chosen


def _strangers(predictions: Path, known: set[str], challenge: str | None) -> list[Problem]:
    """Meshes whose name is no image of the list."""
    meshes = sorted(p for p in predictions.rglob("*") if p.suffix.lower() in MESH_SUFFIXES)
    names = [(p, p.relative_to(predictions).with_suffix("").as_posix()) for p in meshes]
    return [
        Problem(name, f"{path}: matches no image of the list; expected <subject>/<challenge>/<image>.obj")
        for path, name in names
        if name not in known and (challenge is None or f"/{challenge}/" in f"/{name}/")
    ]


def _either(stem: Path, suffixes: Sequence[str]) -> Path:
    found = [path for path in (stem.parent / f"{stem.name}{suffix}" for suffix in suffixes) if path.is_file()]
    if not found:
        raise MeshError(f"{stem}: no such file with the ending {' or '.join(suffixes)}; the prediction is missing")
    return found[0]


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise MeshError(f"{folder}: expected one file {pattern}, found {len(found)}; complete the dataset")
    return found[0]
