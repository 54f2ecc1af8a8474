"""The compiled normals are those of plain torch, values and gradients."""

from __future__ import annotations

import torch
from render_meshes import bumpy_sphere, to_screen, turned
from torch import Tensor

from hiface.render.interpolate import interpolate
from hiface.render.normals import pixel_normals, vertex_normals
from hiface.render.rasterise import rasterise

BACKENDS = ("numba", "torch")


def test_vertex_normals_agree_forward_and_backward() -> None:
    vertices, triangles = bumpy_sphere()
    lonely = torch.cat([vertices, torch.ones(1, 3)]).double()
    batch = torch.stack([turned(lonely, seed) for seed in (1, 2)])
    weight = torch.randn(batch.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    results = []
    for backend in BACKENDS:
        leaf = batch.clone().requires_grad_()
        normals = vertex_normals(leaf, triangles, backend)  # type: ignore[arg-type]
        results.append((normals.detach(), *torch.autograd.grad((normals * weight).sum(), leaf)))
    torch.testing.assert_close(results[0], results[1])
    assert (results[0][0][:, -1] == 0).all()
    assert torch.isfinite(results[0][1]).all()


def scene() -> tuple[Tensor, ...]:
    vertices, triangles = bumpy_sphere()
    vertices = turned(vertices, 3)[None].double() * 80
    raster = rasterise(to_screen(vertices / 80, 24), triangles, 24, 24)
    normals = interpolate(raster, to_screen(vertices / 80, 24), None, triangles, vertices)
    generator = torch.Generator().manual_seed(1)
    slopes = torch.randn(1, 24, 24, 2, generator=generator, dtype=torch.float64) * 30
    uv = torch.rand(vertices.shape[1], 2, generator=generator, dtype=torch.float64)
    return raster.face_id, normals, slopes, vertices, triangles, uv


def test_pixel_normals_agree_forward_and_backward() -> None:
    face_id, normals, slopes, vertices, triangles, uv = scene()
    weight = torch.randn(normals.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for relief in (True, False):
        results = []
        for backend in BACKENDS:
            n, s, v = (x.clone().requires_grad_() for x in (normals, slopes, vertices))
            mesh = (triangles, uv, triangles)
            out = pixel_normals(face_id, n, s if relief else None, v, *mesh, backend)  # type: ignore[arg-type]
            leaves = (n, s, v) if relief else (n,)
            results.append((out.detach(), *torch.autograd.grad((out * weight).sum(), leaves)))
        torch.testing.assert_close(results[0], results[1])
        seen = face_id >= 0
        torch.testing.assert_close(results[0][0][seen].norm(dim=-1), torch.ones(int(seen.sum())).double())
        assert (results[0][0][~seen] == 0).all()


def test_no_slope_is_no_relief() -> None:
    face_id, normals, slopes, vertices, triangles, uv = scene()
    flat = pixel_normals(face_id, normals, None, vertices, triangles, uv, triangles)
    still = pixel_normals(face_id, normals, slopes * 0, vertices, triangles, uv, triangles)
    raised = pixel_normals(face_id, normals, slopes, vertices, triangles, uv, triangles)
    torch.testing.assert_close(flat, still)
    assert (raised - flat).abs().max() > 0.1
