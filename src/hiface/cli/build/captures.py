"""`hiface build captures`: displacement maps of people who do not exist."""

from __future__ import annotations

from pathlib import Path


def captures(
    *,
    out: Path,
    count: int = 332,
    workers: int = 1,
    side: int = 512,
    first: int = 0,
    skins: Path | None = None,
    face_model: str = "face_model.safetensors",
) -> None:
    """Draw captures of detail: a folder a person with a neutral, a compressed and a stretched map.

    Ages from 5 to 90, both sexes, six skin types, everyone on a skull of their own. A run that was stopped
    goes on where it was; the same seed gives the same person.

    Parameters
    ----------
    out
        Folder for the subjects.
    count
        People.
    workers
        Processes; each needs about 1 GB at 512 texels.
    side
        Texels a side of a map.
    first
        Seed of the first person.
    skins
        Folder of photographed skins on the face tile: adds pores and grain, on maps of 1024 texels and more.
    face_model
        Name or path of the face model whose skin is used.
    """
    from rich.progress import Progress

    from hiface.synth.captures.build import CaptureOptions, make_captures

    options = CaptureOptions(out, count, side, first, workers, skins, face_model)
    with Progress() as bar:
        task = bar.add_task("captures", total=count)
        made = make_captures(options, lambda done, total: bar.update(task, completed=done))
        bar.update(task, completed=count)
    print(f"{made} made, {count - made} were there already: {out}")
