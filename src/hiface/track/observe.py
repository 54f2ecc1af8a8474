"""The first pass: what the network says of every frame, kept on disk in chunks so that a stopped run goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from safetensors.torch import load_file, save
from torch import Tensor

from hiface.assets.format import json_text, write_atomically
from hiface.errors import ConfigError
from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE
from hiface.geometry.camera import apply_affine
from hiface.model import HiFace
from hiface.network.points import SeenPoints
from hiface.photo.crop import CropBox, crop_from_landmarks, crop_from_points5, photo_from_crop
from hiface.photo.read import Photo, read_photo
from hiface.reconstructor import Reconstructor
from hiface.track.clip import Clip
from hiface.types import Coefficients

CHUNK = 64
"""Frames in a file, and at most in memory."""
LOST = 0.03
"""Expected error of the points, crop sides, above which a face is taken for lost."""
_SETTLED = 0.08
"""Part of its side by which a crop may move from one frame to the next before the network looks again."""
_HALVES = ("identity", "albedo", "static", "light")
"""Stored as half floats: they are averaged over many frames."""


@dataclass(frozen=True)
class Observed:
    """What the network says of some frames (B)."""

    coefficients: Coefficients
    """In each frame's own crop. Where no face was found: zero."""
    xy: Float[Tensor, "B 478 2"]
    """Of `SeenPoints`."""
    log_sigma: Float[Tensor, "B 478"]
    boxes: Float[Tensor, "B 4"]
    """Centre, side and roll of the crops, pixels and radians."""
    error: Float[Tensor, "B"]
    """What the network expects its points to be off by, crop sides; infinite where no face was found."""

    def __len__(self) -> int:
        return len(self.error)

    def seen_on(self, model: Reconstructor) -> SeenPoints:
        """The points where the model lies."""
        return SeenPoints(self.xy.to(model.device), self.log_sigma.to(model.device))

    @property
    def found(self) -> Tensor:
        return torch.isfinite(self.error)

    def __getitem__(self, rows: slice | Tensor) -> Observed:
        return Observed(*(getattr(self, f.name)[rows] for f in fields(self)))

    @classmethod
    def cat(cls, parts: list[Observed]) -> Observed:
        rest = (torch.cat([getattr(p, f.name) for p in parts]) for f in fields(cls)[1:])
        return cls(Coefficients.cat([p.coefficients for p in parts]), *rest)


class Store:
    """The chunks of one clip in a folder."""

    def __init__(self, folder: Path, clip: Clip, weights_id: str) -> None:
        """Chunks of another clip or of other weights are removed."""
        self.folder = folder
        told = {"bytes": clip.path.stat().st_size, "rate": clip.rate, "weights": weights_id, "chunk": CHUNK}
        note = folder / "clip.json"
        if not note.is_file() or json.loads(note.read_text()) != told:
            self.clear()
            write_atomically(note, lambda path: path.write_text(json_text(told)))

    def chunks(self) -> list[Path]:
        """Whole chunks from the first on, in order."""
        found: list[Path] = []
        while (path := self._path(len(found))).is_file():
            found.append(path)
        return found

    def add(self, observed: Observed) -> None:
        """Write the next chunk."""
        values = {f.name: getattr(observed.coefficients, f.name) for f in fields(Coefficients)}
        tensors = {name: v.half() if name in _HALVES else v for name, v in values.items()}
        tensors |= {f.name: getattr(observed, f.name) for f in fields(observed)[1:]}
        data = save({name: tensor.contiguous() for name, tensor in tensors.items()})
        write_atomically(self._path(len(self.chunks())), lambda path: path.write_bytes(data))

    def read(self) -> Iterator[Observed]:
        """One chunk after another."""
        for path in self.chunks():
            t = {name: tensor.float() for name, tensor in load_file(str(path)).items()}
            coefficients = Coefficients(**{f.name: t[f.name] for f in fields(Coefficients)})
            yield Observed(coefficients, *(t[f.name] for f in fields(Observed)[1:]))

    def clear(self) -> None:
        """Remove the folder with all that is in it of ours."""
        for path in (*self.folder.glob("[0-9]*.safetensors"), self.folder / "clip.json"):
            path.unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.safetensors"


