"""Makes folders of captures: several at a time, kept where already written."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from hiface.errors import ConfigError
from hiface.face.model import FaceModel
from hiface.synth.captures.folder import is_complete, subject_folder, write_subject
from hiface.synth.captures.generate import CaptureGenerator
from hiface.synth.captures.person import Person, even_age

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class CaptureOptions:
    """What `make_captures` writes."""

    out: Path
    """Folder of the subjects; made where missing."""
    count: int = 332
    side: int = 512
    """Texels a side."""
    first: int = 0
    """Seed of the first person; the next have the next seeds."""
    workers: int = 1
    skins: Path | None = None
    """Folder of photographed skins for pores and grain; None leaves them out."""
    face_model: str = "face_model.safetensors"

    def __post_init__(self) -> None:
        if self.count < 1 or self.workers < 1 or self.side < 32:
            raise ConfigError(
                f"count {self.count} and workers {self.workers} must be at least 1, side {self.side} at least 32"
            )


def make_captures(options: CaptureOptions, on_progress: OnProgress | None = None) -> int:
    """Write every subject that is missing; gives how many were made.

    Subject k is the person of seed `first + k` whatever the number of workers, so a run that was stopped goes
    on where it was. `on_progress(done, count)` hears of every subject.
    """
    people = [Person.draw(seed, even_age(seed)) for seed in range(options.first, options.first + options.count)]
    missing = [p for p in people if not is_complete(subject_folder(options.out, p))]
    for made, _ in enumerate(_made(options, missing), 1):
        if on_progress:
            on_progress(options.count - len(missing) + made, options.count)
    return len(missing)


def _made(options: CaptureOptions, people: list[Person]) -> Iterator[None]:
    make = partial(_make, options)
    if options.workers == 1 or len(people) < 2:
        yield from map(make, people)
        return
    context = multiprocessing.get_context("spawn")  # a fork would share locks of torch and numba
    with ProcessPoolExecutor(min(options.workers, len(people)), mp_context=context) as pool:
        yield from pool.map(make, people)


def _make(options: CaptureOptions, person: Person) -> None:
    generator = _generator(options.face_model, options.side, options.skins)
    write_subject(subject_folder(options.out, person), person, generator.capture(person))


@cache
def _generator(face_model: str, side: int, skins: Path | None) -> CaptureGenerator:
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    return CaptureGenerator(FaceModel.load(face_model), side, skins)
