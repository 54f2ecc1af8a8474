"""Training data kept on the device: decoded once, then cropped, jittered and spoilt there.

For GPUs that loader processes cannot feed. Batches follow the same rule as `StepDataset`'s and hold the same
fields; shards that appear while a run goes on join it, so faces can be drawn on the processor meanwhile. A resumed
run repeats exactly only if all shards were there from its start.
"""

from __future__ import annotations

import copy
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE
from hiface.geometry.rotation import matrix_from_axis_angle
from hiface.photo.crop import CropBox, crop_from_landmarks
from hiface.train.batches import Batch, StepDataset, photo_skin
from hiface.train.spoil import normal, spoil_batch, uniform

log = logging.getLogger(__name__)
_68 = list(IBUG68_OF_MEDIAPIPE)
_TRUTH = ("identity", "expression", "light", "albedo_mean", "static", "compressed", "stretched")
_GROW_EVERY = 200
"""Steps between looks for new shards."""
_THREADS = 4

Columns = dict[str, Tensor]
"""Columns of a table of faces on the device, one row a face."""


class Resident:
    """`resident.batch(step)` is the batch of that step, on the device."""

    def __init__(self, data: StepDataset, device: torch.device) -> None:
        self.data, self.config, self.device = data, data.config, device
        self.faces: Columns = {}
        self.count = 0
        self.shards = data.shards
        if self.shards is not None:
            self._append(range(len(self.shards)))
        self.photos = None if data.photos is None else _photo_columns(data, device)

    def batch(self, step: int) -> Batch:
        if self.shards is not None and step % _GROW_EVERY == 0:
            self.grow()
        rng = torch.Generator(self.device).manual_seed((self.config.seed * 1009 + self.data.rank) * 1_000_003 + step)
        synthetic, photos = self.data.counts(step)
        parts: list[Columns] = []
        if synthetic:
            parts.append(self._synthetic(self._draw(rng, synthetic, self.count), rng, jitter=True))
        if photos:
            assert self.photos is not None
            parts.append(self._photos(self._draw(rng, photos, len(self.photos["pictures"])), rng, jitter=True))
        return self._collate(parts)

    def serving(self, data: StepDataset) -> Resident:
        """The same tables for another run on the same faces and photos: nothing is decoded again."""
        other = copy.copy(self)
        other.data, other.config = data, data.config
        return other

    def grow(self) -> None:
        """Take in shards that have appeared since."""
        assert self.shards is not None
        before = len(self.shards)
        self.shards.refresh()
        if len(self.shards) > before:
            self._append(range(before, len(self.shards)))

    def plain(self, indices: list[int]) -> Batch:
        """Drawn faces under the crop rule itself, with clean pixels."""
        rows = torch.tensor(indices, device=self.device)
        rng = torch.Generator(self.device).manual_seed(0)
        return self._collate([self._synthetic(rows, rng, jitter=False)])

    def _draw(self, rng: Generator, size: int, count: int) -> Tensor:
        return torch.randint(count, (size,), generator=rng, device=self.device)

    def _append(self, rows: range) -> None:
        """Decode samples of the shards into the table, as far as it has room."""
        assert self.shards is not None
        rows = rows[: max(0, self.config.resident - self.count)]
        if not rows:
            return
        for first in range(0, len(rows), 500):
            part = rows[first : first + 500]
            with ThreadPoolExecutor(_THREADS) as pool:
                columns = _stacked(list(pool.map(self._face, part)), self.device)
            if not self.faces:
                self.faces = {k: v.new_empty(self.config.resident, *v.shape[1:]) for k, v in columns.items()}
            for name, values in columns.items():
                self.faces[name][self.count : self.count + len(part)] = values
            self.count += len(part)
        log.info("%d drawn faces on %s", self.count, self.device)

    def _face(self, index: int) -> dict[str, np.ndarray]:
        assert self.shards is not None
        sample = self.shards[index]
        truth = sample.truth
        return {
            "pictures": sample.picture.transpose(2, 0, 1),
            "masks": sample.mask,
            "box": _box_row(crop_from_landmarks(truth["mediapipe478"][_68].astype(np.float64))),
            "points478": truth["mediapipe478"].astype(np.float32),
            "weight478": 0.25 + 0.75 * truth["mediapipe478_visible"].astype(np.float32),
            "dense": truth["dense669"].astype(np.float32),
            "dense_weight": 0.25 + 0.75 * truth["dense669_visible"].astype(np.float32),
            "turn": (truth["rotation"][0] + truth["rotation"][1]).astype(np.float32),
            **{k: truth[k].astype(np.float32) for k in _TRUTH},
        }

    def _synthetic(self, rows: Tensor, rng: Generator, jitter: bool) -> Columns:
        faces = {k: v[rows] for k, v in self.faces.items()}
        spoilt = uniform(rng, (len(rows),)) < 0.5  # the generator's camera has spoilt its pictures already
        cut, box = self._cut(faces, rng, jitter, spoilt)
        cut["dense"] = _in_crop(faces["dense"], box)
        cut["turn"] = _about_z(box[:, 3]) @ matrix_from_axis_angle(faces["turn"])
        own = {k: faces[k] for k in ("weight478", "dense_weight", *_TRUTH)}
        return cut | own | {"as_drawn": torch.ones(len(rows), device=self.device)}

    def _photos(self, rows: Tensor, rng: Generator, jitter: bool) -> Columns:
        assert self.photos is not None
        photos = {k: v[rows] for k, v in self.photos.items()}
        mirrored = uniform(rng, (len(rows),)) < 0.5
        photos = _mirrored(photos, mirrored, self.data)
        cut, _ = self._cut(photos, rng, jitter, torch.ones_like(mirrored))
        ones = torch.ones(len(rows), photos["points478"].shape[1], device=self.device)
        return cut | {"weight478": ones, "scores": photos["scores"], "age": photos["age"]}

    def _cut(self, faces: Columns, rng: Generator, jitter: bool, spoilt: Tensor) -> tuple[Columns, Tensor]:
        """Jittered crops, pixels `spoilt` where asked for, and their boxes; without jitter the rule's own, clean."""
        box = self._jittered(faces["box"], rng) if jitter else faces["box"]
        side = self.config.network.crop
        both = torch.cat([faces["pictures"], faces["masks"][:, None]], 1)
        cut = _sampled(both, box, side)
        crops, mask = cut[:, :3], cut[:, 3]
        if jitter:
            crops = torch.where(spoilt[:, None, None, None], spoil_batch(crops / 255, rng) * 255, crops)
        columns = {"crops": (crops + 0.5).clamp(0, 255).byte(), "masks": (mask + 0.5).clamp(0, 255).byte()}
        return columns | {"points478": _in_crop(faces["points478"], box)}, box

    def _jittered(self, box: Float[Tensor, "B 4"], rng: Generator) -> Float[Tensor, "B 4"]:
        """`augment.jittered` for a batch."""
        jitter, n = self.data.jitter, len(box)
        amount = torch.where(uniform(rng, (n,)) < 0.6, 1.0, 0.33)
        side = box[:, 2] * (normal(rng, (n,), jitter.scale).clamp(-0.3, 0.35) * amount).exp()
        centre = box[:, :2] + normal(rng, (n, 2), jitter.shift) * (amount * box[:, 2])[:, None]
        roll = box[:, 3] + normal(rng, (n,), jitter.roll) * amount
        return torch.cat([centre, side[:, None], roll[:, None]], 1)

    def _collate(self, parts: list[Columns]) -> Batch:
        empty = self.data.empty()
        tensors = {}
        for f in fields(Batch):
            values = [p[f.name] for p in parts if f.name in p]
            tensors[f.name] = torch.cat(values) if values else getattr(empty, f.name).to(self.device)
        return Batch(**tensors)


