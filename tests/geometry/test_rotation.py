"""Rotations: round trips, composition, continuity at zero."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from hiface.geometry.rotation import (
    angle_between,
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    matrix_from_euler,
    skew,
)

angles = st.floats(-3.1, 3.1)


@given(st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1)), st.floats(0.0, 3.1))
def test_axis_angle_round_trip(axis, angle):
    vector = torch.tensor(axis, dtype=torch.float64)
    if vector.norm() < 1e-3:
        return
    vector = vector / vector.norm() * angle
    back = axis_angle_from_matrix(matrix_from_axis_angle(vector))
    torch.testing.assert_close(back, vector, atol=1e-7, rtol=0)


@given(angles, angles)
def test_turns_about_one_axis_add(a, b):
    axis = torch.tensor([0.48, -0.6, 0.64], dtype=torch.float64)
    both = matrix_from_axis_angle(axis * a) @ matrix_from_axis_angle(axis * b)
    torch.testing.assert_close(both, matrix_from_axis_angle(axis * (a + b)), atol=1e-9, rtol=0)


def test_matrices_are_rotations():
    turns = matrix_from_axis_angle(torch.randn(50, 3, dtype=torch.float64))
    identity = torch.eye(3, dtype=torch.float64).expand_as(turns)
    torch.testing.assert_close(turns @ turns.transpose(1, 2), identity)
    torch.testing.assert_close(torch.linalg.det(turns), torch.ones(50, dtype=torch.float64))


def test_gradient_at_zero_is_the_cross_product():
    zero = torch.zeros(3, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(matrix_from_axis_angle, zero)
    for k in range(3):
        torch.testing.assert_close(jacobian[..., k], skew(torch.eye(3, dtype=torch.float64)[k]))


def test_axis_angle_gradient_is_exact():
    vector = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(matrix_from_axis_angle, vector)
    turn = matrix_from_axis_angle(vector.detach()).requires_grad_()
    assert torch.autograd.gradcheck(axis_angle_from_matrix, turn)


def test_euler_turns_each_axis_the_right_way():
    zero, half = torch.tensor(0.0), torch.tensor(torch.pi / 2)
    x, y, z = torch.eye(3)
    torch.testing.assert_close(matrix_from_euler(half, zero, zero) @ z, x, atol=1e-6, rtol=0)  # yaw: nose to +x
    torch.testing.assert_close(matrix_from_euler(zero, half, zero) @ z, -y, atol=1e-6, rtol=0)  # pitch: nose down
    torch.testing.assert_close(matrix_from_euler(zero, zero, half) @ x, y, atol=1e-6, rtol=0)  # roll: +x up


def test_angle_between():
    a = matrix_from_axis_angle(torch.tensor([0.3, 0.1, -0.2], dtype=torch.float64))
    b = a @ matrix_from_axis_angle(torch.tensor([0.0, 0.5, 0.0], dtype=torch.float64))
    torch.testing.assert_close(angle_between(a, b), torch.tensor(0.5, dtype=torch.float64))
