"""Eq. 6: the printed and the standard form, the floor under σ(φ), and the untrained module."""

import pytest
import torch

from hiface.detail.dynamic import STATIC_FLOOR, DynamicCoefficients, modulate
from hiface.errors import ConfigError


def test_printed_form_by_hand():
    static = torch.tensor([[1.0, -1.0]], dtype=torch.float64)
    style = torch.tensor([[2.0, 6.0]], dtype=torch.float64)  # mean 4, deviation 2
    normalised = static / (1 + STATIC_FLOOR**2) ** 0.5
    torch.testing.assert_close(modulate(static, style), 2 * (normalised + 4), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(modulate(static, style, "standard"), 2 * normalised + 4, rtol=1e-6, atol=1e-6)


def test_forms_agree_when_the_style_has_unit_deviation():
    static = torch.randn(3, 10, dtype=torch.float64)
    style = torch.tensor([[0.0, 2.0]], dtype=torch.float64).expand(3, 2)
    torch.testing.assert_close(modulate(static, style), modulate(static, style, "standard"), rtol=1e-6, atol=1e-6)


def test_size_and_offset_of_the_static_vector_hardly_matter():
    static, style = torch.randn(2, 50) * 1.5, torch.randn(2, 8)
    torch.testing.assert_close(modulate(static + 3, style), modulate(static, style), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(modulate(2 * static, style), modulate(static, style), rtol=0.02, atol=0.02)


def test_no_static_detail_is_not_blown_up():
    """φ of a thousandth of a standard deviation stays small; with ε = 0 it would become 1."""
    static = 1e-3 * torch.randn(2, 50)
    style = torch.tensor([[-1.0, 1.0]]).expand(2, 2)
    assert modulate(static, style).abs().max() < 0.1


def test_gradients():
    static, style = (torch.randn(2, n, dtype=torch.float64, requires_grad=True) for n in (6, 4))
    assert torch.autograd.gradcheck(modulate, (static, style))
    flat = torch.zeros(1, 6, requires_grad=True)
    modulate(flat, torch.zeros(1, 4)).sum().backward()
    assert flat.grad is not None
    assert torch.isfinite(flat.grad).all()


@pytest.mark.parametrize("form", ["printed", "standard"])
def test_untrained_output_is_near_the_mean_and_learns(form):
    torch.manual_seed(0)
    module = DynamicCoefficients(7, 12, 4, 3, width=16, form=form)
    expression, static = torch.rand(5, 7), torch.randn(5, 12)
    compressed, stretched = module(expression, static)
    assert compressed.shape == (5, 4)
    assert stretched.shape == (5, 3)
    assert max(compressed.abs().max(), stretched.abs().max()) < 0.1
    (compressed.square().sum() + stretched.sum()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.decode.parameters())


def test_an_unknown_form_is_named():
    with pytest.raises(ConfigError, match="printed, standard"):
        DynamicCoefficients(7, 12, 4, 3, form="other")
