"""`hiface fit`: coefficients by optimisation."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from hiface.fit.given import GivenPoints, read_landmarks
from hiface.fit.photos import FitOptions
from hiface.fit.photos import fit as fit_photos
from hiface.model import HiFace, load
from hiface.photo.read import find_photos

log = logging.getLogger(__name__)


def fit(
    photos: list[Path],
    /,
    *,
    out: Annotated[Path, Parameter(alias="-o")],
    landmarks: Path | None = None,
    together: bool = False,
    steps: int = 60,
    photometric: bool = True,
    network: Annotated[bool, Parameter(negative="--without-network")] = True,
    ipd: float | None = None,
    device: str = "auto",
    weights: str = "hiface.safetensors",
) -> None:
    """Fit the largest face of each photo: its coefficients are moved to meet landmarks and pixels.

    Writes under OUT/<photo name>/ what `hiface reconstruct` writes.

    Parameters
    ----------
    photos
        Image files, or folders whose images are all taken.
    out
        Folder for the results; made if missing.
    landmarks
        .npy or .json with 68 (iBUG), 468 or 478 (MediaPipe) or 669 points a photo, photo pixels, perhaps with their
        uncertainty (docs/fit.md). Without it the network's own points are met.
    together
        The photos show one person: identity, albedo and static detail are shared.
    steps
        Steps of the photometric part at most; it ends earlier where nothing is gained.
    photometric
        Meet the pixels too; --no-photometric leaves points and priors.
    network
        Start from the network; --without-network starts from the mean face and the landmarks.
    ipd
        The person's inter-pupillary distance, mm.
    device
        "auto", "cpu" or "cuda".
    weights
        A weight file; the shipped one unless given.
    """
    found = find_photos(photos)
    given = None if landmarks is None else read_landmarks(landmarks, len(found))
    options = FitOptions(together=together, network=network, photometric=photometric, steps=steps)
    model = load(weights, device)
    for paths, points in _groups(found, given, together):
        _one(model, paths, points, options, ipd, out)


def _groups(
    found: list[Path], given: list[GivenPoints] | None, together: bool
) -> list[tuple[list[Path], list[GivenPoints] | None]]:
    """What is fitted at a time: one person's photos, or each photo."""
    if together:
        return [(found, given)]
    return [([path], None if given is None else [given[k]]) for k, path in enumerate(found)]


def _one(
    model: HiFace, paths: list[Path], points: list[GivenPoints] | None, options: FitOptions, ipd: float | None,
    out: Path,
) -> None:  # fmt: skip
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[objective]}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar:
        name = paths[0].name if len(paths) == 1 else f"{len(paths)} photos"
        task = bar.add_task(name, total=options.steps, objective="")

        def on_progress(step: int, _steps: int, objective: float) -> None:
            bar.update(task, completed=step, objective=f"objective {objective:.1f}")

        results = fit_photos(model, list(paths), points, options, ipd, on_progress)
        bar.update(task, completed=options.steps)
    for path, result in zip(paths, results, strict=True):
        log.info("%s", result.save(out / path.stem))
