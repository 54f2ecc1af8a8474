"""Batches as a function of seed and step: what a step sees does not depend on when the run was interrupted."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from hiface.face.landmarks import FACE_OVAL, IBUG68_OF_MEDIAPIPE, INNER_LIPS, LEFT_EYE, RIGHT_EYE
from hiface.photo.crop import crop_from_landmarks
from hiface.train.augment import Jitter, crop_and_matrix, jittered, spoil
from hiface.train.config import TrainConfig
from hiface.train.mirror import SampleMirror
from hiface.train.photos import PhotoSet
from hiface.train.shards import Sample, ShardSet

_68 = list(IBUG68_OF_MEDIAPIPE)
_SPOILT = 0.7
"""Of the photos: the others stay as sharp as people's photos are."""


@dataclass(frozen=True)
class Batch:
    """Crops and what is known of them; the first `synthetic` rows are synthetic, the others photos.

    Fields of truth that only synthetic faces have hold those rows alone. Points are in crop sides, 0 to 1.
    """

    crops: UInt8[Tensor, "B 3 S S"]
    masks: UInt8[Tensor, "B S S"]
    points478: Float[Tensor, "B 478 2"]
    weight478: Float[Tensor, "B 478"]
    dense: Float[Tensor, "N 669 2"]
    dense_weight: Float[Tensor, "N 669"]
    identity: Float[Tensor, "N I"]
    expression: Float[Tensor, "N E"]
    turn: Float[Tensor, "N 3 3"]
    light: Float[Tensor, "N 9 3"]
    albedo_mean: Float[Tensor, "N 3"]
    """Mean linear albedo of the middle of the face."""
    as_drawn: Float[Tensor, "N"]
    """1, or 0 of mirrored faces, whose detail is no truth."""
    static: Float[Tensor, "N K"]
    compressed: Float[Tensor, "N C"]
    stretched: Float[Tensor, "N D"]
    scores: Float[Tensor, "M 52"]
    age: Float[Tensor, "M 9"]
    """Teacher's age distribution of the photos; zero rows are unknown."""

    @property
    def synthetic(self) -> int:
        return len(self.identity)

    def to(self, device: torch.device) -> Batch:
        return Batch(*(getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)))


