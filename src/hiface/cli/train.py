"""`hiface train` and `hiface train-teacher`."""

from __future__ import annotations

import logging
from pathlib import Path

from hiface.errors import ConfigError

log = logging.getLogger(__name__)
PACKS = ("fairface", "more", "portraits", "wild")


def train(
    *,
    out: Path,
    shards: Path | None = None,
    photos: Path | None = None,
    held_out: Path | None = None,
    config: Path | None = None,
    teacher: Path | None = None,
    face_model: str = "face_model.safetensors",
    detail_basis: str = "detail_basis.safetensors",
    albedo: str = "albedo.safetensors",
    backbone_weights: Path | None = None,
    start: Path | None = None,
    start_assets: Path | None = None,
    accelerator: str = "auto",
    devices: str = "auto",
    minutes: float | None = None,
) -> None:
    """Train the network; a run that finds its checkpoint in OUT goes on from it exactly.

    Several GPUs: the same command with --devices N, or under torchrun.

    Parameters
    ----------
    out
        Folder of the run: checkpoint, weights, curves (CSV and TensorBoard).
    shards
        Folder of synthetic shards (`hiface synth`).
    photos
        Folder that holds the labelled packs fairface, more, portraits and wild.
    held_out
        Folder of synthetic shards that training never sees; shape and expression are measured on it.
    config
        TOML file with differences from the defaults (experiments/).
    teacher
        Age teacher for L_kd (`hiface train-teacher`); without it the photos' own age labels, softened, teach.
    face_model
        Face model asset; the shipped one unless given. `hiface convert-model` makes one of FLAME, BFM, GNM or ICT.
    detail_basis
        Detail basis asset; the shipped one unless given. A face model with UVs of its own needs its own.
    albedo
        Albedo asset; the shipped one unless given. A face model with UVs of its own needs its own.
    backbone_weights
        Weights to start the backbone from, safetensors with torchvision's names.
    start
        Weight file of an earlier run to start from; what does not fit (another basis) is learnt anew.
    start_assets
        Folder with the face_model, albedo and detail_basis (.safetensors) that START belongs to, where they are not
        this run's: its answers are then carried over to this run's coefficients, which needs the same topology and
        UV layout.
    accelerator
        "auto", "cpu" or "cuda".
    devices
        Number of devices, or "auto".
    minutes
        End this piece of the run after so many minutes, with a checkpoint.
    """
    from hiface.train.assemble import RunOptions, run  # heavy imports stay out of `hiface --help`
    from hiface.train.config import TrainConfig, from_toml

    if shards is None and photos is None:
        raise ConfigError("nothing to train on: give --shards, --photos or both")
    options = RunOptions(
        out=out, shards=shards, photos=photos, held_out=held_out, teacher=teacher, face_model=face_model,
        detail_basis=detail_basis, albedo=albedo, backbone_weights=backbone_weights, start=start,
        start_assets=start_assets, accelerator=accelerator,
        devices=int(devices) if devices.isdigit() else devices, stop_after=None if minutes is None else 60 * minutes,
    )  # fmt: skip
    weights = run(from_toml(config) if config else TrainConfig(), options)
    log.info("weights: %s", weights)


def train_teacher(*, photos: Path, out: Path, steps: int = 3000) -> None:
    """Train the age teacher of L_kd on the labelled photos.

    Parameters
    ----------
    photos
        Folder that holds the labelled packs.
    out
        File to write, safetensors.
    steps
        Batches of 64.
    """
    import cv2
    import torch

    from hiface.train.age_teacher import train_age_teacher
    from hiface.train.photos import load_packs
    from hiface.train.teachers import save_teacher

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    labelled = ("fairface", "more", "portraits")
    teacher, error = train_age_teacher(
        load_packs(photos, labelled, "train"), load_packs(photos, labelled, "val"), steps
    )
    save_teacher(teacher, out, {"mean_error_groups": error, "steps": steps})
    log.info("%s: mean error %.2f age groups on held-out photos", out, error)
