"""The training loop: one command on a CPU, a GPU or several, resumed exactly after a kill."""

from __future__ import annotations

import contextlib
import csv
import logging
import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import lightning_fabric
import torch
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from torch import Tensor, nn
from torch.utils.data import DataLoader

from hiface.reconstructor import Reconstructor, save_weights
from hiface.train.batches import Batch, StepDataset
from hiface.train.checkpoint import read_checkpoint, restore_optimizer, save_checkpoint
from hiface.train.config import TrainConfig, as_table
from hiface.train.drawn import drawn_errors
from hiface.train.drawn import figures as drawn_figures
from hiface.train.frozen import freeze_coarse
from hiface.train.objective import Objective, Photometric
from hiface.train.precision import arithmetic
from hiface.train.resident import Resident
from hiface.train.validate import photo_errors, summary

log = logging.getLogger(__name__)
CHECKPOINT, WEIGHTS, CURVES = "checkpoint.safetensors", "weights.safetensors", "curves.csv"


@dataclass(frozen=True)
class Validation:
    """Held-out data, by the name its figures get in the curves."""

    photos: dict[str, StepDataset]
    synthetic: StepDataset | None


class TrainingStep(nn.Module):
    """Model and objective as one module, so that several processes see one forward pass."""

    def __init__(self, model: Reconstructor, config: TrainConfig, photometric: Photometric | None) -> None:
        super().__init__()
        self.model, self.config, self.photometric = model, config, photometric
        self.objective = Objective(model, config)
        if config.freeze_coarse:
            freeze_coarse(model)
        self._still = model.backbone.first_stages(config.still_stages)
        for part in self._still:
            part.requires_grad_(False)

    def train(self, mode: bool = True) -> TrainingStep:
        """As ever; what is frozen stays in evaluation mode, for its statistics of normalisation are part of it.
        Detail has no layer that knows the difference."""
        super().train(mode and not self.config.freeze_coarse)
        for part in self._still:
            part.eval()
        return self

    def forward(self, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        crops = batch.crops.float().div(255).contiguous(memory_format=torch.channels_last)
        prediction = self.model(crops, arithmetic(self.config.precision, crops.device))
        every = self.config.photometric_every
        due = every > 0 and step % every == 0 and step >= self.config.photometric_from
        total, terms = self.objective(prediction, batch, self.photometric if due else None)
        return total, terms


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then a cosine down to a hundredth."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    t = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(t, 1.0))))


def train(
    model: Reconstructor,
    data: StepDataset,
    out: str | Path,
    validation: Validation,
    photometric: Photometric | None = None,
    devices: int | str = "auto",
    accelerator: str = "auto",
    stop_after: float | None = None,
    resident: Resident | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train `model` by `data.config`; returns the path of the weights (the running average).

    `out` holds the checkpoint, the curves and the weights; a run that finds a checkpoint there goes on from it.
    `stop_after` ends a piece of the run after so many seconds, with a checkpoint. `resident`: data that an earlier run
    has already put on the device. `progress`: a display that is shown already and gets a bar more.
    """
    config, out = data.config, Path(out)
    torch.set_num_threads(config.threads)
    fabric = lightning_fabric.Fabric(accelerator=accelerator, devices=devices)
    fabric.launch()
    step_module = TrainingStep(model, config, photometric)
    model.backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    module, optimizer = fabric.setup(step_module, _optimizer(step_module, config))
    average, first = _resume(out, step_module, optimizer)
    data.rank = fabric.global_rank
    started, log_rows = time.monotonic(), _Curves(out, first) if fabric.is_global_zero else None
    module.train()
    with _shown(progress or progress_bar(fabric.is_global_zero), progress is not None) as bar, _Stop() as stop:
        task = bar.add_task("training", total=config.steps, completed=first)
        for step, batch in _batches(data, config, first, fabric.device, resident):
            torch.manual_seed(config.seed * 1_000_003 + step)
            _set_rate(optimizer, learning_rate(config, step))
            total, terms = module(batch, step)
            optimizer.zero_grad(set_to_none=True)
            fabric.backward(total)
            fabric.clip_gradients(module, optimizer, max_norm=config.gradient_clip)
            optimizer.step()
            _update(average, step_module, min(config.average, (step + 1) / (step + 10)))
            if log_rows is not None:
                log_rows.add(step, float(total.detach()), terms)
            done = step + 1
            bar.update(task, completed=done, description=f"loss {float(total.detach()):.3f}")
            over = stop.asked or (stop_after is not None and time.monotonic() - started > stop_after)
            if done % config.validate_every == 0 or over or done == config.steps:
                if fabric.is_global_zero:
                    _store(out, step_module, average, optimizer, config, done)
                    _validate(model, step_module, average, validation, log_rows, done)
                fabric.barrier()
                module.train()
            if over:
                break
        if progress is not None:
            bar.remove_task(task)
    return out / WEIGHTS


class _Stop:
    """Inside the context a SIGTERM or a first Ctrl-C asks the run to end after its step, with a checkpoint."""

    asked = False

    def __enter__(self) -> _Stop:
        self._former = {}
        if threading.current_thread() is threading.main_thread():
            self._former = {s: signal.signal(s, self._ask) for s in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, former in self._former.items():
            signal.signal(number, former)

    def _ask(self, number: int, _: object) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True
        log.info("stopping after this step, with a checkpoint")


def _batches(
    data: StepDataset, config: TrainConfig, first: int, device: torch.device, resident: Resident | None
) -> Iterator[tuple[int, Batch]]:
    """Batches on the device, from loader processes or from data that lie there."""
    if config.resident:
        resident = resident.serving(data) if resident else Resident(data, device)
        for step in range(first, config.steps):
            yield step, resident.batch(step)
        return
    loader: DataLoader[Batch] = DataLoader(
        data,
        batch_size=None,
        sampler=range(first, config.steps),
        num_workers=config.loaders,
        prefetch_factor=4 if config.loaders else None,
        multiprocessing_context="fork" if config.loaders else None,
        worker_init_fn=_quiet_worker,
    )
    for step, batch in zip(range(first, config.steps), loader, strict=False):
        yield step, batch.to(device)


def _quiet_worker(_: int) -> None:
    """One thread; and a process group of its own, so that a signal to ours ends the run after its step, not before."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)
    os.nice(2)


def _groups(module: nn.Module, decay: float) -> list[dict[str, object]]:
    """Weights decay; offsets and normalisation do not."""
    heavy = [p for p in module.parameters() if p.requires_grad and p.ndim > 1]
    light = [p for p in module.parameters() if p.requires_grad and p.ndim <= 1]
    return [{"params": heavy, "weight_decay": decay}, {"params": light, "weight_decay": 0.0}]


def _optimizer(module: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    return torch.optim.AdamW(_groups(module, config.weight_decay), lr=config.learning_rate)


def _set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def _trained_state(module: TrainingStep) -> dict[str, Tensor]:
    return {f"model.{k}": v for k, v in module.model.trained().items()}


@torch.no_grad()
def _update(average: dict[str, Tensor], module: TrainingStep, decay: float) -> None:
    state = _trained_state(module)
    smooth = [k for k, v in state.items() if v.is_floating_point()]
    torch._foreach_lerp_([average[k] for k in smooth], [state[k] for k in smooth], 1 - decay)
    for name in state.keys() - set(smooth):
        average[name].copy_(state[name])


def _resume(out: Path, module: TrainingStep, optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], int]:
    """The running average and the next step, from a checkpoint if there is one."""
    if not (out / CHECKPOINT).is_file():
        return {k: v.detach().clone() for k, v in _trained_state(module).items()}, 0
    groups, meta = read_checkpoint(out / CHECKPOINT)
    module.load_state_dict(groups["weights"], strict=False)
    restore_optimizer(optimizer, groups["optimizer"])
    log.info("going on from step %d of %s", meta["step"], out)
    average = {k: v.to(module.model.device) for k, v in groups["average"].items()}
    return average, int(meta["step"])


def _store(
    out: Path, module: TrainingStep, average: dict[str, Tensor], optimizer: torch.optim.Optimizer,
    config: TrainConfig, step: int,
) -> None:  # fmt: skip
    groups = {"weights": _trained_state(module), "average": average}
    save_checkpoint(out / CHECKPOINT, groups, optimizer, {"step": step, "config": as_table(config)})
    with _averaged(module, average):
        save_weights(module.model, out / WEIGHTS, {"training": as_table(config), "step": step})


class _averaged:
    """The model wears the running average inside the context."""

    def __init__(self, module: TrainingStep, average: dict[str, Tensor]) -> None:
        self.module, self.average = module, average

    def __enter__(self) -> None:
        self.own = {k: v.detach().clone() for k, v in _trained_state(self.module).items()}
        self.module.load_state_dict(self.average, strict=False)

    def __exit__(self, *_: object) -> None:
        self.module.load_state_dict(self.own, strict=False)


def _validate(
    model: Reconstructor, module: TrainingStep, average: dict[str, Tensor], validation: Validation,
    rows: _Curves | None, step: int,
) -> None:  # fmt: skip
    figures: dict[str, float] = {}
    with _averaged(module, average):
        module.eval()
        for name, data in validation.photos.items():
            mesh, seen = photo_errors(model, data)
            figures |= {f"{name}/{k}": v for k, v in summary(mesh).items()}
            if model.point_head is not None:
                figures |= {f"{name}/seen_{k}": v for k, v in summary(seen).items()}
        if validation.synthetic is not None:
            own = drawn_figures(drawn_errors(model, validation.synthetic))
            figures |= {f"synthetic/{k}": float(v) for k, v in vars(own).items()}
    if rows is not None:
        rows.validation(step, figures)
    told = [f"{k} {v:.3f}" for k, v in figures.items() if "median" in k or "ratio" in k]
    if told:
        log.info("step %d: %s", step, ", ".join(told))


class _Curves:
    """Losses and figures in a CSV (always) and TensorBoard (if installed); rows after a resumed step are dropped."""

    def __init__(self, out: Path, first: int) -> None:
        self.path = out / CURVES
        out.mkdir(parents=True, exist_ok=True)
        kept = []
        if self.path.is_file():
            with self.path.open(newline="") as file:
                kept = [row for row in csv.reader(file) if row and row[0].isdigit() and int(row[0]) <= first]
        with self.path.open("w", newline="") as file:
            csv.writer(file).writerows([["step", "name", "value"], *kept])
        self.sums: dict[str, list[float]] = {}
        self.board = _board(out)

    def add(self, step: int, total: float, terms: dict[str, Tensor]) -> None:
        for name, value in {"total": total, **{k: float(v.detach()) for k, v in terms.items()}}.items():
            self.sums.setdefault(name, []).append(value)
        if (step + 1) % 50 == 0:
            self._write(step + 1, {f"loss/{k}": sum(v) / len(v) for k, v in self.sums.items()})
            self.sums = {}

    def validation(self, step: int, figures: dict[str, float]) -> None:
        self._write(step, figures)

    def _write(self, step: int, values: dict[str, float]) -> None:
        with self.path.open("a", newline="") as file:
            csv.writer(file).writerows([step, k, f"{v:.6g}"] for k, v in values.items())
        if self.board is not None:
            for name, value in values.items():
                self.board.add_scalar(name, value, step)


def _board(out: Path):  # type: ignore[no-untyped-def]  # the writer's type exists only where TensorBoard does
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(out / "tensorboard"))


def _shown(progress: Progress, already: bool) -> contextlib.AbstractContextManager[Progress]:
    return contextlib.nullcontext(progress) if already else progress


def progress_bar(shown: bool = True) -> Progress:
    """What long work shows: what, how far, how long, how long still."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, disable=not shown)
