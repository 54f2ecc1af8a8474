"""`hiface evaluate now`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from hiface.cli.evaluate.show import bars, finish
from hiface.errors import HiFaceError
from hiface.evaluate.jobs import Problem
from hiface.evaluate.now import NowOptions, evaluate_folder


def now(
    *,
    dataset: Path,
    out: Annotated[Path, Parameter(alias="-o")],
    predictions: Path | None = None,
    images: Path | None = None,
    unit: Literal["mm", "cm", "m"] | None = None,
    challenge: str | None = None,
    image_list: str | None = None,
    title: str = "prediction",
    weights: str = "hiface.safetensors",
    workers: int = 1,
    meshes: bool = False,
    resume: bool = True,
) -> int:
    """The NoW challenge's protocol on anybody's meshes, or on our neutral ones made from its images.

    Writes the cumulative curve, median, mean and standard deviation, of all images and of each challenge. Predictions
    must be neutral. A run goes on where it was interrupted.

    Parameters
    ----------
    dataset
        The challenge's folder: scans/, scans_lmks_onlypp/, imagepathsvalidation.txt.
    out
        Folder for tables, curve, distances and records.
    predictions
        Folder of <subject>/<challenge>/<image>.obj or .ply, with seven landmarks beside each (.npy or .txt).
    images
        Folder of <subject>/<challenge>/<image>: our model makes neutral meshes and landmarks in OUT/predictions.
    unit
        Unit of the meshes: the metrical protocol. Without it scale is fitted: the non-metrical one.
    challenge
        Only multiview_neutral, multiview_expressions, multiview_occlusions or selfie.
    image_list
        File of lines that end in <subject>/<challenge>/<image>; the validation list unless given.
    title
        Name of the method in the tables.
    weights
        With --images: a weight file; the shipped one unless given.
    workers
        Processes.
    meshes
        Also write the placed prediction and the coloured scan of every image (.obj).
    resume
        Keep figures of an earlier run into the same folder whose inputs have not changed.
    """
    if (predictions is None) == (images is None):
        raise HiFaceError("give either meshes (--predictions) or pictures (--images)")
    options = NowOptions(title, unit, challenge, image_list, workers, resume, meshes)
    failed = list[Problem]()
    with bars() as progress:
        if images is not None:
            from hiface.evaluate.predict import write_now_predictions

            predictions = out / "predictions"
            failed = write_now_predictions(dataset, images, predictions, options, weights, progress)
        assert predictions is not None
        result = evaluate_folder(
            dataset, predictions, out, options, lambda done, total, name: progress("NoW", done, total, name)
        )
    return finish(out / "table.md", [*failed, *result.problems])
