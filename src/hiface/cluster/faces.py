"""Photos to folders of files, one job a photo: names that do not clash, and a record of what is done."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from safetensors import SafetensorError, safe_open

import hiface
from hiface.assets.format import json_text, write_atomically
from hiface.assets.store import locate
from hiface.errors import AssetError

DONE = ".done"
"""Folder below the results with a record for each finished photo."""
_SUMMARY = "reconstruction.json"


@dataclass(frozen=True)
class Wanted:
    """What is asked of every photo; all of it changes the results but `device` and `threads`."""

    out: Path
    faces: Literal["largest", "all"] = "largest"
    box_xyxy: tuple[float, float, float, float] | None = None
    ipd_mm: float | None = None
    html: bool = False
    weights: str = "hiface.safetensors"
    face_model: str = "face_model.safetensors"
    detail_basis: str = "detail_basis.safetensors"
    albedo: str = "albedo.safetensors"
    parser: str | None = None
    """Face parser for the textures; the packaged one, if there is one, unless given."""
    tension: Literal["plain", "oriented"] | None = None
    """What makes wrinkles; as the weights say unless given."""
    device: str = "auto"
    threads: int | None = None
    """Compute threads; as many as torch takes by itself unless given."""

    def absolute(self) -> Wanted:
        """The same files from whatever folder a process runs in; names of shipped assets stay names."""
        weights, face_model, detail_basis, albedo = (_absolute(getattr(self, name)) for name in _ASSETS)
        return replace(
            self, out=self.out.absolute(), weights=weights, face_model=face_model, detail_basis=detail_basis,
            albedo=albedo, parser=None if self.parser is None else _absolute(self.parser),
        )  # fmt: skip


_ASSETS = ("weights", "face_model", "detail_basis", "albedo")


def _absolute(asset: str) -> str:
    return str(Path(asset).absolute()) if Path(asset).is_file() else asset


@dataclass(frozen=True)
class PhotoJob:
    """One photo, and the folder below the results that is its."""

    photo: Path
    name: str


def jobs_of(photos: Sequence[Path]) -> list[PhotoJob]:
    """A folder for each photo: its name without suffix, with it where two would share a folder, numbered at last."""
    names = [p.stem for p in photos]
    for better in (lambda k: photos[k].name, lambda k: f"{photos[k].name}-{k + 1}"):
        count = Counter(n.casefold() for n in names)  # some file systems know no case
        names = [better(k) if count[n.casefold()] > 1 else n for k, n in enumerate(names)]
    return [PhotoJob(photo, name) for photo, name in zip(photos, names, strict=True)]


def face_maker(wanted: Wanted) -> Callable[[PhotoJob], list[Path]]:
    """What reconstructs a photo, writes its folders, records that it is done, and returns them."""
    import torch

    from hiface.model import load

    if wanted.threads is not None:
        torch.set_num_threads(wanted.threads)
    assets = {k: getattr(wanted, k) for k in _ASSETS if k != "weights"}
    model = load(wanted.weights, wanted.device, tension=wanted.tension, parser=wanted.parser, **assets)
    stamp = stamp_of(wanted)

    def make(job: PhotoJob) -> list[Path]:
        results = model.reconstruct(job.photo, wanted.faces, _hint(wanted), wanted.ipd_mm)
        base = wanted.out / job.name
        folders = [base] if len(results) == 1 else [base / f"face{k + 1}" for k in range(len(results))]
        for result, folder in zip(results, folders, strict=True):
            result.save(folder)
            if wanted.html:
                from hiface.view.html import write_page

                write_page(folder / "face.html", result)
        record = {**_record(job, stamp), "folders": [str(f.relative_to(wanted.out)) for f in folders]}
        write_atomically(_record_path(wanted, job), lambda p: p.write_text(json_text(record), encoding="utf-8"))
        return folders

    return make


def is_done(wanted: Wanted, job: PhotoJob, stamp: str) -> bool:
    """Whether an earlier call has written this photo, as it is now, with what `stamp` stands for."""
    try:
        found = json.loads(_record_path(wanted, job).read_text(encoding="utf-8"))
        folders = [wanted.out / name for name in found.pop("folders")]
        return bool(found == _record(job, stamp)) and all((f / _SUMMARY).is_file() for f in folders)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def stamp_of(wanted: Wanted) -> str:
    """A hash of program, weights, assets and options: results under another one are made again."""
    options = {k: v for k, v in asdict(wanted).items() if k not in ("out", "device", "threads", "parser", *_ASSETS)}
    contents = {name: _content(getattr(wanted, name)) for name in _ASSETS}
    contents["parser"] = _content(wanted.parser) if wanted.parser else "packaged"
    told = json.dumps([hiface.__version__, options, contents], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def _content(asset: str) -> str:
    """The content hash that an asset states of itself."""
    path = locate(asset)
    try:
        with safe_open(str(path), framework="numpy") as file:
            return str((file.metadata() or {})["sha256"])
    except (SafetensorError, OSError, KeyError) as error:
        raise AssetError(f"{path}: not an asset of HiFace ({error}); give one that `hiface` wrote") from error


def _record(job: PhotoJob, stamp: str) -> dict[str, object]:
    """Size and time tell whether the photo is still the same, without reading all of a large folder again."""
    state = job.photo.stat()
    return {"photo": job.photo.name, "bytes": state.st_size, "modified_ns": state.st_mtime_ns, "stamp": stamp}


def _record_path(wanted: Wanted, job: PhotoJob) -> Path:
    return wanted.out / DONE / f"{job.name}.json"


def _hint(wanted: Wanted):  # type: ignore[no-untyped-def]  # its type would import torch
    import numpy as np

    from hiface.model import FaceHint

    return None if wanted.box_xyxy is None else FaceHint(box_xyxy=np.array(wanted.box_xyxy, np.float64))
