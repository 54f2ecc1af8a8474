"""The rasteriser sees what geometry says it must, and both backends see the same to the last bit."""

from __future__ import annotations

import pytest
import torch
from render_meshes import bumpy_sphere, soup, sphere, to_screen, turned

from hiface.errors import ConfigError, MeshError
from hiface.render.backends import choose_backend
from hiface.render.rasterise import rasterise

BACKENDS = ("numba", "torch")


def triangle(*corners: tuple[float, float, float]) -> torch.Tensor:
    return torch.tensor([corners], dtype=torch.float32)


ONE = torch.tensor([[0, 1, 2]])


@pytest.mark.parametrize("seed", range(4))
def test_backends_agree_on_a_triangle_soup(seed: int) -> None:
    screen, triangles = soup(400, 61, seed)
    fast, slow = (rasterise(screen, triangles, 61, 47, backend=b) for b in BACKENDS)
    assert torch.equal(fast.face_id, slow.face_id)
    assert torch.equal(fast.depth, slow.depth)
    assert (fast.face_id >= 0).float().mean() > 0.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_backends_agree_on_a_batch_of_spheres_in_perspective(dtype: torch.dtype) -> None:
    vertices, triangles = bumpy_sphere()
    screen = torch.stack([to_screen(turned(vertices, seed), 64) for seed in range(3)]).to(dtype)
    inverse_w = 1 / (screen[..., 2] + 60)
    for q in (None, inverse_w):
        fast, slow = (rasterise(screen, triangles, 64, 64, q, backend=b) for b in BACKENDS)
        assert torch.equal(fast.face_id, slow.face_id)
        assert torch.equal(fast.depth, slow.depth)


def test_torch_backend_is_the_same_in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, triangles = soup(100, 40, 9)
    whole = rasterise(screen, triangles, 40, 40, backend="torch")
    monkeypatch.setattr("hiface.render.rasterise._CANDIDATES", 1000)
    pieces = rasterise(screen, triangles, 40, 40, backend="torch")
    assert torch.equal(whole.face_id, pieces.face_id)
    assert torch.equal(whole.depth, pieces.depth)


@pytest.mark.parametrize("backend", BACKENDS)
def test_pixel_centres_lie_at_halves(backend: str) -> None:
    around_one_centre = triangle((2.4, 1.4, 0), (2.7, 1.4, 0), (2.4, 1.7, 0))
    raster = rasterise(around_one_centre, ONE, 4, 5, backend=backend)
    assert raster.face_id[0].nonzero().tolist() != []
    assert (raster.face_id[0] >= 0).nonzero().tolist() == [[1, 2]]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_closed_fan_leaves_no_gap_and_edges_belong_to_the_smaller_index(backend: str) -> None:
    screen = triangle((0, 0, 0), (8, 0, 0), (8, 8, 0), (0, 8, 0), (4, 4, 0))
    fan = torch.tensor([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    face_id = rasterise(screen, fan, 8, 8, backend=backend).face_id[0]
    assert (face_id >= 0).all()
    assert face_id.diagonal().tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert face_id.fliplr().diagonal().tolist() == [0, 0, 0, 0, 2, 2, 2, 2]


@pytest.mark.parametrize("backend", BACKENDS)
def test_depth_is_the_plane_at_the_centre_and_the_nearest_wins(backend: str) -> None:
    far = [(-20.0, -20.0, 0.0), (40.0, -20.0, 0.0), (-20.0, 40.0, 0.0)]
    screen = torch.tensor([[(x, y, 5 + 0.25 * x - 0.5 * y) for x, y, _ in far] + [(x, y, 3.0) for x, y, _ in far]])
    raster = rasterise(screen, torch.tensor([[0, 1, 2], [3, 5, 4]]), 9, 9, backend=backend)
    y, x = torch.meshgrid(torch.arange(9) + 0.5, torch.arange(9) + 0.5, indexing="ij")
    plane = 5 + 0.25 * x - 0.5 * y
    torch.testing.assert_close(raster.depth[0], plane.clamp(max=3.0))
    assert torch.equal(raster.face_id[0] == 0, plane <= 3.0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_depth_in_perspective_is_that_of_the_plane_in_space(backend: str) -> None:
    corners = torch.tensor([[-3.0, -2.0, 2.0], [4.0, -2.0, 9.0], [-3.0, 5.0, 4.0]])
    w = corners[:, 2]
    screen = torch.cat([corners[:, :2] / w[:, None] * 10 + 10, w[:, None]], 1)[None]
    raster = rasterise(screen, ONE, 20, 20, 1 / w[None], backend=backend)
    _, y, x = (raster.face_id >= 0).nonzero(as_tuple=True)
    ray = torch.stack([(x + 0.5 - 10) / 10, (y + 0.5 - 10) / 10, torch.ones_like(x)], -1)
    normal = torch.linalg.cross(corners[1] - corners[0], corners[2] - corners[0])
    expected = (normal @ corners[0]) / (ray @ normal)
    assert len(x) > 20
    torch.testing.assert_close(raster.depth[0, y, x], expected)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), 3e38])
