"""Photos of one person fitted to points: maximum a posteriori by Levenberg-Marquardt, identity shared."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hiface.fit.points import POSE, PointField


@dataclass(frozen=True)
class Gaussian:
    """What is held of a vector before it is looked at."""

    mean: Float[Tensor, "N"]
    precision: Float[Tensor, "N"]
    """1 / variance of each number."""

    def energy(self, x: Float[Tensor, "N"]) -> Float[Tensor, ""]:
        return (self.precision * (x - self.mean) ** 2).sum()


@dataclass(frozen=True)
class View:
    """One photo: the points in it and what is held of its expression, pose and camera."""

    field: PointField
    points: Float[Tensor, "L 2"]
    """Crop sides, y down."""
    weight: Float[Tensor, "L"]
    """1 / (c σ²), crop sides; 0 for a point that nobody saw."""
    prior: Gaussian

    def energy(self, identity: Float[Tensor, "I"], rest: Float[Tensor, "N"]) -> Float[Tensor, ""]:
        """Σ w ‖p − p̂‖² and the prior's share."""
        off = ((self.field(identity, rest) - self.points) ** 2).sum(1)
        return (self.weight * off).sum() + self.prior.energy(rest)


@dataclass(frozen=True)
class Solution:
    """Where the fit ended."""

    identity: Float[Tensor, "I"]
    rest: tuple[Float[Tensor, "N"], ...]
    """Expression, pose and camera of each photo."""
    energies: tuple[float, ...]
    """The objective at the start and after each step that was taken: it only falls."""


def energy(views: list[View], prior: Gaussian, identity: Tensor, rest: list[Tensor]) -> Float[Tensor, ""]:
    """The objective: twice the negative log posterior, without its constant."""
    parts = [view.energy(identity, own) for view, own in zip(views, rest, strict=True)]
    return prior.energy(identity) + torch.stack(parts).sum()


@torch.no_grad()
def solve(
    views: list[View], prior: Gaussian, start: tuple[Tensor, list[Tensor]], steps: int = 30, settled: float = 1e-6
) -> Solution:
    """β, and the rest of each photo, at a minimum of `energy`; expression weights stay in 0 to 1.

    A step that would raise the objective is not taken: it is damped and tried again. Ends when a step lowers the
    objective by less than its `settled` part. Photos meet in β alone, so each is eliminated by itself (Schur
    complement) and the cost grows with their number, not with its cube.
    """
    identity, rest = start[0].clone(), [_inside(own) for own in start[1]]
    energies, damping = [float(energy(views, prior, identity, rest))], 1e-4
    for _ in range(steps):
        step = _Step(views, prior, identity, rest)
        for _ in range(8):
            moved = step.damped(damping)
            found = float(energy(views, prior, *moved))
            if found <= energies[-1]:
                break
            damping *= 8
        else:
            break
        identity, rest = moved
        damping = max(damping / 8, 1e-9)
        energies.append(found)
        if energies[-2] - energies[-1] <= settled * energies[-2]:
            break
    return Solution(identity, tuple(rest), tuple(energies))


class _Step:
    """Normal equations at a point; `damped` solves them."""

    def __init__(self, views: list[View], prior: Gaussian, identity: Tensor, rest: list[Tensor]) -> None:
        self.identity, self.rest = identity, rest
        count = len(identity)
        self.left = torch.diag(prior.precision)
        self.right = -prior.precision * (identity - prior.mean)
        self.blocks = []
        for view, own in zip(views, rest, strict=True):
            points, jacobian = view.field.linearised(identity, own)
            weighted = (jacobian * view.weight[:, None, None]).flatten(0, 1)
            normal = weighted.T @ jacobian.flatten(0, 1)
            pull = weighted.T @ (view.points - points).flatten()
            self.left = self.left + normal[:count, :count]
            self.right = self.right + pull[:count]
            block = normal[count:, count:] + torch.diag(view.prior.precision)
            toward = pull[count:] - view.prior.precision * (own - view.prior.mean)
            self.blocks.append((block, normal[count:, :count], toward, _stopped(own, toward)))

    def damped(self, damping: float) -> tuple[Tensor, list[Tensor]]:
        """Where the damped step leads. Weights at a stop that are pushed beyond it stay out of the step."""
        left, right = self.left + damping * torch.diag(self.left.diagonal()), self.right
        solved = []
        for block, cross, toward, stopped in self.blocks:
            free = (~stopped).to(block)
            damped = block + damping * torch.diag(block.diagonal())
            damped = damped * free * free[:, None] + torch.diag(1 - free)
            both = torch.linalg.solve(damped, torch.cat([cross * free[:, None], (toward * free)[:, None]], 1))
            by_identity, alone = both[:, :-1], both[:, -1]
            left = left - (cross * free[:, None]).T @ by_identity
            right = right - (cross * free[:, None]).T @ alone
            solved.append((by_identity, alone))
        shared = torch.linalg.solve(left, right)
        moved = [
            _inside(own + alone - by_identity @ shared)
            for own, (by_identity, alone) in zip(self.rest, solved, strict=True)
        ]
        return self.identity + shared, moved


def _stopped(rest: Tensor, toward: Tensor) -> Bool[Tensor, "N"]:
    """Expression weights at 0 or 1 that the gradient pushes further out."""
    stopped = ((rest <= 0) & (toward < 0)) | ((rest >= 1) & (toward > 0))
    stopped[-POSE:] = False
    return stopped


def _inside(rest: Tensor) -> Tensor:
    return torch.cat([rest[:-POSE].clamp(0, 1), rest[-POSE:]])
