"""`hiface evaluate open`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hiface.cli.evaluate.show import bars, finish


def open_benchmark(
    *,
    out: Annotated[Path, Parameter(alias="-o")],
    data: Path | None = None,
    identities: Path | None = None,
    heads: Path | None = None,
    people: int | None = None,
    side: int = 512,
    seed: int = 1,
    other: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    weights: str = "hiface.safetensors",
    workers: int = 1,
    pictures: bool = True,
    build_only: bool = False,
) -> int:
    """The open benchmark: drawn people whose exact shape is known, under REALY's protocol and vertex by vertex.

    Builds OUT/benchmark from the generator's data where it is not there yet, runs the model on its pictures, and writes
    tables for neutral and expressive faces, frontal and side: the mean face, HiFace coarse, detailed, and others'
    meshes. A run goes on where it was interrupted.

    Parameters
    ----------
    out
        Folder for the benchmark, the meshes and the tables.
    data
        Folder of the generator's source data (docs/synth.md); needed to build.
    identities
        .npy file with rows of identity coefficients: people that the face model knows.
    heads
        .npz file with `vertices` (N, V, 3), mm, in our topology: heads that its basis was not made of.
    people
        Only so many of each.
    side
        Pixels of a picture.
    seed
        Of everything but the identities.
    other
        "TITLE=FOLDER": MediaPipe-topology meshes (468 points) of the benchmark's pictures in FOLDER/<set>/<view>/.
    weights
        A weight file; the shipped one unless given.
    workers
        Processes for the protocol.
    pictures
        Draw each scan coloured by its errors.
    build_only
        Stop after building.
    """
    from hiface.evaluate.open_build import build
    from hiface.evaluate.open_run import evaluate_open

    with bars() as progress:
        if data is not None:
            build(out / "benchmark", data, identities, heads, people, side, seed, progress)
        if build_only:
            return 0
        others = dict(entry.split("=", 1) for entry in other)
        result = evaluate_open(out, {k: Path(v) for k, v in others.items()}, weights, workers, pictures, progress)
    return finish(result.table, result.problems)
