"""Texels lie where the convention says, and both backends read them alike."""

from __future__ import annotations

import pytest
import torch

from hiface.render.texture import sample_texture

BACKENDS = ("numba", "torch")


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("backend", BACKENDS)
def test_texel_centres_give_the_texels_with_row_zero_at_the_top_of_v(backend: str) -> None:
    texture = random(1, 6, 6, 2)
    u = (torch.arange(6).double() + 0.5) / 6
    uv = torch.stack(torch.broadcast_tensors(u[None], 1 - u[:, None]), -1)[None]
    torch.testing.assert_close(sample_texture(texture, uv, backend=backend), texture)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_ramp_is_read_exactly_and_clamped_beyond_the_border(backend: str) -> None:
    side = 8
    centre = (torch.arange(side).double() + 0.5) / side
    ramp = torch.stack(torch.broadcast_tensors(centre[None], 1 - centre[:, None]), -1)[None]
    uv = random(1, 9, 7, 2, seed=1) * 1.4 - 0.2
    edge = 0.5 / side
    got = sample_texture(ramp, uv, backend=backend)
    torch.testing.assert_close(got, uv.clamp(edge, 1 - edge))


def test_backends_agree_forward_and_backward() -> None:
    weight = random(2, 5, 6, 3, seed=2)
    for texture in (random(2, 7, 7, 3), random(1, 7, 7, 3), random(2, 1, 1, 3)):
        results = []
        for backend in BACKENDS:
            leaves = [
                texture.clone().requires_grad_(),
                (random(2, 5, 6, 2, seed=4) * 1.2 - 0.1).requires_grad_(),
            ]
            values = sample_texture(*leaves, backend=backend)
            results.append((values.detach(), *torch.autograd.grad((values * weight).sum(), leaves)))
        torch.testing.assert_close(results[0], results[1])


def test_gradients_match_finite_differences() -> None:
    leaves = (random(1, 5, 5, 2).requires_grad_(), random(2, 4, 4, 2, seed=5).requires_grad_())
    assert torch.autograd.gradcheck(lambda t, p: sample_texture(t, p, backend="numba"), leaves)


@pytest.mark.parametrize("backend", BACKENDS)
def test_pixels_outside_the_mask_are_zero_and_pull_at_nothing(backend: str) -> None:
    texture, uv = random(1, 5, 5, 2), random(1, 4, 4, 2, seed=6).requires_grad_()
    mask = random(1, 4, 4, seed=7) > 0.5
    values = sample_texture(texture, uv, mask, backend)
    (gradient,) = torch.autograd.grad(values.sum(), uv)
    assert (values[~mask] == 0).all()
    assert (gradient[~mask] == 0).all()
    assert (values[mask] > 0).all()


def test_a_position_that_is_no_number_reads_some_texel() -> None:
    uv = torch.tensor([[[[float("nan"), 0.5], [float("inf"), -float("inf")]]]])
    values = sample_texture(torch.ones(1, 4, 4, 1), uv, backend="numba")
    assert values.shape == (1, 1, 2, 1)
