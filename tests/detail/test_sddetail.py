"""SD-DeTail as a whole on a tiny mesh: slack skin, tension in UV, independence of the batch, gradients."""

import numpy as np
import pytest
import torch

from hiface.detail.basis import NAMES, DetailBasis
from hiface.detail.dynamic import DynamicCoefficients
from hiface.detail.sddetail import SDDetail
from hiface.errors import ConfigError
from hiface.geometry.tension import scaled_tension, smooth_on_mesh, vertex_tension
from hiface.geometry.topology import triangulate, unique_edges
from hiface.geometry.uv import UVAtlas

SIDE, EXPRESSION, STATIC, DYNAMIC = 16, 6, 5, 3


def mesh(n: int = 5) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """Vertices (1, V + 3, 3), the last three used by no polygon; polygons; UV."""
    y, x = np.mgrid[:n, :n]
    vertices = np.stack([x.ravel() * 10.0, y.ravel() * 10.0, np.zeros(x.size)], 1)
    vertices = np.concatenate([vertices, np.ones((3, 3))])
    index = np.arange(x.size).reshape(n, n)
    polygons = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], -1).reshape(-1, 4)
    uv = 0.1 + 0.8 * np.stack([x.ravel(), y.ravel()], 1) / (n - 1)
    return torch.tensor(vertices, dtype=torch.float32)[None], polygons, uv


def module(parts="both") -> SDDetail:
    torch.manual_seed(0)
    _, polygons, uv = mesh()
    triangles = triangulate(polygons)
    atlas = UVAtlas.build(uv, triangles, triangles, SIDE)
    rng = np.random.default_rng(0)
    mask = atlas.mask.numpy()
    counts = dict(zip(NAMES, (STATIC, DYNAMIC, DYNAMIC), strict=True))
    basis = DetailBasis.from_arrays(
        mask,
        {n: rng.normal(size=mask.sum()) for n in NAMES},
        {n: rng.normal(size=(counts[n], mask.sum())) for n in NAMES},
    )
    dynamic = DynamicCoefficients(EXPRESSION, STATIC, DYNAMIC, DYNAMIC, width=8)
    return SDDetail(basis, dynamic, atlas, torch.from_numpy(unique_edges(polygons)), parts=parts)


def inputs(batch: int = 3):
    generator = torch.Generator().manual_seed(1)
    neutral = mesh()[0].expand(batch, -1, -1)
    expressive = neutral + 0.5 * torch.randn(neutral.shape, generator=generator)
    expression = torch.rand(batch, EXPRESSION, generator=generator)
    return neutral, expressive, expression, torch.randn(batch, STATIC, generator=generator)


def test_a_face_at_rest_shows_its_static_detail():
    neutral, _, expression, static = inputs()
    detail = module()(neutral, neutral, expression, static)
    assert detail.tension.abs().max() == 0
    torch.testing.assert_close(detail.displacement, detail.static)


def test_tension_map_is_the_baked_vertex_tension():
    neutral, expressive, _, _ = inputs()
    _, polygons, uv = mesh()
    net, edges = module(), torch.from_numpy(unique_edges(polygons))
    used = int(edges.max()) + 1
    raw = vertex_tension(expressive[:, :used], neutral[:, :used], edges)
    triangles = triangulate(polygons)
    atlas = UVAtlas.build(uv, triangles, triangles, SIDE)
    baked = atlas.bake(scaled_tension(smooth_on_mesh(raw, edges))[..., None])[..., 0]
    expected = torch.where(atlas.mask, baked, torch.zeros(()))
    torch.testing.assert_close(net.tension_map(neutral, expressive), expected, rtol=1e-5, atol=1e-6)


def test_a_uniform_squeeze_weighs_the_compressed_map():
    neutral, _, expression, static = inputs()
    detail = module()(neutral, 0.9 * neutral, expression, static)
    inside = detail.compressed[0] != 0
    weight = scaled_tension(torch.tensor(0.1))
    torch.testing.assert_close(
        detail.displacement[0][inside],
        (detail.static + weight * detail.compressed)[0][inside],
        rtol=1e-4,
        atol=1e-4,
    )


def test_one_face_of_a_batch_is_that_face_alone():
    net, (neutral, expressive, expression, static) = module(), inputs()
    whole = net(neutral, expressive, expression, static)
    alone = net(neutral[1:2], expressive[1:2], expression[1:2], static[1:2])
    torch.testing.assert_close(whole[1].displacement, alone.displacement, rtol=1e-5, atol=1e-5)


def test_parts_of_the_ablation_add_up():
    arguments = inputs()
    whole, still, moving = (module(p)(*arguments).displacement for p in ("both", "static", "dynamic"))
    torch.testing.assert_close(whole, still + moving)


def test_gradients_reach_every_input():
    leaves = [x.clone().requires_grad_() for x in inputs()]
    net = module()
    net(*leaves).displacement.square().sum().backward()
    assert all(x.grad is not None and x.grad.abs().sum() > 0 for x in leaves)
    assert all(p.grad is not None for p in net.dynamic.parameters())


def test_a_basis_of_another_side_is_named():
    net = module()
    _, polygons, uv = mesh()
    triangles = triangulate(polygons)
    atlas = UVAtlas.build(uv, triangles, triangles, 8)
    with pytest.raises(ConfigError, match="8 texels a side"):
        SDDetail(net.basis, net.dynamic, atlas, torch.from_numpy(unique_edges(polygons)))
