"""`hiface reconstruct`: photos to faces."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from hiface.assets.format import write_atomically
from hiface.cluster.faces import PhotoJob, Wanted, face_maker, is_done, jobs_of, stamp_of
from hiface.cluster.jobs import Failure, in_turn
from hiface.errors import HiFaceError, OutputError
from hiface.photo.read import find_photos

log = logging.getLogger(__name__)
FAILURES = "failures.csv"


def reconstruct(
    photos: list[Path],
    /,
    *,
    out: Annotated[Path, Parameter(alias="-o")],
    faces: Literal["largest", "all"] = "largest",
    device: str = "auto",
    ipd: float | None = None,
    weights: str = "hiface.safetensors",
    face_model: str = "face_model.safetensors",
    detail_basis: str = "detail_basis.safetensors",
    albedo: str = "albedo.safetensors",
    parser: Path | None = None,
    box: tuple[float, float, float, float] | None = None,
    html: bool = False,
    tension: Literal["plain", "oriented"] | None = None,
    again: bool = False,
    engine: Literal["local", "ray"] = "local",
    workers: int | None = None,
    threads: int | None = None,
) -> int:
    """Reconstruct the face, or all faces, of photos or of folders of photos.

    Writes under OUT/<photo name>/: overview.png, coarse.obj, detail.obj, face.glb, texture.png, maps/,
    coefficients.safetensors and reconstruction.json. With several faces in a photo: face1/, face2/ below it. Of
    several photos those that an earlier call has finished are skipped; OUT/failures.csv lists those that failed.

    Parameters
    ----------
    photos
        Image files, or folders whose images are all taken.
    out
        Folder for the results; made if missing.
    faces
        "largest" takes one face a photo, "all" every face that is found.
    device
        "auto", "cpu" or "cuda".
    ipd
        The person's inter-pupillary distance, mm. Without it the mean of the age group is assumed, and said.
    weights
        A weight file; the shipped one unless given.
    face_model
        The face model that the weights were trained on; the shipped one unless given.
    detail_basis
        The detail basis that they were trained on.
    albedo
        The albedo that they were trained on.
    parser
        Weights of a face parser, which keeps hair, glasses and hands out of the texture; the shipped one unless given.
    box
        Left, top, right and bottom of the face in photo pixels, in place of the detector. One photo only.
    html
        Write face.html too: the face as a page to turn and play with (see `hiface view`).
    tension
        What makes wrinkles of an expression: "plain" (Eq. 8) or "oriented", which also sees skin that is squeezed one
        way and stretched the other, as lips in a pucker. As the weights say unless given.
    again
        Make all photos again, the finished ones too. A single photo is always made again.
    engine
        "local": in this process. "ray": a task for each photo on a Ray cluster, the one that RAY_ADDRESS or `ray start`
        names, or processes of this machine (extra `ray`; docs/scale.md). Photos and OUT must be there for all of them;
        with --device cuda each takes a GPU.
    workers
        With --engine ray: processes at a time, each of 1.4 GB of memory; as many as there are cores unless given.
    threads
        Compute threads of a process: all cores unless given, one with --engine ray.
    """
    jobs = jobs_of(find_photos(photos))
    if box is not None and len(jobs) > 1:
        raise HiFaceError(f"--box says where one face is, but {len(jobs)} photos were given; give one photo")
    _check_writable(out)
    threads = threads or (1 if engine == "ray" else None)
    wanted = Wanted(
        out, faces, box, ipd, html, weights, face_model, detail_basis, albedo, None if parser is None else str(parser),
        tension, device, threads,
    ).absolute()  # fmt: skip
    todo = jobs if again or len(jobs) == 1 else _missing(wanted, jobs)
    failures: list[tuple[PhotoJob, str]] = []
    with _progress(len(jobs)) as bar:
        task = bar.add_task("photos", total=len(jobs), completed=len(jobs) - len(todo))
        for job, outcome in _outcomes(wanted, todo, engine, workers):
            if isinstance(outcome, Failure):
                if outcome.fatal or len(jobs) == 1:
                    raise (OutputError if outcome.fatal else HiFaceError)(outcome.message)
                failures.append((job, outcome.message))
                bar.update(task, description=f"photos ({len(failures)} failed)")
            else:
                for folder in outcome:
                    log.info("%s", out / folder.relative_to(wanted.out))
            bar.advance(task)
    if len(jobs) > 1:
        _tell(out, len(jobs), len(jobs) - len(todo), failures)
    return 1 if failures else 0


def _missing(wanted: Wanted, jobs: Sequence[PhotoJob]) -> list[PhotoJob]:
    stamp = stamp_of(wanted)
    return [job for job in jobs if not is_done(wanted, job, stamp)]


def _outcomes(
    wanted: Wanted, jobs: Sequence[PhotoJob], engine: Literal["local", "ray"], workers: int | None
) -> Iterator[tuple[PhotoJob, list[Path] | Failure]]:
    if not jobs:
        return iter(())
    if engine == "local":
        return in_turn(face_maker, wanted, jobs)
    from hiface.cluster.ray_engine import on_ray

    return on_ray(face_maker, wanted, jobs, workers, wanted.threads or 1, gpus=int(wanted.device.startswith("cuda")))


def _progress(photos: int) -> Progress:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    return Progress(*columns, console=Console(stderr=True), disable=photos == 1)


def _tell(out: Path, photos: int, skipped: int, failures: Sequence[tuple[PhotoJob, str]]) -> None:
    """The end of a folder: what was skipped, what failed, and the list of failures beside the results."""
    console = Console(stderr=True)
    if skipped:
        console.print(f"{skipped} of {photos} photos were finished before (--again makes them again)")
    path = out / FAILURES
    if not failures:
        path.unlink(missing_ok=True)
        return
    shown = [message for _, message in failures[:20]]
    more = [f"... and {len(failures) - 20} more"] if len(failures) > 20 else []
    console.print(f"{len(failures)} of {photos} photos failed ({path}):", *shown, *more, sep="\n  ", markup=False)

    def write(temporary: Path) -> None:
        with temporary.open("w", newline="", encoding="utf-8") as file:
            rows = ((str(job.photo), message) for job, message in failures)
            csv.writer(file).writerows([("photo", "message"), *rows])

    write_atomically(path, write)


def _check_writable(out: Path) -> None:
    """Fail before the work, not after it."""
    write_atomically(out / ".hiface-writable", lambda p: p.write_text("")).unlink()
