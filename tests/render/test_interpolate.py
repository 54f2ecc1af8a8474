"""Interpolation is exact for linear fields, perspective-correct, and the same on both backends."""

from __future__ import annotations

import pytest
import torch
from render_meshes import bumpy_sphere, sphere, to_screen, turned
from torch import Tensor

from hiface.errors import MeshError
from hiface.render.interpolate import barycentrics, interpolate
from hiface.render.rasterise import rasterise

SIDE = 40


def scene(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Screen (2, V, 3), 1/w (2, V), triangles, attributes (2, V, 4)."""
    vertices, triangles = bumpy_sphere()
    screen = torch.stack([to_screen(turned(vertices, seed), SIDE) for seed in (1, 2)]).to(dtype)
    attributes = torch.randn(2, len(vertices), 4, generator=torch.Generator().manual_seed(0)).to(dtype)
    return screen, 1 / (screen[..., 2] + 50), triangles, attributes


def centres(side: int = SIDE) -> tuple[Tensor, Tensor]:
    y, x = torch.meshgrid(torch.arange(side) + 0.5, torch.arange(side) + 0.5, indexing="ij")
    return y, x


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_screen_positions_interpolate_to_the_pixel_centres(backend: str) -> None:
    screen, _, triangles, _ = scene()
    raster = rasterise(screen, triangles, SIDE, SIDE)
    got = interpolate(raster, screen, None, triangles, screen, backend=backend)
    y, x = centres()
    seen = raster.face_id >= 0
    torch.testing.assert_close(got[seen][:, 0], x.expand(2, -1, -1)[seen].double())
    torch.testing.assert_close(got[seen][:, 1], y.expand(2, -1, -1)[seen].double())
    torch.testing.assert_close(got[seen][:, 2].float(), raster.depth[seen])
    assert (got[~seen] == 0).all()


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_perspective_follows_the_plane_in_space(backend: str) -> None:
    corners = torch.tensor([[-3.0, -2.0, 2.0], [4.0, -2.0, 9.0], [-3.0, 5.0, 4.0]], dtype=torch.float64)
    w = corners[:, 2]
    screen = torch.cat([corners[:, :2] / w[:, None] * 20 + 20, w[:, None]], 1)[None]
    triangles = torch.tensor([[0, 1, 2]])
    raster = rasterise(screen, triangles, SIDE, SIDE, 1 / w[None])
    got = interpolate(raster, screen, 1 / w[None], triangles, corners[None], backend=backend)
    y, x = centres()
    ray = torch.stack([(x - 20) / 20, (y - 20) / 20, torch.ones_like(x)], -1).double()
    normal = torch.linalg.cross(corners[1] - corners[0], corners[2] - corners[0])
    on_plane = ray * ((normal @ corners[0]) / (ray @ normal))[..., None]
    seen = raster.face_id[0] >= 0
    assert seen.sum() > 100
    torch.testing.assert_close(got[0][seen], on_plane[seen])


def test_backends_agree_forward_and_backward() -> None:
    screen, inverse_w, triangles, attributes = scene(torch.float32)
    raster = rasterise(screen, triangles, SIDE, SIDE, inverse_w)
    weight = torch.randn(2, SIDE, SIDE, 4, generator=torch.Generator().manual_seed(3))
    results = []
    for backend in ("numba", "torch"):
        leaves = [x.clone().requires_grad_() for x in (screen, inverse_w, attributes)]
        values = interpolate(raster, leaves[0], leaves[1], triangles, leaves[2], backend=backend)
        results.append((values.detach(), *torch.autograd.grad((values * weight).sum(), leaves)))
    for fast, slow in zip(*results, strict=True):
        torch.testing.assert_close(fast, slow, rtol=1e-4, atol=1e-4 * float(slow.abs().max()))


def test_gradients_match_finite_differences() -> None:
    vertices, triangles = sphere(5, 6)
    screen = to_screen(turned(vertices, 5), 10)[None].double()
    inverse_w = 1 / (screen[..., 2] + 12)
    attributes = vertices.double()[None].clone()
    raster = rasterise(screen, triangles, 10, 10, inverse_w)

    def function(xy: Tensor, q: Tensor, a: Tensor) -> Tensor:
        return interpolate(raster, torch.cat([xy, screen[..., 2:]], -1), q, triangles, a, backend="numba")

    leaves = [x.clone().requires_grad_() for x in (screen[..., :2], inverse_w, attributes)]
    assert torch.autograd.gradcheck(function, leaves, fast_mode=True)


def test_corner_attributes_have_seams_and_a_shared_batch() -> None:
    screen, inverse_w, triangles, _ = scene(torch.float32)
    rows = torch.arange(3 * len(triangles)).reshape(-1, 3)
    own = torch.randn(1, 3 * len(triangles), 2, generator=torch.Generator().manual_seed(1))
    raster = rasterise(screen, triangles, SIDE, SIDE, inverse_w)
    results = []
    for backend in ("numba", "torch"):
        leaf = own.clone().requires_grad_()
        values = interpolate(raster, screen, inverse_w, triangles, leaf, rows, backend=backend)
        (gradient,) = torch.autograd.grad(values.square().sum(), leaf)
        results.append((values.detach(), gradient))
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-4)
    weights = barycentrics(raster, screen, inverse_w, triangles)
    seen = raster.face_id >= 0
    corner_values = own[0][rows[raster.face_id[seen].long()]]
    torch.testing.assert_close(results[0][0][seen], (weights[seen][..., None] * corner_values).sum(1))


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_barycentrics_are_weights(backend: str) -> None:
    screen, inverse_w, triangles, _ = scene()
    raster = rasterise(screen, triangles, SIDE, SIDE, inverse_w)
    weights = barycentrics(raster, screen, inverse_w, triangles, backend)
    seen = raster.face_id >= 0
    torch.testing.assert_close(weights[seen].sum(-1), torch.ones(int(seen.sum()), dtype=torch.float64))
    assert weights.min() >= 0
    with_gradient = barycentrics(raster, screen.requires_grad_(), inverse_w, triangles, backend)
    torch.testing.assert_close(with_gradient.detach(), weights, rtol=0, atol=1e-12)
    assert torch.autograd.grad(with_gradient[..., 0].sum(), screen)[0].abs().max() > 0


def test_a_batch_is_its_images_one_by_one_on_any_number_of_threads() -> None:
    screen, inverse_w, triangles, attributes = scene(torch.float32)
    threads = torch.get_num_threads()
    results = []
    for count in (1, 2):
        torch.set_num_threads(count)
        raster = rasterise(screen, triangles, SIDE, SIDE, inverse_w)
        leaf = screen.clone().requires_grad_()
        values = interpolate(raster, leaf, inverse_w, triangles, attributes)
        results.append((values.detach(), *torch.autograd.grad(values.sum(), leaf)))
    torch.set_num_threads(threads)
    assert all(torch.equal(one, two) for one, two in zip(*results, strict=True))
    alone = rasterise(screen[1:], triangles, SIDE, SIDE, inverse_w[1:])
    assert torch.equal(alone.face_id[0], raster.face_id[1])
    torch.testing.assert_close(
        interpolate(alone, screen[1:], inverse_w[1:], triangles, attributes[1:])[0],
        results[0][0][1],
        rtol=0,
        atol=0,
    )


def test_lists_of_another_mesh_are_refused() -> None:
    screen, _, triangles, attributes = scene(torch.float32)
    raster = rasterise(screen, triangles, SIDE, SIDE)
    with pytest.raises(MeshError, match="one for each triangle"):
        interpolate(raster, screen, None, triangles, attributes, triangles[:-1])
    with pytest.raises(MeshError, match="attribute rows"):
        interpolate(raster, screen, None, triangles, attributes[:, :-1])
    with pytest.raises(MeshError, match="the raster sees triangle"):
        interpolate(raster, screen, None, triangles[:5], attributes)
