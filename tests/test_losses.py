"""Losses: zero at the truth, the stated unit, invariances, and exactness of the Gram shortcut."""

import pytest
import torch

from hiface import losses
from hiface.train.objective import without_similarity


def test_every_loss_is_least_at_the_truth():
    torch.manual_seed(0)
    vertices, maps, points = torch.randn(2, 9, 3), torch.randn(2, 6, 6), torch.rand(2, 5, 2)
    ones = torch.ones
    assert losses.vertex_loss(vertices, vertices, ones(9)) < 1e-3
    assert losses.detail_loss(maps, maps, ones(6, 6)) < 1e-3
    assert losses.points_loss(points, points, ones(2, 5)) < 1e-5
    assert losses.photometric_loss(maps[..., None], maps[..., None], ones(2, 6, 6)) < 1e-3
    assert losses.perceptual_loss(maps.flatten(1), 3 * maps.flatten(1)) < 1e-6
    identity = torch.randn(2, 7)
    assert losses.identity_divergence(identity, identity) == pytest.approx(0, abs=1e-6)
    age = torch.softmax(torch.randn(2, 9), 1)
    assert losses.age_loss(age, age.log(), ones(2)) == pytest.approx(0, abs=1e-5)


def test_vertex_loss_is_in_millimetres_and_masked():
    vertices = torch.zeros(1, 4, 3)
    truth = torch.tensor([[[3.0, 4, 0]] * 4])
    truth[0, 3] = 1000
    mask = torch.tensor([1.0, 1, 1, 0])
    assert losses.vertex_loss(vertices, truth, mask) == pytest.approx(5.0, rel=1e-4)


def test_divergence_ignores_a_common_shift_and_is_positive():
    truth = torch.randn(3, 8)
    assert losses.identity_divergence(truth + 5, truth) == pytest.approx(0, abs=1e-5)
    assert losses.identity_divergence(torch.randn(3, 8), truth) > 0


@pytest.mark.parametrize("shape", ["maps", "vertices"])
def test_gram_shortcut_is_exact(shape):
    torch.manual_seed(1)
    a, b = torch.randn(3, 4), torch.randn(3, 4)
    if shape == "maps":
        modes = torch.randn(4, 5, 5)
        direct = losses.detail_loss(torch.tensordot(a, modes, 1), torch.tensordot(b, modes, 1), torch.ones(5, 5))
        gram = losses.gram_of(modes.flatten(1), 25)
    else:
        modes = torch.randn(4, 6, 3)
        direct = losses.vertex_loss(torch.tensordot(a, modes, 1), torch.tensordot(b, modes, 1), torch.ones(6))
        gram = losses.gram_of(modes.flatten(1), 6)
    torch.testing.assert_close(losses.modes_loss(a, b, gram), direct, rtol=1e-4, atol=1e-5)


def test_uncertain_points_are_best_at_the_true_deviation():
    torch.manual_seed(2)
    truth = torch.zeros(4000, 1, 2)
    points = 0.03 * torch.randn(4000, 1, 2)

    def pull(sigma):
        log_sigma = torch.full((4000, 1), sigma).log().requires_grad_()
        losses.uncertain_points_loss(points, truth, log_sigma, torch.ones(4000, 1)).backward()
        return float(log_sigma.grad.sum())

    assert pull(0.029) < 0 < pull(0.031)


def test_photometric_loss_counts_masked_pixels_alone():
    a, b = torch.zeros(2, 4, 4, 3), torch.ones(2, 4, 4, 3)
    mask = torch.zeros(2, 4, 4)
    mask[0, 0, 0] = 1
    assert losses.photometric_loss(a, b, mask) == pytest.approx(3**0.5, rel=1e-4)
    assert losses.photometric_loss(a, b, torch.zeros(2, 4, 4)) == 0


def test_rotation_loss_of_half_a_turn_is_one():
    half = torch.diag(torch.tensor([-1.0, -1, 1]))[None]
    assert losses.rotation_loss(half, torch.eye(3)[None]) == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("name", ["vertex", "divergence", "points", "uncertain", "photometric", "age"])
def test_gradients_match_finite_differences(name):
    torch.manual_seed(3)
    d = {"dtype": torch.float64}
    x = torch.randn(2, 5, 3, **d).requires_grad_()
    truth = torch.randn(2, 5, 3, **d)
    functions = {
        "vertex": lambda x: losses.vertex_loss(x, truth, torch.ones(5, **d)),
        "divergence": lambda x: losses.identity_divergence(x.flatten(1), truth.flatten(1)),
        "points": lambda x: losses.points_loss(x[..., :2], truth[..., :2], torch.ones(2, 5, **d)),
        "uncertain": lambda x: losses.uncertain_points_loss(
            x[..., :2], truth[..., :2], truth[..., 2], torch.ones(2, 5, **d)
        ),
        "photometric": lambda x: losses.photometric_loss(x[:, None], truth[:, None], torch.ones(2, 1, 5, **d)),
        "age": lambda x: losses.age_loss(truth.flatten(1).softmax(1), x.flatten(1).log_softmax(1), torch.ones(2, **d)),
    }
    assert torch.autograd.gradcheck(functions[name], x)


def test_shape_modes_without_similarity_move_nothing_as_a_whole():
    torch.manual_seed(4)
    mean, modes = torch.randn(20, 3) * 50, torch.randn(3, 20, 3)
    free = without_similarity(modes, mean)
    centred = mean - mean.mean(0)
    assert free.mean(1).abs().max() < 1e-5
    assert (free * centred).sum((1, 2)).abs().max() < 1e-2
    turn = torch.linalg.cross(centred.expand_as(free), free).sum(1)
    assert turn.abs().max() < 1e-2
    grown = without_similarity((0.01 * centred)[None], mean)
    assert grown.abs().max() < 1e-5
