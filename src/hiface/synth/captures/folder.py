"""A folder of captures: one folder a subject, with its three maps and what is known of the person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float

from hiface.assets.format import json_text, write_atomically
from hiface.detail.maps import read_displacement, write_displacement
from hiface.errors import AssetError, HiFaceError
from hiface.synth.captures.generate import Capture
from hiface.synth.captures.person import Person

KINDS = ("neutral", "compressed", "stretched")
FARTHEST_MM = 15.0
"""No skin detail is deeper: a map that reaches further is in other units or holds the coarse shape."""


@dataclass(frozen=True)
class Subject:
    """A capture read from a folder."""

    name: str
    age: float
    """Years; NaN where unknown."""
    capture: Capture


def subject_folder(folder: Path, person: Person) -> Path:
    return folder / f"subject_{person.seed:05d}"


def is_complete(folder: Path) -> bool:
    """Whether a subject was written to its end: `subject.json` comes last."""
    return (folder / "subject.json").is_file()


def write_subject(folder: Path, person: Person, capture: Capture) -> None:
    """`neutral.png`, `compressed.png`, `stretched.png` with their ranges, then `subject.json`."""
    for kind in KINDS:
        write_displacement(folder / f"{kind}.png", getattr(capture, kind))
    write_atomically(folder / "subject.json", lambda p: p.write_text(json_text(asdict(person))))


def read_subject(folder: Path, side: int) -> Subject:
    """A subject's maps reduced to `side` texels; raises `AssetError` where one is missing or unreadable."""
    maps = [_reduced(read_displacement(_map_path(folder, kind)), side, folder) for kind in KINDS]
    return Subject(folder.name, _age(folder / "subject.json"), Capture(*maps))


def read_subjects(folder: Path, side: int) -> Iterator[Subject | HiFaceError]:
    """Every subject below a folder in order of name; for an unusable one, the error that says why."""
    folders = sorted(p for p in folder.iterdir() if p.is_dir())
    if not folders:
        raise AssetError(f"{folder}: expected a folder for each subject with {', '.join(KINDS)} maps, found none")
    for subject in folders:
        try:
            yield read_subject(subject, side)
        except HiFaceError as error:
            yield error


def _map_path(folder: Path, kind: str) -> Path:
    for ending in (".png", ".exr", ".tif", ".tiff"):
        if (folder / f"{kind}{ending}").is_file():
            return folder / f"{kind}{ending}"
    raise AssetError(f"{folder}: no {kind} map ({kind}.png, .exr or .tif)")


def _reduced(values: Float[np.ndarray, "N N"], side: int, folder: Path) -> Float[np.ndarray, "R R"]:
    if not np.isfinite(values).all():
        raise AssetError(f"{folder}: a map holds values that are not finite")
    farthest = float(np.abs(values).max())
    if farthest > FARTHEST_MM:
        raise AssetError(
            f"{folder}: a map reaches {farthest:.1f}; expected millimetres of detail within ±{FARTHEST_MM:.0f} mm"
        )
    if len(values) < side:
        raise AssetError(f"{folder}: maps have {len(values)} texels a side, {side} are needed")
    if len(values) == side:
        return values
    return np.asarray(cv2.resize(values, (side, side), interpolation=cv2.INTER_AREA))


def _age(path: Path) -> float:
    try:
        return float(json.loads(path.read_text())["age"])
    except (OSError, ValueError, KeyError, TypeError):
        return float("nan")
