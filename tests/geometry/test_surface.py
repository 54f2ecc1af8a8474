"""Closest points against brute force, and meshes that refuse what is malformed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hiface.errors import MeshError
from hiface.geometry.surface import ClosestPoint, Mesh, merge_duplicates


def segment_distance(points: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Distances (N, T) to segments."""
    along = b - a
    length = np.maximum((along**2).sum(-1), 1e-300)
    t = np.clip(np.einsum("ntc,tc->nt", points[:, None] - a, along) / length, 0, 1)
    return np.linalg.norm(points[:, None] - (a + t[..., None] * along), axis=-1)


def brute_force(mesh: Mesh, points: np.ndarray) -> np.ndarray:
    """Distance to the nearest triangle: to its three sides, and to its plane where the foot lies inside."""
    a, b, c = mesh.vertices[mesh.triangles].transpose(1, 0, 2)
    best = np.minimum.reduce([segment_distance(points, *side) for side in ((a, b), (b, c), (c, a))])
    normal = np.cross(b - a, c - a)
    size = np.linalg.norm(normal, axis=1)
    fat = size > 0
    height = np.einsum("ntc,tc->nt", points[:, None] - a, normal / np.where(fat, size, 1)[:, None])
    foot = points[:, None] - height[..., None] * (normal / np.where(fat, size, 1)[:, None])
    sides = [np.einsum("ntc,tc->nt", np.cross(q - p, foot - p), normal) for p, q in ((a, b), (b, c), (c, a))]
    inside = (np.minimum.reduce(sides) >= 0) & fat
    return np.where(inside, np.abs(height), best).min(axis=1)


def sphere(radius: float = 1.0, rows: int = 12) -> Mesh:
    """A sphere of quads split in two; the poles hold triangles without area."""
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, 2 * rows + 1), np.linspace(0, np.pi, rows + 1))
    points = radius * np.stack([np.sin(v) * np.cos(u), np.cos(v), np.sin(v) * np.sin(u)], -1).reshape(-1, 3)
    i = (np.arange(rows)[:, None] * (2 * rows + 1) + np.arange(2 * rows)).ravel()
    step = 2 * rows + 1
    return Mesh(points, np.stack([i, i + 1, i + step + 1, i, i + step + 1, i + step], 1).reshape(-1, 3))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.mark.parametrize("spread", [0.02, 1.0, 30.0])
def test_closest_points_are_those_of_brute_force(rng, spread):
    mesh = sphere()
    points = mesh.vertices[rng.integers(0, len(mesh.vertices), 300)] + spread * rng.normal(size=(300, 3))
    found = ClosestPoint(mesh).query(points)
    np.testing.assert_allclose(found.distances, brute_force(mesh, points), rtol=0, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(found.points - points, axis=1), found.distances, atol=1e-12)


def test_the_answer_lies_on_the_triangle_that_is_named(rng):
    mesh = sphere()
    found = ClosestPoint(mesh).query(rng.normal(size=(200, 3)))
    for point, triangle in zip(found.points, found.triangle_ids, strict=True):
        alone = Mesh(mesh.vertices, mesh.triangles[triangle][None])
        assert brute_force(alone, point[None])[0] < 1e-12


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(0, 10_000), st.sampled_from([1.0, 1e-3, 1e3]))
def test_soups_of_any_size_with_thin_and_empty_triangles(count, seed, size):
    rng = np.random.default_rng(seed)
    corners = rng.normal(size=(count, 3, 3))
    corners[::3, 2] = corners[::3, 0] + 1e-7 * rng.normal(size=(len(corners[::3]), 3))
    corners[::5, 1] = corners[::5, 0]
    mesh = Mesh(size * corners.reshape(-1, 3), np.arange(3 * count).reshape(-1, 3))
    points = 2 * size * rng.normal(size=(40, 3))
    found = ClosestPoint(mesh).query(points)
    np.testing.assert_allclose(found.distances, brute_force(mesh, points), rtol=0, atol=1e-9 * size)


def test_points_of_the_surface_have_distance_zero(rng):
    mesh = sphere(radius=80.0)
    weights = rng.dirichlet([1, 1, 1], 500)
    points = np.einsum("nk,nkc->nc", weights, mesh.vertices[mesh.triangles[rng.integers(0, 500, 500)]])
    assert ClosestPoint(mesh).query(points).distances.max() < 1e-9


def test_a_hint_changes_nothing(rng):
    surface, points = ClosestPoint(sphere()), rng.normal(size=(300, 3))
    plain = surface.query(points)
    misled = surface.query(points, rng.integers(0, len(surface.mesh.triangles), 300))
    np.testing.assert_array_equal(plain.distances, misled.distances)


def test_a_moved_surface_is_the_surface_made_anew(rng):
    mesh, points = sphere(), rng.normal(size=(300, 3))
    bent = mesh.vertices * [1, 3, 0.2] + rng.normal(size=mesh.vertices.shape)
    moved = ClosestPoint(mesh).moved(bent).query(points)
    np.testing.assert_allclose(moved.distances, ClosestPoint(Mesh(bent, mesh.triangles)).query(points).distances)
    np.testing.assert_allclose(moved.distances, brute_force(Mesh(bent, mesh.triangles), points), atol=1e-9)


def test_equal_positions_become_one_vertex_and_lonely_ones_go():
    vertices = np.array([[9, 9, 9], [0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0, 1e-10], [0, 1, -0.0], [1, 1, 0]])
    merged = merge_duplicates(Mesh(vertices, np.array([[1, 2, 3], [4, 6, 5]])))
    np.testing.assert_array_equal(merged.vertices, vertices[[1, 2, 3, 6]])
    np.testing.assert_array_equal(merged.triangles, [[0, 1, 2], [1, 3, 2]])


def test_merging_a_mesh_without_duplicates_leaves_it():
    mesh = Mesh(np.random.default_rng(0).normal(size=(30, 3)), np.arange(30).reshape(-1, 3))
    merged = merge_duplicates(mesh)
    np.testing.assert_array_equal(merged.vertices, mesh.vertices)
    np.testing.assert_array_equal(merged.triangles, mesh.triangles)


@pytest.mark.parametrize(
    ("vertices", "triangles", "said"),
    [
        (np.full((3, 3), np.nan), [[0, 1, 2]], "3 of 3 vertices are not finite"),
        (np.zeros((3, 3)), [[0, 1, 3]], "reach from 0 to 3"),
        (np.zeros((3, 3)), [[-1, 1, 2]], "reach from -1 to 2"),
    ],
)
def test_malformed_meshes_are_refused(vertices, triangles, said):
    with pytest.raises(MeshError, match=said):
        Mesh(vertices, np.array(triangles))


def test_points_of_another_dimension_are_refused():
    with pytest.raises((MeshError, TypeError), match=r"3, ?2"):  # a type checker may be the first to see it
        Mesh(np.zeros((3, 2)), np.array([[0, 1, 2]]))


def test_a_surface_needs_triangles_and_finite_queries():
    with pytest.raises(MeshError, match="at least one triangle"):
        ClosestPoint(Mesh(np.zeros((3, 3)), np.zeros((0, 3), int)))
    with pytest.raises(MeshError, match="finite points"):
        ClosestPoint(sphere()).query(np.array([[0, np.inf, 0]]))
