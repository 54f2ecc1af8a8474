"""What all runs of a study share: assets, drawn faces, photos; loaded once, named by hashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from hiface.detail.basis import DetailBasis
from hiface.evaluate.ablation.rows import Row
from hiface.evaluate.jobs import fingerprint
from hiface.face.albedo import AlbedoModel
from hiface.face.model import FaceModel
from hiface.train.assemble import PACKS, photo_ages
from hiface.train.batches import StepDataset
from hiface.train.photos import PhotoSet, load_packs
from hiface.train.resident import Resident
from hiface.train.shards import ShardSet

MEASURED = ("fairface", "more")
"""Packs whose val part landmarks are measured on."""
Assets = tuple[FaceModel, AlbedoModel, DetailBasis]


@dataclass(frozen=True)
class Sources:
    """Where a study's data are."""

    shards: Path
    test_shards: Path
    photos: Path | None = None
    teacher: Path | None = None
    count: int = 600
    """Drawn faces that are measured."""
    accelerator: str = "auto"
    train_on_photos: bool = True
    """False: photos are measured on alone."""


class Material:
    """Data and assets of a study; photos are read when a run first asks for them."""

    def __init__(self, sources: Sources, assets: Assets) -> None:
        self.sources, self.assets = sources, assets
        self.unseen = ShardSet(sources.test_shards)
        self._faces: dict[Path, ShardSet] = {}
        self._resident: tuple[str, Resident] | None = None

    def faces(self, row: Row) -> ShardSet:
        """The drawn faces that a row trains on."""
        folder = row.facts.faces or self.sources.shards
        if folder not in self._faces:
            self._faces[folder] = ShardSet(folder)
        return self._faces[folder].beginning(row.facts.share)

    def inputs(self, row: Row) -> dict[str, str]:
        """Hashes of all that a trained network depends on beside its configuration and start."""
        face, albedo, basis = self.assets
        teacher = [] if self.sources.teacher is None else [self.sources.teacher]
        photos = [*self._pack_files("train", PACKS), *teacher] if self.sources.train_on_photos else []
        share = {} if row.facts.share == 1 else {"share": str(row.facts.share)}
        return share | {
            "shards": fingerprint(self.faces(row).paths),
            "photos": fingerprint(photos),
            "face_model": face.hash,
            "albedo": albedo.hash,
            "detail_basis": basis.hash,
        }

    def measured(self) -> str:
        """Hash of all that figures are measured on."""
        files = [*self.unseen.paths, *self._pack_files("val", MEASURED)]
        return f"{fingerprint(files)}:{self.sources.count}"

    def _pack_files(self, part: str, packs: Sequence[str]) -> list[Path]:
        folder = self.sources.photos
        if folder is None:
            return []
        return [folder / pack / name for pack in packs for name in (f"labels_{part}.npz", f"{part}.zip")]

    @cached_property
    def photos(self) -> PhotoSet | None:
        """Photos to train on."""
        folder = self.sources.photos if self.sources.train_on_photos else None
        return None if folder is None else load_packs(folder, PACKS, "train")

    @cached_property
    def ages(self) -> np.ndarray | None:
        return photo_ages(self.photos, self.sources.teacher)

    @cached_property
    def unseen_photos(self) -> PhotoSet | None:
        return None if self.sources.photos is None else load_packs(self.sources.photos, MEASURED, "val")

    @property
    def device(self) -> torch.device:
        """Where `train` puts a network under the accelerator asked for."""
        asked = self.sources.accelerator
        on_gpu = asked in ("cuda", "gpu") or (asked == "auto" and torch.cuda.is_available())
        return torch.device("cuda", 0) if on_gpu else torch.device("cpu")

    def resident(self, data: StepDataset) -> Resident | None:
        """The faces and photos on the device, put there by the first run that has them; None for runs that use
        loaders."""
        if not data.config.resident:
            return None
        told = "" if data.shards is None else f"{data.shards.folder} {len(data.shards)}"
        if self._resident is None or self._resident[0] != told:
            self._resident = None  # first, so that there is room for the next
            self._resident = told, Resident(data, self.device)
        return self._resident[1]
