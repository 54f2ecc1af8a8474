"""Who a clip shows, from the frames in which the network is surest; then the motion, with that person held fixed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from hiface.errors import NoFaceError
from hiface.reconstructor import Reconstructor
from hiface.refine import Trust, refine
from hiface.track.motion import Motion, middle_of_points, motion_of
from hiface.track.observe import Observed
from hiface.types import Coefficients

MOST_FRAMES = 64
"""Frames that the person is made of: the surest of as many equal parts of the clip."""
_FLOOR = 0.004
"""Added to expected errors, crop sides: an error that neighbouring frames share does not average out."""
HELD = Trust(identity=0.0)


def surest(chunks: Iterable[Observed], count: int) -> Observed:
    """The surest frame of each part of a clip of `count` frames."""
    best: dict[int, Observed] = {}
    number = 0
    for chunk in chunks:
        for k in range(len(chunk)):
            part = number * MOST_FRAMES // max(count, MOST_FRAMES)
            number += 1
            if bool(chunk.found[k]) and (part not in best or chunk.error[k] < best[part].error[0]):
                best[part] = chunk[k : k + 1]
    if not best:
        raise NoFaceError("no face found in any frame of the clip; crop it closer to the face")
    return Observed.cat([best[part] for part in sorted(best)])


def weights(error: Float[Tensor, "F"]) -> Float[Tensor, "F"]:
    """By how much each frame counts, in all 1: the inverse of its expected squared error."""
    weight = 1 / (error**2 + _FLOOR**2)
    return weight / weight.sum()


@torch.no_grad()
def person_of(model: Reconstructor, frames: Observed) -> Coefficients:
    """Identity, albedo, static detail and light as the weighted means over frames, each first fitted to the points
    seen in it (batch of one, without expression and pose).

    The mean of fits that each pull towards their own frame's answer is the joint fit of all, but for how the weights of
    the points vary; one frame's share in the prior of the identity is no larger than its weight.
    """
    fitted = refine(model, frames.coefficients.to(model.device), frames.seen_on(model)).to("cpu")
    weight = weights(frames.error)
    mean = {name: torch.einsum("f,f...->...", weight, getattr(fitted, name))[None] for name in vars(fitted)}
    c = Coefficients(**mean)
    return replace(
        c,
        expression=0 * c.expression,
        rotation=0 * c.rotation,
        translation=0 * c.translation,
    )


@torch.no_grad()
def moved(model: Reconstructor, chunk: Observed, person: Coefficients) -> Motion:
    """The motion of some frames, identity held: the network's expression and pose moved to meet the points it sees."""
    start = _as_person(model, chunk.coefficients, person)
    fitted = start
    if bool(chunk.found.any()):
        rows = torch.nonzero(chunk.found)[:, 0]
        part = chunk[rows]
        fitted_rows = refine(model, start[rows].to(model.device), part.seen_on(model), HELD).to("cpu")
        fitted = replace(
            start,
            **{n: getattr(start, n).index_copy(0, rows, getattr(fitted_rows, n)) for n in vars(start)},
        )
    return motion_of(model, fitted, chunk.boxes, chunk.error)


def all_moved(
    model: Reconstructor, chunks: Iterable[Observed], person: Coefficients, on_frames: Callable[[int], None]
) -> Motion:
    """The motion of a clip."""
    parts = []
    for chunk in chunks:
        parts.append(moved(model, chunk, person))
        on_frames(len(chunk))
    return Motion.cat(parts)


def _as_person(model: Reconstructor, c: Coefficients, person: Coefficients) -> Coefficients:
    """The coefficients with another's identity, their points' mean kept where it was."""
    fixed = {
        n: getattr(person, n).expand(len(c), *getattr(person, n).shape[1:]) for n in ("identity", "albedo", "static")
    }
    other = replace(c, **fixed)
    shift = middle_of_points(model, c) - middle_of_points(model, other)
    return replace(other, translation=c.translation + torch.cat([shift, torch.zeros(len(c), 1)], 1))
