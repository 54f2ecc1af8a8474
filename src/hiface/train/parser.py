"""Training of the face parser on drawn faces, which know their parts, and on photos, whose landmarks tell some."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

from hiface.face.parts import PART_NAMES, Part
from hiface.network.parser import FaceParser, ParserConfig, load_parser, save_parser
from hiface.train.checkpoint import read_checkpoint, restore_optimizer, save_checkpoint
from hiface.train.parser_batches import ParserBatch, ParserFaces, parser_batch
from hiface.train.parser_hints import hint_loss
from hiface.train.photos import PhotoSet
from hiface.train.precision import arithmetic

log = logging.getLogger(__name__)
_SIDES = ((0.5, 2 / 3), (1.0, 1.0))
"""Side of the crops over the network's own up to each part of the run: coarse first, since a step costs its area."""
_RARE = {
    Part.BROWS: 2.0, Part.EYES: 2.0, Part.LIPS: 2.0, Part.MOUTH: 3.0, Part.EARS: 1.5, Part.BEARD: 1.5,
    Part.GLASSES: 4.0, Part.MASK: 1.5, Part.HAT: 1.5, Part.OTHER: 1.5,
}  # fmt: skip
"""Weights of the classes with few pixels."""
_CHECKPOINT_EVERY = 100


@dataclass(frozen=True)
class ParserTraining:
    """A run; the same numbers give the same batches."""

    steps: int = 3000
    drawn: int = 16
    """Drawn faces in a batch."""
    photos: int = 6
    rate: float = 4e-3
    """Greatest learning rate; it falls as a cosine after a short rise."""
    decay: float = 0.02
    hint_weight: float = 0.3
    average: float = 0.995
    """How slowly the weights that are kept follow those that are trained."""
    seed: int = 0

    def side(self, step: int, crop: int) -> int:
        """Of the crops of a step, pixels, for a network of crops of side `crop`."""
        share = next(share for until, share in _SIDES if step < until * self.steps)
        return max(32, round(share * crop / 32) * 32)


def train_parser(
    faces: ParserFaces, photos: PhotoSet | None, out: str | Path, options: ParserTraining = ParserTraining(),
    network: ParserConfig | None = None, minutes: float | None = None, start: str | Path | None = None,
) -> FaceParser:  # fmt: skip
    """Train, write the weights to `out`, return the parser. A checkpoint beside `out` makes a cut run go on exactly.

    `minutes`: end this piece of the run after so long; its weights are written as they are then. `start`: weights of
    an earlier run to start from.
    """
    torch.manual_seed(options.seed)
    parser = FaceParser(network or ParserConfig()) if start is None else load_parser(start)
    parser.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs forget modules
    kept = {k: v.detach().clone() for k, v in parser.state_dict().items()}
    optimizer = torch.optim.AdamW(parser.parameters(), lr=options.rate, weight_decay=options.decay)
    checkpoint = Path(out).with_suffix(".checkpoint")
    first = _resume(checkpoint, parser, kept, optimizer, options)
    autocast, started = arithmetic("auto", torch.device("cpu")), time.perf_counter()
    parser.train()
    steps = range(first, options.steps)
    for step in track(steps, "face parser", console=Console(stderr=True), disable=not steps):
        rng = np.random.default_rng([options.seed, step])
        batch = parser_batch(faces, photos, rng, options.side(step, parser.config.crop), options.drawn, options.photos)
        for group in optimizer.param_groups:
            group["lr"] = options.rate * _course(step / options.steps)
        loss = parser_loss(parser, batch, options, autocast)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parser.parameters(), 1.0)
        optimizer.step()
        _follow(kept, parser, min(options.average, (1 + step) / (10 + step)))
        if step % 50 == 49:
            log.info("face parser: step %d, loss %.3f", step + 1, loss.item())
        late = minutes is not None and time.perf_counter() - started > 60 * minutes
        if late or step + 1 == options.steps or step % _CHECKPOINT_EVERY == _CHECKPOINT_EVERY - 1:
            groups = {"network": dict(parser.state_dict()), "kept": kept}
            save_checkpoint(checkpoint, groups, optimizer, {"step": step + 1, "options": asdict(options)})
        if late:
            break
    final = FaceParser(parser.config)
    final.load_state_dict(kept)
    save_parser(final.eval(), out, {"training": asdict(options), "faces": len(faces)})
    return final


def parser_loss(
    parser: FaceParser, batch: ParserBatch, options: ParserTraining, autocast: torch.dtype | None
) -> Tensor:
    """Weighted cross entropy on drawn faces, and the photos' hints."""
    crops = (batch.crops.float() / 255).contiguous(memory_format=torch.channels_last)
    logits = parser.halved(crops, autocast)
    weights = torch.tensor([_RARE.get(Part(c), 1.0) for c in range(len(PART_NAMES))])
    drawn = len(batch.parts)
    loss = nn.functional.cross_entropy(logits[:drawn], batch.parts.long(), weights)
    return loss if not len(batch.rules) else loss + options.hint_weight * hint_loss(logits[drawn:], batch.rules)


def _course(share: float) -> float:
    """Factor on the learning rate at a part of the run."""
    return min(1.0, share / 0.05 + 0.02) * (0.5 + 0.5 * math.cos(math.pi * share)) + 0.003


@torch.no_grad()
def _follow(kept: dict[str, Tensor], parser: FaceParser, slowness: float) -> None:
    for name, value in parser.state_dict().items():
        if value.is_floating_point():
            kept[name].lerp_(value, 1 - slowness)
        else:
            kept[name].copy_(value)


def _resume(
    checkpoint: Path, parser: FaceParser, kept: dict[str, Tensor], optimizer: torch.optim.Optimizer,
    options: ParserTraining,
) -> int:  # fmt: skip
    """The step to go on from; 0 where there is no checkpoint of the same run."""
    if not checkpoint.is_file():
        return 0
    groups, meta = read_checkpoint(checkpoint)
    if meta["options"] != asdict(options):
        log.warning("%s: is of a run with other options; starting anew", checkpoint)
        return 0
    parser.load_state_dict(groups["network"])
    for name, value in groups["kept"].items():
        kept[name].copy_(value)
    restore_optimizer(optimizer, groups["optimizer"])
    return int(meta["step"])
