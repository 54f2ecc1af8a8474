"""`hiface reconstruct`: photos to faces."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.progress import track

from hiface.assets.format import json_text, write_atomically
from hiface.errors import HiFaceError, OutputError
from hiface.model import FaceHint, HiFace, load
from hiface.photo.read import find_photos

log = logging.getLogger(__name__)


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
    box: tuple[float, float, float, float] | None = None,
    html: bool = False,
    tension: Literal["plain", "oriented"] | None = None,
) -> int:
    """Reconstruct the face, or all faces, of photos or of folders of photos.

    Writes under OUT/<photo name>/: overview.png, coarse.obj, detail.obj, face.glb, texture.png, maps/,
    coefficients.safetensors and reconstruction.json. With several faces in a photo: face1/, face2/ below it.

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
    box
        Left, top, right and bottom of the face in photo pixels, in place of the detector. One photo only.
    html
        Write face.html too: the face as a page to turn and play with (see `hiface view`).
    tension
        What makes wrinkles of an expression: "plain" (Eq. 8) or "oriented", which also sees skin that is squeezed one
        way and stretched the other, as lips in a pucker. As the weights say unless given.
    """
    found = find_photos(photos)
    if box is not None and len(found) > 1:
        raise HiFaceError(f"--box says where one face is, but {len(found)} photos were given; give one photo")
    _check_writable(out)
    model = load(weights, device, face_model=face_model, detail_basis=detail_basis, albedo=albedo, tension=tension)
    hint = None if box is None else FaceHint(box_xyxy=_array(box))
    failures: list[str] = []
    written: list[Path] = []
    for path in track(found, "photos", console=Console(stderr=True), disable=len(found) == 1):
        try:
            written += _one(model, path, out, faces, hint, ipd, html)
        except HiFaceError as error:
            if isinstance(error, OutputError) or len(found) == 1:
                raise
            failures.append(str(error))
    for folder in written:
        log.info("%s", folder)
    if failures:
        Console(stderr=True).print(
            f"{len(failures)} of {len(found)} photos failed:", *failures, sep="\n  ", markup=False
        )
    return 1 if failures else 0


def _one(
    model: HiFace,
    path: Path,
    out: Path,
    faces: Literal["largest", "all"],
    hint: FaceHint | None,
    ipd: float | None,
    html: bool,
) -> list[Path]:
    results = model.reconstruct(path, faces=faces, hint=hint, ipd_mm=ipd)
    base = out / path.stem
    folders = [base] if len(results) == 1 else [base / f"face{k + 1}" for k in range(len(results))]
    for result, folder in zip(results, folders, strict=True):
        result.save(folder)
        if html:
            from hiface.view.html import write_page

            write_page(folder / "face.html", result)
    return folders


def _array(box: tuple[float, float, float, float]):  # type: ignore[no-untyped-def]
    import numpy as np

    return np.array(box, np.float64)


def _check_writable(out: Path) -> None:
    """Fail before the work, not after it."""
    probe = write_atomically(out / ".hiface-writable", lambda p: p.write_text(json_text(json.loads("{}"))))
    probe.unlink()
