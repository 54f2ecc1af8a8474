"""The edge gradient leaves the picture alone and moves outlines as they really move."""

from __future__ import annotations

import pytest
import torch
from render_meshes import bumpy_sphere, to_screen, turned
from torch import Tensor

from hiface.render.interpolate import interpolate
from hiface.render.rasterise import rasterise
from hiface.render.silhouettes import depth_slopes, edge_gradient

BACKENDS = ("numba", "torch")
QUAD = torch.tensor([[0, 1, 2], [0, 2, 3]])


def rectangle(x0: float, y0: float, x1: float, y1: float, z: float = 0.0) -> Tensor:
    return torch.tensor([[x0, y0, z], [x1, y0, z], [x1, y1, z], [x0, y1, z]], dtype=torch.float64)


def pull(screen: Tensor, triangles: Tensor, colour: Tensor, weight: Tensor, backend: str) -> Tensor:
    """Gradient of Σ weight · image with one colour a triangle and black behind, (V, 3)."""
    side = weight.shape[0]
    leaf = screen[None].clone().requires_grad_()
    raster = rasterise(screen[None], triangles, side, side)
    image = torch.where(raster.face_id >= 0, colour[raster.face_id.clamp_min(0).long()], 0.0)[..., None]
    picture = edge_gradient(image, raster, leaf, None, triangles, backend=backend)
    assert torch.equal(picture, image)
    return torch.autograd.grad((picture[..., 0] * weight).sum(), leaf)[0][0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_sides_of_a_rectangle_pull_by_their_length(backend: str) -> None:
    gradient = pull(rectangle(4.0, 6.0, 14.0, 11.0), QUAD, torch.ones(2).double(), torch.ones(20, 20).double(), backend)
    # The picture sums to its area, width 10 by height 5. Half a pixel short, as the pull is applied at the
    # centres of the outermost pixels: 9 of 10 across and 4 of 5 down reach the sides.
    assert gradient[[1, 2], 0].sum() == pytest.approx(5 * 9 / 10)
    assert gradient[[0, 3], 0].sum() == pytest.approx(-5 * 9 / 10)
    assert gradient[[2, 3], 1].sum() == pytest.approx(10 * 4 / 5)
    assert gradient[[0, 1], 1].sum() == pytest.approx(-10 * 4 / 5)
    assert (gradient[:, 2] == 0).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_move_is_felt_by_what_the_weights_say_along_the_outline(backend: str) -> None:
    weight = torch.arange(20).double().expand(20, 20) + 0.5  # w = x, so d/dx of its sum over the area is the area
    gradient = pull(rectangle(4.0, 6.0, 14.0, 11.0), QUAD, torch.ones(2).double(), weight, backend)
    assert gradient[:, 0].sum() == pytest.approx(50)
    assert gradient[:, 1].sum() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
def test_colours_that_meet_on_one_surface_are_no_outline(backend: str) -> None:
    screen = rectangle(-5.0, -5.0, 25.0, 25.0)
    screen[:, 2] = screen[:, 0] * 0.7 - screen[:, 1] * 0.4
    gradient = pull(screen, QUAD, torch.tensor([0.2, 0.9]).double(), torch.ones(20, 20).double(), backend)
    assert (gradient == 0).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_nearer_surface_is_pulled_and_the_hidden_one_is_not(backend: str) -> None:
    screen = torch.cat([rectangle(-9.0, -9.0, 29.0, 29.0, 5.0), rectangle(4.0, 6.0, 14.0, 11.0, -5.0)])
    triangles = torch.cat([QUAD, QUAD + 4])
    colour = torch.tensor([0.25, 0.25, 1.0, 1.0]).double()
    gradient = pull(screen, triangles, colour, torch.ones(20, 20).double(), backend)
    assert (gradient[:4] == 0).all()
    assert gradient[[5, 6], 0].sum() == pytest.approx(0.75 * 5 * 9 / 10)
    assert gradient[[6, 7], 1].sum() == pytest.approx(0.75 * 10 * 4 / 5)


def test_backends_agree_in_perspective() -> None:
    vertices, triangles = bumpy_sphere(20, 24)
    screen = torch.stack([to_screen(turned(vertices, seed), 40) for seed in (1, 2)])
    inverse_w = 1 / (screen[..., 2] + 50)
    raster = rasterise(screen, triangles, 40, 40, inverse_w)
    image = interpolate(raster, screen, inverse_w, triangles, torch.sin(screen / 5))
    weight = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    gradients = []
    for backend in BACKENDS:
        leaf = screen.clone().requires_grad_()
        picture = edge_gradient(image, raster, leaf, inverse_w, triangles, torch.tensor([0.01, 0.02]), backend)
        gradients.append(torch.autograd.grad((picture * weight).sum(), leaf)[0])
    assert gradients[0].abs().max() > 0.1
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-4)


def test_slopes_are_those_of_the_plane_in_space() -> None:
    generator = torch.Generator().manual_seed(4)
    w = 2 + torch.rand(5, 3, generator=generator, dtype=torch.float64)
    xy = torch.rand(5, 3, 2, generator=generator, dtype=torch.float64) * 10
    point = xy.mean(1)

    def depth(p: Tensor) -> Tensor:
        weights = torch.linalg.solve(
            torch.cat([xy.transpose(1, 2), torch.ones(5, 1, 3).double()], 1),
            torch.cat([p, torch.ones(5, 1).double()], 1),
        )
        return 1 / (weights / w).sum(-1)

    step = 1e-5
    expected = [(depth(point + d) - depth(point - d)) / (2 * step) for d in torch.eye(2).double() * step]
    got = depth_slopes(xy, w, 1 / w, point)
    torch.testing.assert_close(got, torch.stack(expected, -1), rtol=1e-5, atol=1e-7)
