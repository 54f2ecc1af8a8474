"""Training of the age teacher on the labelled photos: minutes on one core."""

from __future__ import annotations

import logging

import numpy as np
import torch

from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE
from hiface.network.age import softened
from hiface.photo.crop import crop_from_landmarks
from hiface.train.augment import Jitter, crop_and_matrix, jittered, spoil
from hiface.train.photos import PhotoSet
from hiface.train.precision import arithmetic
from hiface.train.teachers import AgeTeacher, age_of_crops

log = logging.getLogger(__name__)
_68 = list(IBUG68_OF_MEDIAPIPE)


def plain_crops(photos: PhotoSet, side: int) -> np.ndarray:
    """(N, S, S, 3): every photo cropped by the rule."""
    boxes = [crop_from_landmarks(p[_68].astype(np.float64)) for p in photos.points]
    return np.stack(
        [crop_and_matrix(picture, box, side)[0] for picture, box in zip(photos.pictures, boxes, strict=True)]
    )


def train_age_teacher(
    photos: PhotoSet, held_out: PhotoSet, steps: int = 3000, seed: int = 0
) -> tuple[AgeTeacher, float]:
    """A teacher trained on photos with a known age group, and its mean error on others, in groups."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    teacher = AgeTeacher()
    known = np.flatnonzero(photos.age >= 0)
    rarity = 1 / np.sqrt(np.bincount(photos.age[known], minlength=9))[photos.age[known]]
    chance = rarity / rarity.sum()
    optimizer = torch.optim.AdamW(teacher.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps, pct_start=0.1)
    teacher.train()
    for step in range(steps):
        chosen = rng.choice(known, 64, p=chance)
        crops = np.stack([_spoilt(photos, int(i), teacher.crop, rng) for i in chosen])
        x = torch.from_numpy(crops).permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last) / 255
        loss = (
            -(torch.from_numpy(softened(photos.age[chosen])) * teacher(x, arithmetic("auto", x.device))).sum(1).mean()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 250 == 249:
            log.info("age teacher: step %d, loss %.3f", step + 1, loss.item())
    return teacher.eval(), teacher_error(teacher, held_out)


def teacher_error(teacher: AgeTeacher, photos: PhotoSet) -> float:
    """Mean absolute difference of expected and labelled group, in groups."""
    known = photos.age >= 0
    expected = age_of_crops(teacher, plain_crops(photos.take(known), teacher.crop)) @ np.arange(9)
    return float(np.abs(expected - photos.age[known]).mean())


def _spoilt(photos: PhotoSet, index: int, side: int, rng: np.random.Generator) -> np.ndarray:
    box = jittered(crop_from_landmarks(photos.points[index][_68].astype(np.float64)), rng, Jitter())
    crop = spoil(crop_and_matrix(photos.pictures[index], box, side)[0], rng)
    return np.ascontiguousarray(crop[:, ::-1]) if rng.random() < 0.5 else crop