def _photo_columns(data: StepDataset, device: torch.device) -> Columns:
    photos = data.photos
    assert photos is not None
    side = photos.pictures.shape[1]
    boxes = [_box_row(crop_from_landmarks(p[_68].astype(np.float64))) for p in photos.points]
    ages = np.zeros((len(photos), 9), np.float32) if data.ages is None else data.ages.astype(np.float32)
    columns: dict[str, Any] = {
        "pictures": photos.pictures.transpose(0, 3, 1, 2),
        "masks": np.stack([photo_skin(p, side) for p in photos.points]),
        "box": np.stack(boxes),
        "points478": photos.points.astype(np.float32),
        "scores": photos.scores.astype(np.float32),
        "age": ages,
    }
    return {k: torch.from_numpy(np.ascontiguousarray(v)).to(device) for k, v in columns.items()}


def _mirrored(photos: Columns, chosen: Tensor, data: StepDataset) -> Columns:
    """The chosen photos as a mirror shows them."""
    wide = photos["pictures"].shape[-1]
    order = torch.as_tensor(data.mirror478, device=chosen.device)
    units = torch.as_tensor(data.score_mirror, device=chosen.device)
    points, box = photos["points478"], photos["box"]
    other = torch.stack([wide - points[..., 0], points[..., 1]], -1)[:, order]
    other_box = torch.stack([wide - box[:, 0], box[:, 1], box[:, 2], -box[:, 3]], 1)
    pairs = {
        "pictures": photos["pictures"].flip(-1),
        "masks": photos["masks"].flip(-1),
        "points478": other,
        "box": other_box,
        "scores": photos["scores"][:, units],
    }
    swapped = {k: torch.where(_wide(chosen, photos[k]), v, photos[k]) for k, v in pairs.items()}
    return photos | swapped


