"""The study as a whole: what `hiface evaluate ablation` calls. Finished runs are kept, a cut one goes on."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch
from rich.progress import Progress

from hiface.assets.format import read_asset
from hiface.assets.store import locate
from hiface.detail.basis import DetailBasis
from hiface.errors import ConfigError
from hiface.evaluate.ablation.material import Assets, Material, Sources
from hiface.evaluate.ablation.measure import figures
from hiface.evaluate.ablation.rows import Row, effective, read_rows, read_scale, started
from hiface.evaluate.ablation.runs import FIGURES, Run, measured_stamp, plan
from hiface.evaluate.ablation.tables import write_tables
from hiface.evaluate.jobs import write_record
from hiface.face.albedo import AlbedoModel
from hiface.face.model import FaceModel
from hiface.reconstructor import SCHEMA, NetworkConfig, Reconstructor, load_reconstructor
from hiface.train.assemble import dataset
from hiface.train.frozen import start_coarse
from hiface.train.loop import CHECKPOINT, WEIGHTS, Validation, progress_bar, train
from hiface.train.photometric import PhotometricTerm

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Study:
    """Which rows, how large, how often, and how far in one call."""

    rows: Sequence[Path | Row]
    """Files of rows, or rows as they are to train."""
    out: Path
    scale: Path | None = None
    start: str | Path | None = None
    """Weights (a shipped name or a file) whose coarse face all frozen rows keep; without it each starts from the row
    that it names."""
    seeds: int = 3
    only_seed: int | None = None
    """Train this seed's runs alone, counted from 1: several processes share a study."""
    steps: int | None = None
    seconds: float | None = None
    """End the call after so long, with a checkpoint."""

    def __post_init__(self) -> None:
        if self.seeds < 1 or not 1 <= (self.only_seed or 1) <= self.seeds:
            raise ConfigError(f"seeds {self.seeds}, only seed {self.only_seed}: expected 1 or more, and one of them")


def run_study(study: Study, sources: Sources, assets: Assets | None = None) -> bool:
    """Train and measure what is not done yet, and write the tables; returns whether all runs are finished."""
    cv2.setNumThreads(0)  # before its first use, as in `train.assemble.run`
    deadline = None if study.seconds is None else time.monotonic() + study.seconds
    material = Material(sources, assets or (FaceModel.load(), AlbedoModel.load(), DetailBasis.load()))
    rows = resolved_rows(study, photos=sources.photos is not None and sources.train_on_photos)
    start = None if study.start is None else locate(study.start)
    runs = plan(rows, study.seeds, study.out, material.inputs, start)
    measured = material.measured()
    todo = [r for r in runs if r.figures(measured) is None]
    mine = [r for r in todo if study.only_seed in (None, 1 + r.seed - r.row.config.seed)]
    with progress_bar() as bar:
        task = bar.add_task("runs", total=len(runs), completed=len(runs) - len(todo))
        for run in mine:
            left = None if deadline is None else deadline - time.monotonic()
            if (left is not None and left <= 0) or not _finish(run, material, measured, left, bar):
                log.info("stopped at %s; the same command goes on", run.title)
                break
            bar.advance(task)
            write_tables(study.out, rows, runs, measured)
    write_tables(study.out, rows, runs, measured)
    return all(r.figures(measured) is not None for r in runs)


def resolved_rows(study: Study, photos: bool) -> list[Row]:
    """The rows as they will train."""
    network = None
    if study.start is not None:
        network = NetworkConfig(**read_asset(locate(study.start), SCHEMA).meta["config"])
    files = [row for row in study.rows if isinstance(row, Path)]
    rows = [row for row in study.rows if isinstance(row, Row)]
    return effective(started([*read_rows(files, read_scale(study.scale, study.steps)), *rows], network), photos)


def _finish(run: Run, material: Material, measured: str, seconds: float | None, bar: Progress) -> bool:
    """Train and measure one run; returns False if it was stopped, with a checkpoint."""
    if not run.trained():
        log.info("%s: %s", run.title, run.folder)
        _train(run, material, seconds, bar)
    if not run.trained():
        return False
    model, _ = load_reconstructor(run.folder / WEIGHTS, *material.assets)
    try:
        model.to(material.device)
        found = figures(model, material.unseen, material.sources.count, material.unseen_photos)
    finally:
        model.to("cpu")  # the assets in it are the next network's too
    write_record(run.folder / FIGURES, measured_stamp(run, measured), found)
    (run.folder / CHECKPOINT).unlink(missing_ok=True)
    return True


def _train(run: Run, material: Material, seconds: float | None, bar: Progress) -> None:
    config = run.config
    torch.manual_seed(config.seed)
    model = Reconstructor(config.network, *material.assets)
    if run.start is not None:
        start_coarse(model, run.start)
    data = dataset(config, model, material.faces(run.row), material.photos, material.ages)
    photometric = PhotometricTerm(model, config.photometric_batch, config.photometric_side)
    try:
        train(
            model, data, run.folder, Validation({}, None), photometric, 1, material.sources.accelerator, seconds,
            material.resident(data), bar,
        )  # fmt: skip
    finally:
        model.to("cpu")
