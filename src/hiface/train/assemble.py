"""A training run put together from folders and a configuration: what `hiface train` calls."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from hiface.detail.basis import DetailBasis
from hiface.errors import ConfigError
from hiface.face.albedo import AlbedoModel
from hiface.face.asset import ARKIT
from hiface.face.landmarks import mirror_pairs
from hiface.face.mirror import open_mouthed
from hiface.face.model import FaceModel
from hiface.network.age import softened
from hiface.network.backbone import load_backbone_weights
from hiface.reconstructor import Reconstructor, start_from
from hiface.train.age_teacher import plain_crops
from hiface.train.batches import StepDataset
from hiface.train.carry import Assets, carry_over
from hiface.train.config import TrainConfig
from hiface.train.frozen import start_coarse
from hiface.train.loop import Validation, train
from hiface.train.mirror import SampleMirror
from hiface.train.photometric import PhotometricTerm
from hiface.train.photos import PhotoSet, load_packs
from hiface.train.shards import ShardSet
from hiface.train.teachers import age_of_crops, load_teacher

log = logging.getLogger(__name__)
PACKS = ("fairface", "more", "portraits", "wild")


@dataclass(frozen=True)
class RunOptions:
    """Where a run finds its data and leaves its results; nothing here changes the result itself but the data."""

    out: Path
    shards: Path | None = None
    photos: Path | None = None
    held_out: Path | None = None
    teacher: Path | None = None
    face_model: str = "face_model.safetensors"
    detail_basis: str = "detail_basis.safetensors"
    albedo: str = "albedo.safetensors"
    backbone_weights: Path | None = None
    start: Path | None = None
    start_assets: Path | None = None
    accelerator: str = "auto"
    devices: int | str = "auto"
    stop_after: float | None = None


def run(config: TrainConfig, options: RunOptions) -> Path:
    """Load everything, train, return the path of the weights."""
    cv2.setNumThreads(0)  # before its first use: a pool of threads does not survive the fork of the loaders
    face = FaceModel.load(options.face_model)
    basis = DetailBasis.load(options.detail_basis)
    torch.manual_seed(config.seed)
    model = Reconstructor(config.network, face, AlbedoModel.load(options.albedo), basis)
    if options.backbone_weights is not None:
        load_backbone_weights(model.backbone, options.backbone_weights)
    if config.freeze_coarse:
        if options.start is None:
            raise ConfigError("freeze_coarse keeps the coarse face of weights to start from; give them (--start)")
        start_coarse(model, options.start)
    elif options.start is not None:
        former = options.start_assets and Assets.load(options.start_assets)
        left = carry_over(model, options.start, former) if former else start_from(model, options.start)
        log.info("started from %s; new: %s", options.start, ", ".join(left) or "nothing")
    photos = load_packs(options.photos, PACKS, "train") if options.photos else None
    shards = ShardSet(options.shards) if options.shards else None
    for drawn in (shards, ShardSet(options.held_out) if options.held_out else None):
        check_drawn(config, model, drawn, drawn is not shards)
    ages = photo_ages(photos, options.teacher)
    data = dataset(config, model, shards, photos, ages)
    photometric = PhotometricTerm(model, config.photometric_batch, config.photometric_side)
    return train(
        model, data, options.out, validation(config, model, options), photometric, options.devices,
        options.accelerator, options.stop_after,
    )  # fmt: skip


def check_drawn(config: TrainConfig, model: Reconstructor, drawn: ShardSet | None, held_out: bool) -> None:
    """Coefficients of drawn faces are those of the model that drew them. Raises `ConfigError` for another one's."""
    if drawn is None or not (config.use_synthetic_truth or held_out):
        return
    own = {"identity": model.face.identity_size, "expression": model.face.expression_size}
    found = {name: len(drawn.truth(0, name)) for name in own}
    drawn_with = drawn.face_model()
    if found != own or (drawn_with is not None and drawn_with != model.face.hash):
        raise ConfigError(
            f"{drawn.folder}: its faces were drawn with another face model than {model.face.path}"
            f" ({found['identity']} identities and {found['expression']} expressions, expected {own['identity']} and"
            f" {own['expression']}); the generator draws the shipped model only. "
            + (
                "Leave --held-out away: photos are validated on either way"
                if held_out
                else "Train on --photos alone, or set use_synthetic_truth = false, which takes their points and no more"
            )
        )


def dataset(
    config: TrainConfig, model: Reconstructor, shards: ShardSet | None, photos: PhotoSet | None,
    ages: np.ndarray | None = None,
) -> StepDataset:  # fmt: skip
    """Batches for a model: the mirror images and sizes come from its assets."""
    face = model.face
    sizes = {
        "identity": face.identity_size,
        "expression": face.expression_size,
        **model.detail_model.basis.sizes,
    }
    pairs = mirror_pairs(face.landmarks(open_mouthed(face), "mediapipe478")[0].numpy())
    mirror = SampleMirror.of(face) if config.mirror and shards is not None else None
    return StepDataset(config, shards, photos, ages, pairs, score_mirror(), sizes, mirror=mirror)


def score_mirror() -> np.ndarray:
    """For each ARKit unit the one that stands for it in a mirrored photo."""
    swap = {"Left": "Right", "Right": "Left"}
    names = []
    for name in ARKIT:
        side = next((s for s in swap if name.endswith(s)), None)
        names.append(name if side is None else name.removesuffix(side) + swap[side])
    return np.array([ARKIT.index(n) for n in names])


def validation(config: TrainConfig, model: Reconstructor, options: RunOptions) -> Validation:
    """Held-out photos by the two groups of the model card, and held-out synthetic faces."""
    photos = {}
    if options.photos:
        groups = {"fairface+more": ("fairface", "more"), "portraits": ("portraits",)}
        photos = {k: dataset(config, model, None, load_packs(options.photos, p, "val")) for k, p in groups.items()}
    synthetic = dataset(config, model, ShardSet(options.held_out), None) if options.held_out else None
    return Validation(photos, synthetic)


def photo_ages(photos: PhotoSet | None, teacher: Path | None) -> np.ndarray | None:
    """Γ_age of the photos: a teacher's answers, or without one the photos' own labels, softened."""
    if photos is None:
        return None
    if teacher is None:
        return softened(photos.age)
    network = load_teacher(teacher)
    return age_of_crops(network, plain_crops(photos, network.crop))
