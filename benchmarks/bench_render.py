"""Milliseconds an image of each stage of the renderer, on a ball of about 15,000 triangles.

Run as `python benchmarks/bench_render.py [threads] [device]`. Medians of wall time and of processor time (all
threads together), divided by the batch; the second one hardly minds other programs on the machine.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor

from hiface.render.interpolate import barycentrics, interpolate
from hiface.render.rasterise import Raster, rasterise
from hiface.render.renderer import Renderer, Rendering
from hiface.render.silhouettes import edge_gradient

SIDE = 224
ROWS, COLUMNS = 80, 96
RADIUS_MM, CROP_MM = 80.0, 220.0


def ball() -> tuple[Tensor, Tensor, Tensor]:
    """A bumpy ball with a grid's connectivity: vertices (V, 3) in mm, triangles (T, 3), UV (V, 2)."""
    v, u = torch.meshgrid(torch.linspace(0, 1, ROWS + 1), torch.linspace(0, 1, COLUMNS + 1), indexing="ij")
    theta, phi = v * torch.pi, u * 2 * torch.pi
    radius = RADIUS_MM * (1 + 0.1 * torch.sin(5 * phi) * theta.sin() ** 2)
    xyz = torch.stack([theta.sin() * phi.sin(), theta.cos(), theta.sin() * phi.cos()], -1) * radius[..., None]
    index = torch.arange((ROWS + 1) * (COLUMNS + 1)).reshape(ROWS + 1, COLUMNS + 1)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    triangles = torch.stack([torch.stack([a, b, c], -1), torch.stack([a, c, d], -1)], 2)
    return xyz.reshape(-1, 3), triangles.reshape(-1, 3), torch.stack([u, 1 - v], -1).reshape(-1, 2)


def poses(vertices: Tensor, batch: int) -> Tensor:
    """The ball turned about the vertical in equal steps and tilted, (batch, V, 3)."""
    angle = torch.arange(batch, device=vertices.device) * 2.4 + 0.5
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    turn = torch.stack([cos, zero, sin, zero, one, zero, -sin, zero, cos], -1).reshape(-1, 3, 3)
    tilt = torch.tensor([[1.0, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]], device=vertices.device)
    return vertices @ (tilt @ turn).transpose(1, 2)


def measure(name: str, batch: int, work: Callable[[], object], repeats: int = 9) -> None:
    """Prints the medians of a piece of work; the first two calls, which compile, are left out."""
    wall, processor = [], []
    for _ in range(repeats + 2):
        start, start_processor = time.perf_counter(), time.process_time()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        wall.append((time.perf_counter() - start) * 1e3 / batch)
        processor.append((time.process_time() - start_processor) * 1e3 / batch)
    print(f"{name:34s} batch {batch:2d}   wall {median(wall[2:]):8.2f}   processor {median(processor[2:]):8.2f}")


def operators(screen: Tensor, triangles: Tensor, uv: Tensor) -> None:
    """Rasterising and interpolation, both backends."""
    batch = len(screen)
    backends = ("numba", "torch") if screen.device.type == "cpu" else ("torch",)
    for backend in backends:
        raster = rasterise(screen, triangles, SIDE, SIDE, backend=backend)  # type: ignore[arg-type]
        repeats = 9 if backend == "numba" or screen.device.type != "cpu" else 3

        def ids(backend: str = backend) -> Raster:
            return rasterise(screen, triangles, SIDE, SIDE, backend=backend)  # type: ignore[arg-type]

        def weights(backend: str = backend, raster: Raster = raster) -> Tensor:
            return barycentrics(raster, screen, None, triangles, backend)  # type: ignore[arg-type]

        def pair(ids: Callable[[], Raster] = ids, weights: Callable[[], Tensor] = weights) -> tuple[Raster, Tensor]:
            return ids(), weights()

        def gradient(backend: str = backend, raster: Raster = raster) -> tuple[Tensor, ...]:
            leaf = screen.detach().requires_grad_()
            attributes = torch.cat([leaf, uv.expand(batch, -1, -1)], -1)
            values = interpolate(raster, leaf, None, triangles, attributes, backend=backend)  # type: ignore[arg-type]
            return torch.autograd.grad(values.sum(), leaf)

        def outline(backend: str = backend, raster: Raster = raster) -> tuple[Tensor, ...]:
            leaf = screen.detach().requires_grad_()
            image = (raster.face_id % 7)[..., None].expand(-1, -1, -1, 4) * 0.1
            picture = edge_gradient(image, raster, leaf, None, triangles, backend=backend)  # type: ignore[arg-type]
            return torch.autograd.grad(picture.sum(), leaf)

        measure(f"rasterise, {backend}", batch, ids, repeats)
        measure(f"barycentrics, {backend}", batch, weights, repeats)
        measure(f"ids and barycentrics, {backend}", batch, pair, repeats)
        measure(f"interpolate 5, both ways, {backend}", batch, gradient, repeats)
        measure(f"edge gradient, both ways, {backend}", batch, outline, repeats)


def pictures(renderer: Renderer, vertices: Tensor) -> None:
    """The whole renderer with a texture of 256, with and without relief and gradients."""
    batch, device = len(vertices), vertices.device
    scale = torch.full((batch,), 1 / CROP_MM, device=device)
    light = torch.randn(batch, 9, 3, device=device)
    texture = torch.rand(batch, 256, 256, 3, device=device)
    slopes = torch.randn(batch, 256, 256, 2, device=device)

    def forward(relief: Tensor | None, *leaves: Tensor) -> Rendering:
        v, s, l, t = leaves
        return renderer(v, s, l, [t], slopes=relief)

    def both(relief: Tensor | None) -> tuple[Tensor, ...]:
        leaves = [x.detach().requires_grad_() for x in (vertices, scale, light, texture)]
        return torch.autograd.grad(forward(relief, *leaves).over(0.5).square().sum(), leaves)

    def only_forward(relief: Tensor | None) -> Rendering:
        with torch.no_grad():
            return forward(relief, vertices, scale, light, texture)

    measure("render forward", batch, lambda: only_forward(None))
    measure("render forward, relief", batch, lambda: only_forward(slopes))
    measure("render forward and backward", batch, lambda: both(None))
    measure("render forward and backward, relief", batch, lambda: both(slopes))


def main() -> None:
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    device = sys.argv[2] if len(sys.argv) > 2 else "cpu"
    torch.manual_seed(0)
    vertices, triangles, uv = (x.to(device) for x in ball())
    print(f"{len(triangles)} triangles, {SIDE} pixels, {torch.get_num_threads()} threads, {device}; ms an image")
    for batch in (1, 32):
        posed = poses(vertices, batch)
        flip = torch.tensor([1.0, -1.0, -1.0], device=device)
        screen = posed * flip * (SIDE / CROP_MM) + torch.tensor([SIDE / 2, SIDE / 2, 0.0], device=device)
        operators(screen, triangles, uv)
        pictures(Renderer(triangles, uv, triangles, SIDE), posed)


if __name__ == "__main__":
    main()
