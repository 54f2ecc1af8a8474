"""`hiface evaluate realy`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from hiface.cli.evaluate.show import bars, finish
from hiface.errors import HiFaceError
from hiface.evaluate.jobs import Problem
from hiface.evaluate.methods import Method, compare, mean_face
from hiface.evaluate.realy import RealyOptions


def realy(
    *,
    scans: Path,
    out: Annotated[Path, Parameter(alias="-o")],
    predictions: Path | None = None,
    side: Path | None = None,
    images: Path | None = None,
    side_images: Path | None = None,
    template: Path | None = None,
    keypoints: Path | None = None,
    topology: Literal["hiface", "mediapipe"] = "hiface",
    scale: Path | None = None,
    mask: str | None = None,
    title: str = "prediction",
    kinds: Annotated[tuple[Literal["coarse", "detailed", "neutral"], ...], Parameter(consume_multiple=True)] = (
        "coarse",
        "detailed",
    ),
    weights: str = "hiface.safetensors",
    workers: int = 1,
    pictures: bool = True,
    meshes: bool = False,
    resume: bool = True,
) -> int:
    """REALY's exact protocol on anybody's meshes, or on ours made from the benchmark's images.

    Meshes: --predictions DIR (one <image name>.obj an image; --side DIR for the side views) with --template and
    --keypoints of their topology; the benchmark's repository has the pairs of FLAME, BFM and HIFI3D, and
    `hiface evaluate keypoints` makes others. Ours: --images DIR (and --side-images DIR) runs the model first.
    Every table has the row of the mean face. Figures are mm; a run goes on where it was interrupted.

    Parameters
    ----------
    scans
        The benchmark: REALY_HIFI3D_keypoints/, REALY_scan_region/, metrical_scale.txt.
    out
        Folder for tables (Markdown, LaTeX, CSV), errors, pictures and records.
    predictions
        Folder of meshes of the frontal images, or one mesh for every scan.
    side
        The same for the side images.
    images
        Frontal images: our model makes the meshes.
    side_images
        Side images.
    template
        Mesh of the predictions' topology; only its connectivity is used.
    keypoints
        Its 85 keypoints, a JSON array of [triangle, weight, weight].
    topology
        Without a template: "hiface" for meshes in the order of our coarse.obj, "mediapipe" for 468 points.
    scale
        File of mm per unit, one line a subject, where it is not in the scans' folder.
    mask
        Template mask (0 or 1 a vertex). It changes figures; published ones were made without.
    title
        Name of the method in the tables.
    kinds
        With --images: "coarse", "detailed" (both with the predicted expression) and "neutral".
    weights
        With --images: a weight file; the shipped one unless given.
    workers
        Processes; each judges whole meshes and needs about 300 MB.
    pictures
        Draw each scan coloured by its errors.
    meshes
        Also write the aligned, deformed and coloured meshes of every pair (.obj).
    resume
        Keep figures of an earlier run into the same folder whose inputs have not changed.
    """
    options = RealyOptions(title=title, workers=workers, resume=resume, save_meshes=meshes, mask=mask)
    if (images is None and side_images is None) == (predictions is None and side is None):
        raise HiFaceError("give either meshes (--predictions, --side) or pictures (--images, --side-images)")
    with bars() as progress:
        if predictions is not None or side is not None:
            methods, failed = _given(out, predictions, side, template, keypoints, topology, title), list[Problem]()
        else:
            from hiface.evaluate.predict import KINDS, predicted_methods

            chosen = {"frontal": images, "side": side_images}
            order = [kind for kind in KINDS if kind in kinds]
            methods, failed = predicted_methods({k: v for k, v in chosen.items() if v}, out, order, weights, progress)
        result = compare(scans, methods, out, scale, options, pictures, progress)
    return finish(out / "table.md", [*failed, *result.problems])


def _given(
    out: Path, frontal: Path | None, side: Path | None, template: Path | None, keypoints: Path | None,
    topology: Literal["hiface", "mediapipe"], title: str,
) -> list[Method]:  # fmt: skip
    from hiface.evaluate.topologies import from_files, shipped

    if (template is None) != (keypoints is None):
        raise HiFaceError("--template and --keypoints belong together; give both, or neither for a shipped topology")
    if template is not None and keypoints is not None:
        baseline = mean_face(from_files(template, keypoints), out / "topology")
    else:
        baseline = mean_face(shipped(topology), out / "topology")
    return [baseline, Method(title, baseline.template, baseline.keypoints, frontal, side)]
