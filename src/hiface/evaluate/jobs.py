"""Scoring many meshes: in several processes, failures kept as problems, finished figures on disk."""

from __future__ import annotations

import hashlib
import json
import logging
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from hiface.assets.format import json_text
from hiface.errors import HiFaceError, MeshError
from hiface.evaluate.report import write_text

_LOG = logging.getLogger(__name__)
_HEAD = 1 << 20  # of a file that is hashed; drawn faces of other seeds differ from the first byte on


@dataclass(frozen=True)
class Problem:
    """Something that could not be scored, or that makes the figures incomplete."""

    name: str
    """The mesh, file or subject."""
    message: str


@runtime_checkable
class Job(Protocol):
    """One mesh to score."""

    @property
    def name(self) -> str: ...
    @property
    def path(self) -> Path: ...


_S = TypeVar("_S")
_J = TypeVar("_J", bound=Job)
_R = TypeVar("_R")


def run(
    score: Callable[[_S, _J], _R],
    setting: _S,
    jobs: Sequence[_J],
    workers: int,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> tuple[list[_R], list[Problem]]:
    """`score(setting, job)` of every job, in order, and a problem for each that HiFace refused.

    `score` must be a module's function and everything else picklable where there are several `workers`.
    """
    results, problems = list[_R](), list[Problem]()
    for done, (job, outcome) in enumerate(_outcomes(partial(_attempt, score, setting), jobs, workers), 1):
        if isinstance(outcome, Problem):
            problems.append(outcome)
            _LOG.warning("%s: %s", outcome.name, outcome.message)
        else:
            results.append(outcome)
        if on_progress:
            on_progress(done, len(jobs), job.name)
    return results, problems


def _outcomes(
    attempt: Callable[[_J], _R | Problem], jobs: Sequence[_J], workers: int
) -> Iterator[tuple[_J, _R | Problem]]:
    if workers <= 1:
        yield from ((job, attempt(job)) for job in jobs)
        return
    context = multiprocessing.get_context("spawn")  # numba and BLAS threads do not survive a fork
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield from zip(jobs, pool.map(attempt, jobs), strict=True)


def _attempt(score: Callable[[_S, _J], _R], setting: _S, job: _J) -> _R | Problem:
    try:
        return score(setting, job)
    except HiFaceError as error:
        return Problem(job.name, str(error))


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Puts a file's name before the message of what is wrong with its content."""
    try:
        yield
    except MeshError as error:
        raise MeshError(f"{path}: {error}") from error


def digest(paths: Sequence[Path], settings: str) -> str:
    """A hash of files and settings: an old figure is kept only if nothing that made it has changed."""
    total = hashlib.sha256(settings.encode())
    for path in paths:
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def fingerprint(paths: Sequence[Path]) -> str:
    """A hash of files by name, size and beginning: quick for gigabytes, and other data are told apart."""
    total = hashlib.sha256()
    for path in sorted(paths):
        with path.open("rb") as file:
            total.update(f"{path.name}:{path.stat().st_size};".encode() + file.read(_HEAD))
    return total.hexdigest()


def write_record(path: Path, stamp: str, score: dict[str, Any]) -> None:
    """Keeps a finished figure with the digest of what it was made of."""
    write_text(path, json_text({"digest": stamp, "score": score}))


def read_record(path: Path, stamp: str) -> dict[str, Any] | None:
    """The figure of an earlier run, if its inputs were the same."""
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return dict(content["score"]) if content["digest"] == stamp else None
    except (ValueError, KeyError, TypeError):
        _LOG.warning("%s: not a record of this program, its mesh is scored again", path)
        return None
