"""The coefficients moved until the mesh meets the points that the network sees: maximum a posteriori, in closed form.

The network answers twice: with coefficients, which know what faces look like, and with points, which know where
this one is. Here the coefficients x move from the network's own x₀ to the minimum of

    Σ w_i ‖p_i(x) − p̂_i‖² / (c σ_i²)  +  Σ (x − x₀)² / s²

over identity, expression, orientation and camera, by Gauss-Newton. The points' errors hang together (a network that
sees the jaw too low sees all of it too low), so c is far above 1: 468 points are worth six. A stronger pull still
lowers the error of the points, and worsens the neutral shape: `docs/decisions.md` has both figures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from hiface.geometry.rotation import matrix_from_axis_angle
from hiface.network.points import SeenPoints
from hiface.reconstructor import NECK_SHARE, Reconstructor
from hiface.types import Coefficients

MESH_POINTS = 468
"""MediaPipe's points that lie on the skin; the irises follow the gaze."""


@dataclass(frozen=True)
class Trust:
    """How far the truth may lie from the network's coefficients, as standard deviations, and what points are worth."""

    identity: float = 0.9
    """0 holds it: of a person who is known already, expression and pose alone are looked for."""
    expression: float = 0.1
    turn: float = 0.06
    """Radians."""
    log_scale: float = 0.05
    shift: float = 0.02
    """Crop sides."""
    sharing: float = 75.0
    """c: points that count as one."""
    rounds: int = 3
    """Gauss-Newton steps; the problem is nearly linear."""


@torch.no_grad()
def refine(model: Reconstructor, first: Coefficients, seen: SeenPoints, trust: Trust = Trust()) -> Coefficients:
    """The refined coefficients of a batch; frame and units as `first`."""
    modes = model.points_model.modes("mediapipe478")[:, :MESH_POINTS]
    return Coefficients.cat([_one(model, modes, first[k], seen[k], trust) for k in range(len(first))])


def _one(
    model: Reconstructor, modes: Float[Tensor, "N L 3"], first: Coefficients, seen: SeenPoints, trust: Trust
) -> Coefficients:
    start = _vector(first)
    precision = _precision(model, trust, start)
    free = torch.isfinite(precision).nonzero()[:, 0]
    target = seen.xy[0, :MESH_POINTS].reshape(-1)
    weight = torch.exp(-2 * seen.log_sigma[0, :MESH_POINTS]).repeat_interleave(2) / trust.sharing
    x = start
    for _ in range(trust.rounds):
        points, jacobian = _linearised(model, modes, first, x)
        rows = jacobian if len(free) == len(x) else jacobian[free]
        weighted = rows * weight
        left = weighted @ rows.T + torch.diag(precision[free])
        right = weighted @ (target - points) - precision[free] * (x - start)[free]
        step = torch.zeros_like(x)
        step[free] = torch.linalg.solve(left, right)
        x = _inside(model, x + step)
    return _coefficients(model, first, x[None])


def _vector(c: Coefficients) -> Float[Tensor, "N"]:
    """Identity, expression, turn of the head, logarithm of the scale, translation as it shifts the picture."""
    turn = c.rotation[0, 0] + c.rotation[0, 1]
    shift = c.translation[0, :2] * c.scale[0]
    return torch.cat([c.identity[0], c.expression[0], turn, c.scale.log(), shift])


def _coefficients(model: Reconstructor, first: Coefficients, x: Float[Tensor, "B N"]) -> Coefficients:
    """Many vectors as coefficients; what they do not hold is `first`'s."""
    sizes = [model.face.identity_size, model.face.expression_size, 3, 1, 2]
    identity, expression, turn, log_scale, shift = x.split(sizes, 1)
    scale = log_scale[:, 0].exp()
    turn = turn[:, None]
    rotation = torch.cat([NECK_SHARE * turn, (1 - NECK_SHARE) * turn, model.face.gaze(expression)], 1)
    translation = torch.cat([shift / scale[:, None], torch.zeros_like(log_scale)], 1)
    rest = {name: getattr(first, name).expand(len(x), *getattr(first, name).shape[1:]) for name in vars(first)}
    return replace(
        Coefficients(**rest),
        identity=identity, expression=expression, rotation=rotation, translation=translation, scale=scale,
    )  # fmt: skip


def _linearised(
    model: Reconstructor, modes: Float[Tensor, "N L 3"], first: Coefficients, x: Float[Tensor, "M"]
) -> tuple[Float[Tensor, "P"], Float[Tensor, "M P"]]:
    """Points of `x` as (x, y) pairs, crop sides, and their derivatives by each unknown.

    Those by modes take every point to be fixed to the head, which for the few at the neck is a little off: it
    costs a step of Gauss-Newton, not accuracy. Those by the turn are differences.
    """
    steps = x.new_zeros(4, len(x))
    steps[1:, -6:-3] = _STEP * torch.eye(3, device=x.device)
    c = _coefficients(model, first, x + steps)
    posed = model.points_model.points(model.points_model(c.identity, c.expression, c.rotation), "mediapipe478")
    own = posed[:, :MESH_POINTS, :2] * (c.scale[:, None, None] * _FLIP.to(x))
    shift = x[-2:] * _FLIP.to(x)
    head = matrix_from_axis_angle(x[None, -6:-3])[0]
    by_modes = modes @ (head[:2] * (c.scale[0] * _FLIP.to(x))[:, None]).T
    by_turn = (own[1:] - own[:1]) / _STEP
    by_shift = torch.diag(_FLIP.to(x))[:, None].expand(2, MESH_POINTS, 2)
    jacobian = torch.cat([by_modes, by_turn, own[:1], by_shift]).flatten(1)
    return (0.5 + own[0] + shift).flatten(), jacobian


_STEP = 2e-3  # radians
_FLIP = torch.tensor([1.0, -1.0])  # y runs up in the posed frame and down in the picture


def _precision(model: Reconstructor, trust: Trust, like: Float[Tensor, "N"]) -> Float[Tensor, "N"]:
    face = model.face
    own = [trust.identity if signed else trust.expression for signed in face.signed.tolist()]
    deviations = [trust.identity] * face.identity_size + own
    deviations += [trust.turn] * 3 + [trust.log_scale] + [trust.shift] * 2
    return like.new_tensor(deviations) ** -2


def _inside(model: Reconstructor, x: Float[Tensor, "N"]) -> Float[Tensor, "N"]:
    """Expressions held in their ranges: weights in 0 to 1."""
    first, last = model.face.identity_size, model.face.identity_size + model.face.expression_size
    low, high = model.face.expression_range.unbind(1)
    return torch.cat([x[:first], x[first:last].clamp(low, high), x[last:]])