class StepDataset(Dataset[Batch]):
    """`dataset[step]` is the batch of that step, on any worker of any rank."""

    def __init__(
        self,
        config: TrainConfig,
        shards: ShardSet | None,
        photos: PhotoSet | None,
        ages: Float[np.ndarray, "N 9"] | None,
        mirror478: np.ndarray,
        score_mirror: np.ndarray,
        sizes: dict[str, int],
        rank: int = 0,
        mirror: SampleMirror | None = None,
        photo_masks: UInt8[np.ndarray, "N H W"] | None = None,
    ) -> None:
        """`mirror` shows half of the drawn faces mirrored. `photo_masks`: 255 on the skin of each photo; None takes
        what the landmarks tell (`photo_skin`)."""
        self.config, self.shards, self.photos, self.ages = config, shards, photos, ages
        self.mirror478, self.score_mirror, self.sizes, self.rank = mirror478, score_mirror, sizes, rank
        self.mirror, self.photo_masks = mirror, photo_masks
        self.jitter = Jitter()
        self.world = 1

    def share(self, rank: int, world: int) -> None:
        """Be the data of one of `world` processes: batches of its own, drawn faces of its own shards."""
        self.rank, self.world = rank, world
        self.__dict__.pop("_own", None)

    def own(self, first: int = 0) -> Int[np.ndarray, "N"]:
        """Samples of the shards, from the one numbered `first`, that this process takes its faces from."""
        assert self.shards is not None
        found = self.shards.part(self.rank, self.world)
        return found[found >= first]

    def __len__(self) -> int:
        return self.config.steps

    def counts(self, step: int) -> tuple[int, int]:
        """Synthetic faces and photos of a step."""
        config = self.config
        both = config.synthetic_batch + config.photo_batch
        if self.shards is None or config.synthetic_batch == 0 or config.images == "photos":
            return 0, both
        no_photos = self.photos is None or config.photo_batch == 0 or config.images == "synthetic"
        if no_photos or step < config.photos_from:
            return both, 0
        return config.synthetic_batch, config.photo_batch

    def __getitem__(self, step: int) -> Batch:
        rng = np.random.default_rng([self.config.seed, self.rank, step])
        synthetic, photos = self.counts(step)
        rows = [self._synthetic(rng) for _ in range(synthetic)] + [self._photo(rng) for _ in range(photos)]
        return self._collate(rows, synthetic)

    def _synthetic(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        assert self.shards is not None
        own = self._own
        sample = self.shards[int(own[rng.integers(len(own))])]
        if self.mirror is not None and rng.random() < 0.5:
            sample = self.mirror(sample) or sample
        return self.synthetic_row(sample, rng)

    @cached_property
    def _own(self) -> Int[np.ndarray, "N"]:
        return self.own()

    def synthetic_row(self, sample: Sample, rng: np.random.Generator | None) -> dict[str, np.ndarray]:
        """One synthetic face; without a generator the crop is the rule's own and the pixels are clean."""
        truth = sample.truth
        points = truth["mediapipe478"].astype(np.float64)
        spoilt = rng is not None and rng.random() < 0.5  # the generator's camera has spoilt its pictures already
        row, matrix = self._crop(sample.picture, sample.mask, points, rng, spoilt)
        row["dense"] = _moved(truth["dense669"].astype(np.float64), matrix)
        seen = truth["dense669_visible"].astype(np.float32)
        row["dense_weight"] = 0.25 + 0.75 * seen
        row["weight478"] = 0.25 + 0.75 * truth["mediapipe478_visible"].astype(np.float32)
        row["turn"] = _turned(truth["rotation"], matrix)
        for name in ("identity", "expression", "light", "albedo_mean", "static", "compressed", "stretched"):
            row[name] = truth[name].astype(np.float32)
        row["as_drawn"] = np.array(truth.get("as_drawn", 1), np.float32)
        return row

    def _photo(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        assert self.photos is not None
        return self.photo_row(int(rng.integers(len(self.photos))), rng)

    def photo_row(self, index: int, rng: np.random.Generator | None) -> dict[str, np.ndarray]:
        """One photo, mirrored half of the time; without a generator as `synthetic_row`."""
        assert self.photos is not None
        picture, points = self.photos.pictures[index], self.photos.points[index].astype(np.float64)
        scores, mask = self.photos.scores[index], self.photo_mask(index)
        if rng is not None and rng.random() < 0.5:
            picture = np.ascontiguousarray(picture[:, ::-1])
            points = np.stack([picture.shape[1] - points[:, 0], points[:, 1]], 1)[self.mirror478]
            scores, mask = scores[self.score_mirror], np.ascontiguousarray(mask[:, ::-1])
        row, _ = self._crop(picture, mask, points, rng, rng is not None and rng.random() < _SPOILT)
        row["weight478"] = np.ones(478, np.float32)
        row["scores"] = scores
        row["age"] = np.zeros(9, np.float32) if self.ages is None else self.ages[index]
        return row

    def photo_mask(self, index: int) -> UInt8[np.ndarray, "H W"]:
        """255 on the skin of a photo."""
        assert self.photos is not None
        if self.photo_masks is not None:
            return self.photo_masks[index]
        return photo_skin(self.photos.points[index].astype(np.float64), len(self.photos.pictures[index]))

    def _crop(
        self, picture: np.ndarray, mask: np.ndarray, points: np.ndarray, rng: np.random.Generator | None, spoilt: bool
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        side = self.config.network.crop
        box = crop_from_landmarks(points[_68])
        if rng is not None:
            box = jittered(box, rng, self.jitter)
        crop, matrix = crop_and_matrix(picture, box, side)
        cut_mask, _ = crop_and_matrix(np.repeat(mask[..., None], 3, 2), box, side)
        if rng is not None and spoilt:
            crop = spoil(crop, rng)
        row = {
            "crops": crop.transpose(2, 0, 1),
            "masks": cut_mask[..., 0],
            "points478": _moved(points, matrix),
        }
        return row, matrix

    def empty(self) -> Batch:
        """A batch of no faces, every field in its shape."""
        side = self.config.network.crop
        seen = {"crops": (3, side, side), "masks": (side, side), "points478": (478, 2), "weight478": (478,)}
        return Batch(**{f.name: torch.zeros(0, *(seen.get(f.name) or self._shape(f.name))) for f in fields(Batch)})

    def _collate(self, rows: list[dict[str, np.ndarray]], synthetic: int) -> Batch:
        tensors = {}
        for f in fields(Batch):
            values = [row[f.name] for row in rows if f.name in row]
            tensors[f.name] = torch.from_numpy(np.stack(values)) if values else torch.zeros(0, *self._shape(f.name))
        return Batch(**tensors)

    def _shape(self, name: str) -> tuple[int, ...]:
        fixed = {
            "dense": (669, 2),
            "dense_weight": (669,),
            "turn": (3, 3),
            "light": (9, 3),
            "albedo_mean": (3,),
            "as_drawn": (),
            "scores": (52,),
            "age": (9,),
        }
        return fixed[name] if name in fixed else (self.sizes[name],)


def photo_skin(points: Float[np.ndarray, "478 2"], side: int) -> UInt8[np.ndarray, "H W"]:
    """255 inside the face oval but for eyes and mouth: the skin of a photo, as far as landmarks tell."""
    mask = np.zeros((side, side), np.uint8)
    for contour, value in ((FACE_OVAL, 255), (RIGHT_EYE, 0), (LEFT_EYE, 0), (INNER_LIPS, 0)):
        polygon = np.round(points[list(contour)] * 16).astype(np.int32)
        cv2.fillPoly(mask, [polygon], value, shift=4)
    return mask


def _moved(points: Float[np.ndarray, "L 2"], matrix: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "L 2"]:
    return (points @ matrix[:2, :2].T + matrix[:2, 2]).astype(np.float32)


def _turned(rotation: Float[np.ndarray, "4 3"], matrix: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3 3"]:
    """The head's orientation in the crop's frame: neck and head turn about one axis, the crop about z."""
    from cv2 import Rodrigues

    head = Rodrigues((rotation[0] + rotation[1]).astype(np.float64))[0]
    cosine, sine = matrix[0, 0], matrix[1, 0]
    length = np.hypot(cosine, sine)
    c, s = cosine / length, sine / length  # clockwise in the picture, whose y runs down
    about_z = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    return (about_z @ head).astype(np.float32)
