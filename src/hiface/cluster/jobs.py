"""Many jobs with one tool: a process makes it once (a loaded model, a generator) and does job after job with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from hiface.errors import HiFaceError, OutputError

S = TypeVar("S")
J = TypeVar("J")
R = TypeVar("R")
Maker = Callable[[S], Callable[[J], R]]
"""A module's function that makes a tool of a setting; the tool does a job."""


@dataclass(frozen=True)
class Failure:
    """A job without a result."""

    message: str
    fatal: bool = False
    """Every other job would fail like it: the tool cannot be made, or results cannot be written."""


def attempt(tool: Callable[[J], R], job: J) -> R | Failure:
    """The job's result, or what HiFace says is wrong; anything else is an error of the program and is raised."""
    try:
        return tool(job)
    except HiFaceError as error:
        return Failure(str(error), fatal=isinstance(error, OutputError))


def in_turn(make: Maker[S, J, R], setting: S, jobs: Iterable[J]) -> Iterator[tuple[J, R | Failure]]:
    """Each job with its outcome, done in this process in the order given."""
    tool = make(setting)
    for job in jobs:
        yield job, attempt(tool, job)
