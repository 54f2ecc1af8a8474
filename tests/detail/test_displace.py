"""Subdivision and displacement: closed, through the vertices, one height a vertex, nothing past the tile."""

import numpy as np
import pytest

from hiface.detail.displace import FADE_RINGS, Displacer
from hiface.detail.subdivision import bilinear, catmull_clark, split
from hiface.errors import ConfigError, MeshError
from hiface.geometry.topology import directed_edges


def sheet(n: int = 9, tiles: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A flat sheet of quads, its UV over `tiles` tiles in u."""
    y, x = np.mgrid[:n, : tiles * (n - 1) + 1]
    vertices = np.stack([x.ravel() * 4.0, y.ravel() * 4.0, np.zeros(x.size)], 1)
    index = np.arange(x.size).reshape(x.shape)
    quads = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], -1).reshape(-1, 4)
    uv = np.stack([x.ravel(), y.ravel()], 1) / (n - 1)
    return vertices, quads, uv


def cube_sphere(n: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """A closed sphere of quads, radius 50."""
    side = np.linspace(-1, 1, n)
    a, b = (g.ravel() for g in np.meshgrid(side, side, indexing="ij"))
    one = np.ones_like(a)
    faces = [(one, a, b), (-one, b, a), (b, one, a), (a, -one, b), (a, b, one), (b, a, -one)]
    points = np.concatenate([np.stack(f, 1) for f in faces])
    index = np.arange(n * n).reshape(n, n)
    quad = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1).reshape(-1, 4)
    quads = np.concatenate([quad + k * n * n for k in range(6)])
    unique, inverse = np.unique(points.round(6), axis=0, return_inverse=True)
    return 50 * unique / np.linalg.norm(unique, axis=1, keepdims=True), inverse.reshape(-1)[quads]


@pytest.mark.parametrize("level", [1, 2, 3])
def test_vertices_stay_and_counts_are_right(level):
    vertices, quads, uv = sheet()
    displacer = Displacer(quads, uv, quads, level)
    mesh = displacer(vertices, None)
    assert len(mesh.polygons) == len(quads) * 4**level
    np.testing.assert_allclose(mesh.vertices[: len(vertices)], vertices, atol=0.05)
    inner = (np.abs(mesh.uv - 0.5) < 0.3).all(1)
    np.testing.assert_allclose(mesh.vertices[inner, :2], mesh.uv[inner] * 32, atol=0.01)
    assert np.unique(mesh.vertices.round(6), axis=0).shape == mesh.vertices.shape


def test_a_closed_surface_stays_closed():
    vertices, quads = cube_sphere()
    uv = np.full((len(vertices), 2), 0.5)
    mesh = Displacer(quads, uv, quads, 2)(vertices, np.random.default_rng(0).normal(size=(8, 8)))
    edges = np.sort(directed_edges(mesh.polygons), 1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


def test_splitting_rounds_a_sphere():
    vertices, quads = cube_sphere()
    uv = np.full((len(vertices), 2), 0.5)
    displacer = Displacer(quads, uv, quads, 2)
    once = split(quads)
    flat = bilinear(split(once.polygons)) @ bilinear(once) @ vertices
    smooth = displacer(vertices, None).vertices
    assert smooth.shape == flat.shape

    def worst(points: np.ndarray) -> float:
        return float(np.abs(np.linalg.norm(points, axis=1) - 50).max())

    assert worst(smooth) < 0.2 * worst(flat)


def test_weights_are_those_of_catmull_and_clark():
    """An inner vertex of a regular grid: 9/16 of itself, 3/32 of its neighbours, 1/64 of the diagonal
    ones."""
    _, quads, _ = sheet(5)
    parts = split(quads)
    weights = catmull_clark(parts).toarray()
    np.testing.assert_allclose(weights.sum(1), 1)
    middle = weights[12].reshape(5, 5)[1:4, 1:4]
    np.testing.assert_allclose(64 * middle, [[1, 6, 1], [6, 36, 6], [1, 6, 1]])
    border = weights[2].reshape(5, 5)
    np.testing.assert_allclose(8 * border[0, 1:4], [1, 6, 1])
    inner_edge = np.flatnonzero((parts.edges == [12, 13]).all(1))[0]
    np.testing.assert_allclose(16 * weights[25 + inner_edge].reshape(5, 5)[1:4, 2:4], [[1, 1], [6, 6], [1, 1]])


def test_a_constant_map_lifts_by_a_constant():
    vertices, quads, uv = sheet()
    mesh = Displacer(quads, uv, quads, 1)(vertices, np.full((16, 16), 0.7))
    np.testing.assert_allclose(mesh.vertices[:, 2], 0.7, atol=1e-9)


def test_a_linear_map_is_followed_to_the_right_texels():
    """Row 0 is v = 1: a map that grows with v lifts the side with large y."""
    vertices, quads, uv = sheet()
    side = 32
    v = 1 - (np.arange(side) + 0.5) / side
    mesh = Displacer(quads, uv, quads, 1)(vertices, np.tile(v[:, None], (1, side)))
    inner = (mesh.uv > 0.1).all(1) & (mesh.uv < 0.9).all(1)
    np.testing.assert_allclose(mesh.vertices[inner, 2], mesh.uv[inner, 1], atol=1e-6)


def test_a_vertex_on_a_uv_seam_gets_the_mean_of_both_sides():
    """Two quads that share an edge in space but lie apart in UV, on halves of a map with different
    heights."""
    vertices = np.array([[0, 0, 0], [4, 0, 0], [8, 0, 0], [0, 4, 0], [4, 4, 0], [8, 4, 0]], float)
    quads = np.array([[0, 1, 4, 3], [1, 2, 5, 4]])
    uv = np.array([[0.1, 0.1], [0.3, 0.1], [0.3, 0.9], [0.1, 0.9], [0.7, 0.1], [0.9, 0.1], [0.9, 0.9], [0.7, 0.9]])
    uv_quads = np.array([[0, 1, 2, 3], [4, 5, 6, 7]])
    heights = np.where(np.arange(64)[None] < 32, 1.0, 3.0) * np.ones((64, 1))
    displacer = Displacer(quads, uv, uv_quads, 2)
    mesh = displacer(vertices, heights)
    seam = np.isclose(mesh.vertices[:, 0], 4)
    assert seam.sum() == 5
    np.testing.assert_allclose(mesh.vertices[seam, 2], 2.0, atol=1e-9)
    np.testing.assert_allclose(mesh.vertices[mesh.vertices[:, 0] < 4, 2], 1.0, atol=1e-9)


def test_displacement_ends_at_the_border_of_the_tile():
    vertices, quads, uv = sheet(9, tiles=2)
    mesh = Displacer(quads, uv, quads, 1)(vertices, np.ones((16, 16)))
    x, z = mesh.vertices[:, 0], mesh.vertices[:, 2]
    assert np.abs(z[x >= 32]).max() == 0
    np.testing.assert_allclose(z[x <= 32 - 4 * FADE_RINGS - 0.1], 1.0)
    assert np.abs(np.diff(z[np.argsort(x, kind="stable")])).max() < 0.5


def test_triangles_stay_triangles_at_their_tips():
    vertices = np.array([[0, 0, 0], [4, 0, 0], [4, 4, 0], [0, 4, 0], [8, 2, 0]], float)
    polygons = np.array([[0, 1, 2, 3], [1, 4, 2, -1]])
    uv = vertices[:, :2] / 8
    mesh = Displacer(polygons, uv, polygons, 1)(vertices, None)
    assert (mesh.polygons[:4] >= 0).all()
    padded = mesh.polygons[:, 3] < 0
    assert padded.sum() == 2
    assert (mesh.uv_polygons[padded, 3] == -1).all()
    flat = bilinear(split(polygons)) @ vertices
    corners = flat[np.where(mesh.polygons < 0, mesh.polygons[:, :1], mesh.polygons)][..., :2]
    x, y = corners[..., 0], corners[..., 1]
    area = 0.5 * (x * np.roll(y, -1, 1) - np.roll(x, -1, 1) * y).sum(1)
    assert (area > 0).all()
    assert area.sum() == pytest.approx(16 + 8)


def test_wrong_input_is_named():
    vertices, quads, uv = sheet()
    with pytest.raises(ConfigError, match=r"\(1, 2, 3\), got 4"):
        Displacer(quads, uv, quads, 4)
    with pytest.raises(MeshError, match="at least 81 vertices, got 10"):
        Displacer(quads, uv, quads, 1)(vertices[:10], None)
    with pytest.raises(MeshError, match="square"):
        Displacer(quads, uv, quads, 1)(vertices, np.zeros((4, 8)))
