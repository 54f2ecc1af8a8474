"""`hiface view`: a face as a page to look at and play with."""

from __future__ import annotations

import json
import logging
import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hiface.errors import HiFaceError
from hiface.export.folder import SUMMARY, face_texture, load_folder
from hiface.export.texture import FaceTexture
from hiface.model import Reconstruction, load
from hiface.photo.read import read_photo
from hiface.view.html import write_page

log = logging.getLogger(__name__)
PAGE = "face.html"


def view(
    result: Path,
    /,
    *,
    out: Annotated[Path | None, Parameter(alias="-o")] = None,
    open_page: Annotated[bool, Parameter(name="--open")] = True,
    device: str = "auto",
    weights: str = "hiface.safetensors",
) -> None:
    """Write a face as one HTML file that needs no network, and open it in the browser.

    Parameters
    ----------
    result
        A folder that `hiface reconstruct` wrote, or a photo.
    out
        HTML file to write. Unless given: face.html in the folder, or the photo's name with .html where you are.
    open_page
        Open the page when it is written.
    device
        "auto", "cpu" or "cuda".
    weights
        A weight file; the shipped one unless given.
    """
    if not result.exists():
        raise HiFaceError(f"{result}: no such file or folder; give a folder of `hiface reconstruct`, or a photo")
    model = load(weights, device)
    if result.is_dir():
        face, path = load_folder(model, result), out or result / PAGE
        write_page(path, face, _photo_of(result), _texture_of(result, face))
    else:
        face, path = model.reconstruct(result)[0], out or Path(f"{result.stem}.html")
        write_page(path, face, result.name)
    log.info("%s", path)
    if open_page:
        webbrowser.open(path.resolve().as_uri())


def _photo_of(folder: Path) -> str:
    """The name of the photo behind a folder."""
    told = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    return Path(str(told.get("photo", folder.name))).name


def _texture_of(folder: Path, face: Reconstruction) -> FaceTexture:
    """The folder's own texture: it was made from the whole photo, of which the folder keeps a small crop."""
    made = face_texture(face)
    stored = folder / "texture.png"
    return replace(made, colour=read_photo(stored).pixels) if stored.is_file() else made
