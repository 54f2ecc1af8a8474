"""`hiface animate`: one face driven by others."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hiface.animation import Transfer
from hiface.animation import animate as drive_face
from hiface.export.animation import write_animation
from hiface.export.folder import load_folder
from hiface.model import HiFace, Reconstruction, load

log = logging.getLogger(__name__)


def animate(
    source: Path,
    /,
    *,
    drive: Annotated[list[Path], Parameter(consume_multiple=True)],
    out: Annotated[Path, Parameter(alias="-o")],
    detail: Transfer = "dynamic",
    device: str = "auto",
    weights: str = "hiface.safetensors",
) -> None:
    """Give a face the expression, the static detail, or both, of other faces.

    Writes under OUT, per driver: NAME.png (source, driver, and the result coarse, detailed and textured), NAME.obj
    (the result's detailed mesh) and NAME.safetensors (its coefficients).

    Parameters
    ----------
    source
        A photo, or a folder that `hiface reconstruct` wrote.
    drive
        Photos or such folders whose faces drive the source.
    out
        Folder for the results; made if missing.
    detail
        What the drivers give. dynamic: their expression, wrinkles following it. static: their static detail (age,
        skin). both: both. none: their expression on the coarse mesh alone.
    device
        "auto", "cpu" or "cuda".
    weights
        A weight file; the shipped one unless given.
    """
    model = load(weights, device)
    face = _face(model, source)
    for path in drive:
        driver = _face(model, path)
        write_animation(face, driver, drive_face(face, driver, detail), out, path.stem)
        log.info("%s", out / f"{path.stem}.png")


def _face(model: HiFace, path: Path) -> Reconstruction:
    return load_folder(model, path) if path.is_dir() else model.reconstruct(path)[0]
