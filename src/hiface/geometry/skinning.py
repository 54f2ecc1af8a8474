"""Linear blend skinning with a short chain of joints (Eq. 2)."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hiface.geometry.rotation import matrix_from_axis_angle


def joint_transforms(
    rotation: Float[Tensor, "B J 3"], joints: Float[Tensor, "B J 3"], parents: tuple[int, ...]
) -> tuple[Float[Tensor, "B J 3 3"], Float[Tensor, "B J 3"]]:
    """Rotation and shift of each joint such that a rest point x bound to it goes to `R x + shift`.

    A joint turns about its own rest position, after its parent has moved it. `parents` lists each joint's
    parent, -1 for a root; parents come before their children.
    """
    local = matrix_from_axis_angle(rotation)
    turns: list[Tensor] = []
    shifts: list[Tensor] = []
    for j, parent in enumerate(parents):
        about = joints[:, j] - torch.einsum("bxy,by->bx", local[:, j], joints[:, j])
        if parent < 0:
            turns.append(local[:, j])
            shifts.append(about)
        else:
            turns.append(turns[parent] @ local[:, j])
            shifts.append(torch.einsum("bxy,by->bx", turns[parent], about) + shifts[parent])
    return torch.stack(turns, 1), torch.stack(shifts, 1)


def skin(
    vertices: Float[Tensor, "B V 3"],
    rotation: Float[Tensor, "B J 3"],
    joints: Float[Tensor, "B J 3"],
    weights: Float[Tensor, "V J"],
    parents: tuple[int, ...],
) -> Float[Tensor, "B V 3"]:
    """LBS(S, p, J; W) of Eq. 2 without the root translation; differentiable in all but `parents`."""
    return skin_with(vertices, *joint_transforms(rotation, joints, parents), weights)


def skin_with(
    vertices: Float[Tensor, "B V 3"],
    turns: Float[Tensor, "B J 3 3"],
    shifts: Float[Tensor, "B J 3"],
    weights: Float[Tensor, "V J"],
) -> Float[Tensor, "B V 3"]:
    """`skin` with the joints' transforms given.

    All vertices move with the joint that holds most of them, the head; those that others hold in part then move by the
    difference. The blend of matrices, one a vertex, costs twice as much.
    """
    main = int(weights.sum(0).argmax())
    posed = moved_by(vertices, turns, shifts, main)
    for joint in range(weights.shape[1]):
        own = (weights[:, joint] > 0).nonzero()[:, 0]
        if joint != main and len(own):
            part = vertices[:, own]
            away = moved_by(part, turns, shifts, joint) - moved_by(part, turns, shifts, main)
            posed = posed.index_add(1, own, weights[own, joint, None] * away)
    return posed


def moved_by(
    vertices: Float[Tensor, "B V 3"], turns: Float[Tensor, "B J 3 3"], shifts: Float[Tensor, "B J 3"], joint: int
) -> Float[Tensor, "B V 3"]:
    """Vertices as if fixed to one joint."""
    return vertices @ turns[:, joint].transpose(1, 2) + shifts[:, joint, None]


def skin_bruteforce(
    vertices: Float[Tensor, "B V 3"],
    rotation: Float[Tensor, "B J 3"],
    joints: Float[Tensor, "B J 3"],
    weights: Float[Tensor, "V J"],
    parents: tuple[int, ...],
) -> Float[Tensor, "B V 3"]:
    """The slow twin of `skin`, one joint after another; truth in tests."""
    turns, shifts = joint_transforms(rotation, joints, parents)
    moved = [torch.einsum("bxy,bvy->bvx", turns[:, j], vertices) + shifts[:, j, None] for j in range(len(parents))]
    return sum((weights[:, j, None] * moved[j] for j in range(len(parents))), torch.zeros_like(vertices))


def points_on(
    vertices: Float[Tensor, "B V 3"], index: Int[Tensor, "L N"], weight: Float[Tensor, "L N"]
) -> Float[Tensor, "B L 3"]:
    """Points that are weighted sums of N vertices each: landmarks."""
    return torch.einsum("blnx,ln->blx", vertices[:, index], weight)
