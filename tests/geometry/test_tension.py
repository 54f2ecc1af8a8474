"""Tension (Eq. 8): a case by hand, invariances, gradients, and the quick operator against the definition."""

import numpy as np
import pytest
import torch

from hiface.errors import MeshError
from hiface.geometry.rotation import matrix_from_axis_angle
from hiface.geometry.tension import (
    CEILING,
    GAIN,
    TensionOperator,
    alignment_weights,
    scaled_tension,
    smooth_on_mesh,
    vertex_tension,
)


def grid(width: int = 5, height: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Vertices (1, V, 3) of a bumpy grid, float64, and its edges."""
    y, x = np.mgrid[:height, :width]
    z = np.random.default_rng(0).normal(0, 0.2, x.size)
    vertices = torch.tensor(np.stack([x.ravel() * 2.0, y.ravel() * 3.0, z], 1))[None]
    index = np.arange(x.size).reshape(height, width)
    across = np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], 1)
    down = np.stack([index[:-1].ravel(), index[1:].ravel()], 1)
    return vertices, torch.tensor(np.concatenate([across, down]))


def deformed(vertices: torch.Tensor, seed: int = 1) -> torch.Tensor:
    noise = torch.tensor(np.random.default_rng(seed).normal(0, 0.3, tuple(vertices.shape)))
    return vertices + noise


def test_a_case_by_hand():
    """A vertex between one edge that halves and one that doubles: 1 − (½ + 2) / 2 = −¼."""
    neutral = torch.tensor([[[0.0, 0, 0], [2, 0, 0], [2, 3, 0]]])
    vertices = torch.tensor([[[1.0, 0, 0], [2, 0, 0], [2, 6, 0]]])
    edges = torch.tensor([[0, 1], [1, 2]])
    expected = torch.tensor([[0.5, -0.25, -1.0]])
    torch.testing.assert_close(vertex_tension(vertices, neutral, edges), expected)


def test_identity_is_slack_and_uniform_scaling_is_exact():
    vertices, edges = grid()
    assert vertex_tension(vertices, vertices, edges).abs().max() == 0
    torch.testing.assert_close(
        vertex_tension(0.8 * vertices, vertices, edges),
        torch.full(vertices.shape[:2], 0.2, dtype=torch.float64),
    )


def test_rigid_motion_changes_nothing():
    vertices, edges = grid()
    shape = deformed(vertices)
    turn = matrix_from_axis_angle(torch.tensor([0.3, -1.1, 0.7], dtype=torch.float64))
    moved = shape @ turn.T + torch.tensor([5.0, -3, 40], dtype=torch.float64)
    torch.testing.assert_close(vertex_tension(moved, vertices, edges), vertex_tension(shape, vertices, edges))


def test_a_vertex_without_edges_is_slack():
    vertices, edges = grid()
    lonely = torch.cat([vertices, vertices.new_ones(1, 1, 3)], dim=1)
    assert vertex_tension(2 * lonely, lonely, edges)[0, -1] == 0
    values = torch.rand(1, lonely.shape[1], dtype=torch.float64)
    assert smooth_on_mesh(values, edges, 3)[0, -1] == values[0, -1]


def test_smoothing_keeps_a_constant_and_lowers_a_peak():
    vertices, edges = grid()
    ones = torch.ones(2, vertices.shape[1], dtype=torch.float64)
    torch.testing.assert_close(smooth_on_mesh(ones, edges, 4), ones)
    peak = torch.zeros(1, vertices.shape[1], dtype=torch.float64)
    peak[0, 7] = 1
    once = smooth_on_mesh(peak, edges, 1)
    assert once[0, 7] == 0.5
    assert once[0, edges[(edges == 7).any(1)]].min() > 0
    assert once.max() == 0.5


def test_scaling_is_odd_and_bounded():
    raw = torch.linspace(-3, 3, 101, dtype=torch.float64)
    scaled = scaled_tension(raw)
    torch.testing.assert_close(scaled, -scaled.flip(0))
    assert scaled.abs().max() <= CEILING
    assert scaled_tension(torch.tensor(1e-4, dtype=torch.float64)) == pytest.approx(GAIN * 1e-4, rel=1e-5)


def test_oriented_tension_sees_a_squeeze_that_the_mean_does_not():
    """Squeezed along x and stretched as much along y: Eq. 8 says nothing, the oriented form says which."""
    vertices, edges = grid()
    flat = vertices.clone()
    flat[..., 2] = 0
    shape = flat * torch.tensor([0.8, 1.2, 1.0], dtype=torch.float64)
    inner = 7  # a vertex with all four neighbours
    assert vertex_tension(shape, flat, edges)[0, inner] == pytest.approx(0, abs=1e-12)
    along_x = torch.zeros_like(flat[0])
    along_x[:, 0] = 1
    weights = alignment_weights(flat[0], edges, along_x)
    torch.testing.assert_close(vertex_tension(shape, flat, edges, weights)[0, inner].item(), 0.2)
    equal = torch.ones_like(weights)
    torch.testing.assert_close(vertex_tension(shape, flat, edges, equal), vertex_tension(shape, flat, edges))


@pytest.mark.parametrize("degrees", [0.0, 30.0, 60.0, 90.0])
def test_oriented_tension_of_a_squeeze_and_a_stretch_in_closed_form(degrees):
    """Edges along x become 0.8, along y 1.25 as long; the direction is turned by an angle from x: their weights are
    cos⁴ and sin⁴ of it, and with weights of 1 it is Eq. 8 to the last bit."""
    vertices, edges = grid()
    flat = vertices * torch.tensor([1.0, 1, 0], dtype=torch.float64)
    shape = flat * torch.tensor([0.8, 1.25, 1], dtype=torch.float64)
    angle = np.radians(degrees)
    direction = -3 * torch.tensor([np.cos(angle), np.sin(angle), 0]).expand(
        len(flat[0]), 3
    )  # length and sign do not tell
    along, across = np.cos(angle) ** 4, np.sin(angle) ** 4
    expected = 1 - (along * 0.8 + across * 1.25) / (along + across)
    weights = alignment_weights(flat[0], edges, direction)
    found = vertex_tension(shape, flat, edges, weights)
    inner = found[0, [6, 7, 8, 11, 12, 13]]  # with both neighbours along x and along y
    torch.testing.assert_close(inner, torch.full_like(inner, expected))
    assert (vertex_tension(shape, flat, edges, torch.ones_like(weights)) == vertex_tension(shape, flat, edges)).all()


@pytest.mark.parametrize("oriented", [False, True])
def test_operator_is_the_definition(oriented):
    vertices, edges = grid()
    neutral = torch.cat([vertices, deformed(vertices, 2)]).float()
    shape = torch.cat([deformed(vertices, 3), deformed(vertices, 4)]).float()
    direction = torch.nn.functional.normalize(torch.rand(vertices.shape[1], 3), dim=1)
    weights = alignment_weights(neutral[0], edges, direction) if oriented else None
    operator = TensionOperator(edges, vertices.shape[1], weights)
    slow = scaled_tension(smooth_on_mesh(vertex_tension(shape, neutral, edges, weights), edges), operator.gain)
    torch.testing.assert_close(operator(shape, neutral), slow, rtol=1e-5, atol=1e-6)


def test_gradients_against_finite_differences():
    vertices, edges = grid(4, 3)
    shape, neutral = deformed(vertices).requires_grad_(), vertices.requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: vertex_tension(a, b, edges), (shape, neutral))
    operator = TensionOperator(edges, vertices.shape[1])
    operator.double()
    assert torch.autograd.gradcheck(operator, (shape, neutral))


def test_a_collapsed_edge_has_a_finite_gradient():
    neutral, edges = grid()
    shape = torch.zeros_like(neutral).requires_grad_()
    vertex_tension(shape, neutral, edges).sum().backward()
    assert shape.grad is not None
    assert torch.isfinite(shape.grad).all()


def test_a_wrong_mesh_is_named():
    vertices, edges = grid()
    with pytest.raises(MeshError, match="20 vertices"):
        TensionOperator(edges, 20)(vertices[:, :5], vertices[:, :5])
    with pytest.raises(MeshError, match="vertex 19"):
        TensionOperator(edges, 10)
