"""The sRGB curve is its own inverse's inverse, joins smoothly, and keeps arrays what they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hiface.geometry.colour import linear_from_srgb, srgb_from_linear


def test_known_values() -> None:
    encoded = np.array([0.0, 0.04045, 0.5, 1.0])
    np.testing.assert_allclose(linear_from_srgb(encoded), [0.0, 0.0031308, 0.2140411, 1.0], atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip_in_numpy_and_torch(dtype: type) -> None:
    encoded = np.linspace(-0.1, 1.3, 300).astype(dtype)
    linear = linear_from_srgb(encoded)
    assert linear.dtype == dtype
    np.testing.assert_allclose(srgb_from_linear(linear), encoded, atol=1e-6)
    same = linear_from_srgb(torch.from_numpy(encoded))
    np.testing.assert_allclose(same.numpy(), linear, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(srgb_from_linear(same), torch.from_numpy(encoded), rtol=0, atol=2e-6)


def test_both_curves_rise_without_a_step() -> None:
    linear = srgb_from_linear(np.linspace(0, 0.01, 100_001))
    steps = np.diff(linear)
    assert (steps > 0).all()
    assert steps.max() < 12.93e-7


def test_gradients_are_finite_everywhere() -> None:
    values = torch.tensor([-0.1, 0.0, 0.001, 0.5, 1.0], requires_grad=True)
    for curve in (srgb_from_linear, linear_from_srgb):
        (gradient,) = torch.autograd.grad(curve(values).sum(), values)
        assert torch.isfinite(gradient).all()
        assert (gradient > 0).all()
