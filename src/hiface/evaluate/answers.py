"""What the model says of labelled photos, kept on disk: a ruler that was stopped goes on, and rulers share answers."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

import hiface
from hiface.assets.format import write_atomically
from hiface.assets.store import locate
from hiface.errors import NoFaceError
from hiface.evaluate.jobs import digest
from hiface.model import FaceHint, HiFace, Reconstruction
from hiface.photo.crop import CropBox, photo_from_crop, transform_points
from hiface.photo.packs import Pack
from hiface.photo.read import read_photo
from hiface.types import Coefficients

log = logging.getLogger(__name__)

Row = dict[str, np.ndarray]
Progress = Callable[[int, int, str], None]
CHUNK = 20
"""Photos whose answers share a file: what a cut run asks again at most."""
_PROGRAM = (
    *("photo", "network", "face", "geometry", "detail"),
    *("model.py", "reconstructor.py", "refine.py", "evaluate/answers.py"),
)
"""The part of the package that makes an answer."""


@dataclass(frozen=True)
class Answers:
    """The model's faces of N photos, in the photos' order; a leading D where each was asked for in D ways."""

    coefficients: Coefficients
    """CPU; frame of each photo's crop."""
    box: Float[np.ndarray, "*D N 4"]
    """Crop: centre x and y and side in photo pixels, roll in radians."""
    sigma: Float[np.ndarray, "*D N"]
    """Expected error of the points, photo pixels."""
    found: Bool[np.ndarray, "*D N"]
    """Whether the detector found the labelled face; where not, the labelled box took its place."""

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, rows: np.ndarray) -> Answers:
        return Answers(self.coefficients[torch.from_numpy(rows)], self.box[rows], self.sigma[rows], self.found[rows])


def pack_answers(model: HiFace, pack: Pack, cache: AnswerCache, on_progress: Progress | None = None) -> Answers:
    """The labelled face of each photo of a pack, through the whole path."""

    def ask(i: int) -> Row:
        photo = read_photo(pack.encoded[i])
        box = labelled_box(pack.fractions[i], photo.pixels)
        return row_of(*face_near(model, pack.encoded[i], box))

    return answers_of(cache.rows("photo", asked(pack), ask, on_progress))


def asked(pack: Pack) -> list[bytes]:
    """What an answer to each photo depends on: the photo, and where the labelled face is."""
    return [data + points.tobytes() for data, points in zip(pack.encoded, pack.fractions, strict=True)]


def labelled_box(fractions: Float[np.ndarray, "478 2"], pixels: np.ndarray) -> Float[np.ndarray, "4"]:
    """Left, top, right, bottom of the labelled points, pixels."""
    points = fractions * [pixels.shape[1], pixels.shape[0]]
    return np.concatenate([points.min(0), points.max(0)])


def face_near(
    model: HiFace, photo: bytes | np.ndarray, box_xyxy: Float[np.ndarray, "4"]
) -> tuple[Reconstruction, bool]:
    """The face that lies over a labelled one, and whether the detector had found it."""
    low, high = box_xyxy[:2], box_xyxy[2:]
    try:
        for face in model.reconstruct(photo, faces="all"):
            centre = face.landmarks68.mean(0)
            if (np.abs(centre - (low + high) / 2) < (high - low) / 2).all():
                return face, True
    except NoFaceError:
        log.debug("no face found; the labelled box is used")
    return model.reconstruct(photo, hint=FaceHint(box_xyxy=box_xyxy))[0], False


def row_of(face: Reconstruction, found: bool) -> Row:
    """One face as arrays."""
    box = np.array([*face.box.centre, face.box.side, face.box.roll])
    rest = {"box": box, "sigma": np.array(face.landmark_sigma), "found": np.array(found)}
    return {name: value[0].numpy() for name, value in vars(face.coefficients).items()} | rest


def answers_of(rows: Row) -> Answers:
    """Arrays of faces as `Answers`."""
    coefficients = Coefficients(**{f.name: torch.from_numpy(rows[f.name]) for f in fields(Coefficients)})
    return Answers(coefficients, rows["box"], rows["sigma"], rows["found"].astype(bool))


@torch.no_grad()
def photo_points(model: HiFace, answers: Answers, name: str = "mediapipe68") -> Float[np.ndarray, "N L 2"]:
    """A landmark set of each face, photo pixels."""
    side = model.reconstructor.config.crop
    (screen,) = model.reconstructor.points(answers.coefficients.to(model.device), side, (name,))
    points = screen[..., :2].double().cpu().numpy()
    return np.stack(
        [transform_points(photo_from_crop(crop_box(b), side), p) for b, p in zip(answers.box, points, strict=True)]
    )


def crop_box(box: Float[np.ndarray, "4"]) -> CropBox:
    """The crop of an answer."""
    return CropBox((float(box[0]), float(box[1])), float(box[2]), float(box[3]))


@dataclass(frozen=True)
class AnswerCache:
    """Finished answers in a folder, in files named by what they depend on: program, weights, question, photos."""

    folder: Path
    stamp: str

    @classmethod
    def of(cls, model: HiFace, folder: str | Path) -> AnswerCache:
        """The cache of a model's answers in `folder`."""
        root = Path(hiface.__file__).parent
        files = [p for part in _PROGRAM for p in (sorted((root / part).glob("*.py")) or [root / part])]
        return cls(Path(folder), digest([*files, locate("yunet.onnx")], f"{model.weights_id} {model.device}"))

    def rows(
        self, question: str, inputs: Sequence[bytes], ask: Callable[[int], Row], on_progress: Progress | None = None
    ) -> Row:
        """`ask(i)` of every input, stacked; what an earlier run has asked is read. `question` says what is asked."""
        chunks: list[Row] = []
        for start in range(0, len(inputs), CHUNK):
            members = range(start, min(start + CHUNK, len(inputs)))
            path = self.folder / f"{self._key(question, [inputs[i] for i in members])}.safetensors"
            known = _read(path)
            if known is None:
                rows = []
                for i in members:
                    rows.append(ask(i))
                    if on_progress:
                        on_progress(i + 1, len(inputs), question)
                known = {name: np.ascontiguousarray(np.stack([r[name] for r in rows])) for name in rows[0]}
                _write(path, known)
            elif on_progress:
                on_progress(members[-1] + 1, len(inputs), question)
            chunks.append(known)
        return {name: np.concatenate([c[name] for c in chunks]) for name in chunks[0]}

    def _key(self, question: str, inputs: Sequence[bytes]) -> str:
        total = hashlib.sha256(f"{self.stamp} {question}".encode())
        for data in inputs:
            total.update(hashlib.sha256(data).digest())
        return total.hexdigest()[:32]


def _read(path: Path) -> Row | None:
    if not path.is_file():
        return None
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        log.warning("%s: not readable (%s); its photos are asked again", path, error)
        return None


def _write(path: Path, rows: Row) -> None:
    write_atomically(path, lambda temporary: save_file(rows, temporary))