def test_triangles_without_a_sensible_area_are_dropped(backend: str, bad: float) -> None:
    screen = triangle((0, 0, 1), (8, 0, 1), (0, 8, 1), (4, 4, 0), (bad, 2, 0), (2, bad, 0))
    indices = torch.tensor([[0, 1, 2], [0, 4, 1], [1, 5, 0], [3, 4, 5], [0, 0, 1], [3, 3, 3]])
    face_id = rasterise(screen, indices, 8, 8, backend=backend).face_id
    if bad != 3e38:
        assert set(face_id.unique().tolist()) == {-1, 0}
    assert torch.equal(face_id, rasterise(screen, indices, 8, 8, backend="torch").face_id)


@pytest.mark.parametrize("backend", BACKENDS)
def test_triangles_behind_the_camera_are_dropped(backend: str) -> None:
    screen = triangle((0, 0, 1), (16, 0, 1), (0, 16, 1))
    for q, seen in (((1.0, 1.0, 1.0), True), ((1.0, 0.0, 1.0), False), ((1.0, 1.0, -1.0), False)):
        face_id = rasterise(screen, ONE, 4, 4, torch.tensor([q]), backend=backend).face_id
        assert bool((face_id >= 0).all()) is seen


@pytest.mark.parametrize("backend", BACKENDS)
def test_both_windings_are_seen_alike(backend: str) -> None:
    screen, triangles = soup(60, 30, 3)
    one = rasterise(screen, triangles, 30, 30, backend=backend)
    other = rasterise(screen, triangles.flip(-1), 30, 30, backend=backend)
    assert torch.equal(one.face_id >= 0, other.face_id >= 0)


def test_a_sphere_covers_its_disc_and_shows_its_front() -> None:
    vertices, triangles = sphere(60, 80)
    raster = rasterise(to_screen(vertices, 100)[None], triangles, 100, 100)
    area = (raster.face_id >= 0).sum().item()
    assert area == pytest.approx(torch.pi * 36**2, rel=0.01)
    assert raster.depth[0, 50, 50] == pytest.approx(-36, abs=0.1)
    assert torch.isinf(raster.depth[raster.face_id < 0]).all()


def test_wrong_arguments_say_what_to_do() -> None:
    screen = triangle((0, 0, 1), (16, 0, 1), (0, 16, 1))
    with pytest.raises(MeshError, match="3 vertices"):
        rasterise(screen, torch.tensor([[0, 1, 3]]), 4, 4)
    with pytest.raises(ConfigError, match="auto, numba, torch"):
        choose_backend("cuda", screen.device)
    with pytest.raises(ConfigError, match="CPU tensors"):
        choose_backend("numba", torch.device("meta"))
    assert choose_backend("auto", torch.device("meta")) == "torch"


def test_an_empty_mesh_gives_an_empty_picture() -> None:
    for backend in BACKENDS:
        raster = rasterise(torch.zeros(2, 0, 3), torch.zeros(0, 3, dtype=torch.long), 4, 4, backend=backend)
        assert (raster.face_id == -1).all()
