"""Loop's scheme: facts that hold for every mesh."""

import numpy as np

from hiface.detail.loop import loop, split_triangles, straight
from hiface.geometry.topology import border_edges


def grid(side=6):
    x, y = np.meshgrid(np.arange(side, dtype=float), np.arange(side, dtype=float))
    corner = np.arange(side * side).reshape(side, side)
    a, b, c, d = (corner[i : side - 1 + i, j : side - 1 + j].ravel() for i, j in ((0, 0), (0, 1), (1, 1), (1, 0)))
    return np.column_stack([x.ravel(), y.ravel()]), np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def octahedron():
    points = np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)
    top = np.array([[k, (k + 1) % 4, 4] for k in range(4)])
    return points, np.concatenate([top, np.array([[(k + 1) % 4, k, 5] for k in range(4)])])


def test_weights_sum_to_one():
    for points, triangles in (grid(), octahedron()):
        parts = split_triangles(triangles, len(points))
        for weights in (loop(parts), straight(parts)):
            np.testing.assert_allclose(np.asarray(weights.sum(1)).ravel(), 1, atol=1e-12)
            assert weights.shape[0] == len(points) + len(parts.edges)


def test_planes_stay_planes_and_borders_borders():
    points, triangles = grid()
    parts = split_triangles(triangles, len(points))
    fine = loop(parts) @ points
    a, b, c = (fine[parts.triangles[:, k]] for k in range(3))
    (ux, uy), (vx, vy) = (b - a).T, (c - a).T
    assert (ux * vy - uy * vx > 0).all()  # nothing is turned over
    assert len(parts.triangles) == 4 * len(triangles)
    padded = np.pad(parts.triangles, ((0, 0), (0, 1)), constant_values=-1)
    assert len(border_edges(padded)) == 2 * 4 * 5
    np.testing.assert_allclose(fine.min(0), 0, atol=0.13)
    inner = (points > 1.5).all(1) & (points < 3.5).all(1)
    np.testing.assert_allclose(fine[: len(points)][inner], points[inner], atol=1e-12)


def test_a_closed_surface_becomes_round():
    points, triangles = octahedron()
    for _ in range(4):
        parts = split_triangles(triangles, len(points))
        points, triangles = loop(parts) @ points, parts.triangles
    radius = np.linalg.norm(points, axis=1)
    assert radius.std() < 0.08 * radius.mean()