def _wide(chosen: Tensor, like: Tensor) -> Tensor:
    return chosen.reshape(-1, *[1] * (like.ndim - 1))


def _box_row(box: CropBox) -> Float[np.ndarray, "4"]:
    """Centre, side and roll, picture pixels and radians."""
    return np.array([*box.centre, box.side, box.roll], np.float32)


def _stacked(rows: list[dict[str, np.ndarray]], device: torch.device) -> Columns:
    return {k: torch.from_numpy(np.stack([r[k] for r in rows])).to(device, non_blocking=True) for k in rows[0]}


def _turns(roll: Float[Tensor, "B"]) -> Float[Tensor, "B 2 2"]:
    """Rotations that take directions of the crop to those of the picture, both with y down."""
    c, s = roll.cos(), roll.sin()
    return torch.stack([torch.stack([c, -s], -1), torch.stack([s, c], -1)], -2)


def _about_z(roll: Float[Tensor, "B"]) -> Float[Tensor, "B 3 3"]:
    """Turns a head from the picture's frame into the crop's: y up, so the other way round than pixels."""
    turn = torch.eye(3, device=roll.device).repeat(len(roll), 1, 1)
    turn[:, :2, :2] = _turns(roll)
    return turn


def _in_crop(points: Float[Tensor, "B L 2"], box: Float[Tensor, "B 4"]) -> Float[Tensor, "B L 2"]:
    """Picture pixels to crop sides."""
    away = (points - box[:, None, :2]) / box[:, None, 2:3]
    return away @ _turns(box[:, 3]) + 0.5


def _sampled(pictures: Tensor, box: Float[Tensor, "B 4"], side: int) -> Float[Tensor, "B C S S"]:
    """Crops of `side` pixels, four samples a pixel; outside a picture its edge pixels are repeated."""
    fine = 2 * side
    axis = (torch.arange(fine, device=box.device) + 0.5) / fine - 0.5
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    grid = torch.stack([x, y], -1).reshape(1, -1, 2) * box[:, None, 2:3]
    places = grid @ _turns(box[:, 3]).transpose(1, 2) + box[:, None, :2]
    unit = (2 * places / pictures.shape[-1] - 1).reshape(len(box), fine, fine, 2)
    sampled = nn.functional.grid_sample(
        pictures.float(), unit, mode="bilinear", padding_mode="border", align_corners=False
    )
    return nn.functional.avg_pool2d(sampled, 2)
