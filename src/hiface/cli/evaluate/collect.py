"""`hiface evaluate collect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console


def collect(folder: Path, /, *, layout: str, out: Annotated[Path, Parameter(alias="-o")]) -> None:
    """Gather another program's meshes under their pictures' names, ready for `hiface evaluate realy`.

    Parameters
    ----------
    folder
        The program's output folder.
    layout
        deca, deca-detail, deep3d, 3ddfa-v2, mica, hrn, mediapipe, ict, hiface-coarse, or a pattern with {name}.
    out
        Folder for <picture>.obj.
    """
    from hiface.evaluate.peers import LAYOUTS
    from hiface.evaluate.peers import collect as gather

    count = gather(folder, layout, out)
    topology = f"; their topology: {LAYOUTS[layout].topology}" if layout in LAYOUTS else ""
    Console().print(f"{count} meshes in {out}{topology}", highlight=False)
