"""Eqs. 7 and 9, and slopes of maps."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hiface.detail.compose import compose
from hiface.detail.slopes import slopes
from hiface.errors import ConfigError


def maps(seed: int = 0):
    return torch.randn(4, 2, 8, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_slack_skin_has_static_detail_alone():
    static, compressed, stretched, tension = maps()
    detail = compose(static, compressed, stretched, 0 * tension)
    torch.testing.assert_close(detail.displacement, static)


def test_full_contraction_and_full_extension_add_their_maps_the_right_way_out():
    static, compressed, stretched, tension = maps()
    one = torch.ones_like(tension)
    torch.testing.assert_close(compose(static, compressed, stretched, one).displacement, static + compressed)
    torch.testing.assert_close(compose(static, compressed, stretched, -one).displacement, static + stretched)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_parts_add_up_and_signs_swap(seed):
    static, compressed, stretched, tension = maps(seed)
    whole, still, moving = (
        compose(static, compressed, stretched, tension, parts).displacement for parts in ("both", "static", "dynamic")
    )
    torch.testing.assert_close(whole, still + moving)
    swapped = compose(static, stretched, compressed, -tension, "dynamic").displacement
    torch.testing.assert_close(moving, swapped)


def test_unknown_parts_are_named():
    with pytest.raises(ConfigError, match="both, static, dynamic"):
        compose(*maps(), parts="none")


def test_slopes_of_a_plane_are_its_coefficients():
    side = 16
    u = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    plane = 3 * u[None, :] - 2 * (1 - u)[:, None]  # rows run against v
    found = slopes(plane[None])
    torch.testing.assert_close(found[..., 0], torch.full_like(found[..., 0], 3))
    torch.testing.assert_close(found[..., 1], torch.full_like(found[..., 1], -2))


def test_slopes_are_linear():
    a, b = maps()[:2]
    torch.testing.assert_close(slopes(2 * a - b), 2 * slopes(a) - slopes(b))