def observe(model: HiFace, clip: Clip, store: Store, on_frame: Callable[[int], None]) -> int:
    """Fill the store with all frames that it lacks; how many there are, of which `on_frame` hears on the way."""
    parts = list(store.chunks())
    done, last = 0, None
    for chunk in store.read():
        done += len(chunk)
        last = _next_box(chunk[-1:]) if bool(chunk.found[-1]) else None
    if parts and done % CHUNK:
        return done  # only the last chunk of a clip is shorter
    on_frame(done)
    eye = _Eye(model, last, max(1, round(clip.rate)))
    waiting: list[Observed] = []
    for k, pixels in enumerate(clip.frames(done), done):
        waiting.append(eye.see(pixels, k))
        done = k + 1
        on_frame(done)
        if len(waiting) == CHUNK:
            store.add(Observed.cat(waiting))
            waiting = []
    if waiting:
        store.add(Observed.cat(waiting))
    return done


class _Eye:
    """Follows one face: each frame is looked at where the face was in the last one."""

    def __init__(self, model: HiFace, box: CropBox | None, every: int) -> None:
        self.model, self.box, self.every = model, box, every
        if model.reconstructor.point_head is None:
            raise ConfigError("tracking needs a network that sees points (points_width above 0), as the shipped one")

    def see(self, pixels: UInt8[np.ndarray, "H W 3"], number: int) -> Observed:
        photo = read_photo(pixels)
        if self.box is None or number % self.every == 0:  # now and then: is there still a face?
            self.box = self._find(photo)
        found = self._look(photo)
        if found is None and self.box is not None:
            self.box = self._find(photo)
            found = self._look(photo)
        if found is None:
            self.box = None
            return self._nothing()
        return found

    def _find(self, photo: Photo) -> CropBox | None:
        """The detected face nearest to where it was, else the largest; where it was, if that is about the same."""
        faces = self.model.detector.detect(photo)
        if not faces:
            return None
        boxes = [crop_from_points5(f.points5, f.box_xyxy) for f in faces]
        if self.box is None:
            return boxes[0]
        away = [np.hypot(b.centre[0] - self.box.centre[0], b.centre[1] - self.box.centre[1]) for b in boxes]
        near = int(np.argmin(away))
        return self.box if away[near] < 0.25 * self.box.side else boxes[near]

    def _look(self, photo: Photo) -> Observed | None:
        """What the network says at the box and, where the face lies otherwise in it, at a better one."""
        if self.box is None:
            return None
        for _ in range(3):
            box = self.box
            prediction, _ = self.model.predict(photo, [box])
            seen = prediction.seen
            assert seen is not None
            error = float(seen.log_sigma.exp().median())
            if error > LOST:
                return None
            self.box = crop_from_landmarks(_points68(seen.xy[0], box))
            moved = np.hypot(self.box.centre[0] - box.centre[0], self.box.centre[1] - box.centre[1])
            if max(moved, abs(self.box.side - box.side)) < _SETTLED * box.side:
                break
        place = torch.tensor([[*box.centre, box.side, box.roll]], dtype=torch.float32)
        assert seen is not None
        rest = (seen.xy.cpu(), seen.log_sigma.cpu(), place, torch.tensor([error]))
        return Observed(prediction.coefficients.to("cpu"), *rest)

    def _nothing(self) -> Observed:
        model = self.model.reconstructor
        sizes = {
            "identity": (model.face.identity_size,), "expression": (model.face.expression_size,),
            "albedo": (model.albedo.size,), "static": (model.detail_model.basis.sizes["static"],),
            "rotation": (4, 3), "translation": (3,), "scale": (), "light": (9, 3),
        }  # fmt: skip
        empty = Coefficients(**{name: torch.zeros(1, *shape) for name, shape in sizes.items()})
        rest = torch.zeros(1, 478, 2), torch.zeros(1, 478), torch.zeros(1, 4), torch.tensor([torch.inf])
        return Observed(replace(empty, scale=torch.ones(1)), *rest)


def box_of(row: Float[Tensor, "4"]) -> CropBox:
    """A crop from its centre, side and roll."""
    x, y, side, roll = row.tolist()
    return CropBox((x, y), side, roll)


def _points68(xy: Float[Tensor, "478 2"], box: CropBox) -> Float[np.ndarray, "68 2"]:
    matrix = torch.from_numpy(photo_from_crop(box, 1))
    return apply_affine(matrix, xy[list(IBUG68_OF_MEDIAPIPE)].double().cpu()).numpy()


def _next_box(last: Observed) -> CropBox:
    """Where the frame after this one is looked at first."""
    return crop_from_landmarks(_points68(last.xy[0], box_of(last.boxes[0])))
