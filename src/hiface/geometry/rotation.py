"""Rotations: axis-angle vectors, matrices and the continuous six-number form that networks regress well."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def matrix_from_axis_angle(vector: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3 3"]:
    """Rodrigues' formula; smooth at zero."""
    square = (vector * vector).sum(-1, keepdim=True)[..., None]
    small = square < 1e-8
    angle = torch.where(small, torch.ones_like(square), square).sqrt()
    sine = torch.where(small, 1 - square / 6, torch.sin(angle) / angle)
    cosine = torch.where(small, 0.5 - square / 24, (1 - torch.cos(angle)) / (angle * angle))
    cross = skew(vector)
    identity = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return identity + sine * cross + cosine * (cross @ cross)


def skew(vector: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3 3"]:
    """The matrix of the cross product: `skew(v) @ x = v × x`."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))


def axis_angle_from_matrix(matrix: Float[Tensor, "*B 3 3"]) -> Float[Tensor, "*B 3"]:
    """The inverse of `matrix_from_axis_angle`, through a unit quaternion; angles in [0, π]."""
    quaternion = quaternion_from_matrix(matrix)
    real, imaginary = quaternion[..., :1], quaternion[..., 1:]
    sign = torch.where(real < 0, -1.0, 1.0).to(matrix.dtype)
    real, imaginary = real * sign, imaginary * sign
    length = imaginary.norm(dim=-1, keepdim=True)
    small = length < 1e-6
    half = torch.atan2(length, real)
    factor = torch.where(small, 2.0 / real.clamp(min=1e-6), 2 * half / length.clamp(min=1e-12))
    return imaginary * factor


def quaternion_from_matrix(matrix: Float[Tensor, "*B 3 3"]) -> Float[Tensor, "*B 4"]:
    """Unit quaternion (w, x, y, z); takes the largest of four candidates, so it is stable everywhere."""
    m = matrix
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    wx, wy, wz = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    xy, xz, yz = m[..., 1, 0] + m[..., 0, 1], m[..., 2, 0] + m[..., 0, 2], m[..., 2, 1] + m[..., 1, 2]
    candidates = torch.stack(
        [
            torch.stack([1 + xx + yy + zz, wx, wy, wz], -1),
            torch.stack([wx, 1 + xx - yy - zz, xy, xz], -1),
            torch.stack([wy, xy, 1 - xx + yy - zz, yz], -1),
            torch.stack([wz, xz, yz, 1 - xx - yy + zz], -1),
        ],
        -2,
    )
    best = torch.stack([1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz], -1).argmax(-1)
    chosen = candidates.gather(-2, best[..., None, None].expand(*best.shape, 1, 4)).squeeze(-2)
    return torch.nn.functional.normalize(chosen, dim=-1)


def matrix_from_six(six: Float[Tensor, "*B 6"]) -> Float[Tensor, "*B 3 3"]:
    """The rotation whose first two columns are the orthonormalised halves of `six` (Zhou et al., CVPR 2019)."""
    first = torch.nn.functional.normalize(six[..., :3], dim=-1)
    second = six[..., 3:] - (first * six[..., 3:]).sum(-1, keepdim=True) * first
    second = torch.nn.functional.normalize(second, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], -1)


def angle_between(a: Float[Tensor, "*B 3 3"], b: Float[Tensor, "*B 3 3"]) -> Float[Tensor, "*B"]:
    """The angle, radians, of the rotation that takes `a` to `b`."""
    trace = (a * b).sum((-2, -1))
    return torch.arccos(((trace - 1) / 2).clamp(-1, 1))


def matrix_from_euler(
    yaw: Float[Tensor, "*B"], pitch: Float[Tensor, "*B"], roll: Float[Tensor, "*B"]
) -> Float[Tensor, "*B 3 3"]:
    """Roll about z after pitch about x after yaw about y, radians: R = Rz(roll) Rx(pitch) Ry(yaw)."""
    zero = torch.zeros_like(yaw)
    turn_y = matrix_from_axis_angle(torch.stack([zero, yaw, zero], -1))
    turn_x = matrix_from_axis_angle(torch.stack([pitch, zero, zero], -1))
    turn_z = matrix_from_axis_angle(torch.stack([zero, zero, roll], -1))
    return turn_z @ turn_x @ turn_y
