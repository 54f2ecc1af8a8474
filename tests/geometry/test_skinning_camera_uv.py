"""Skinning, camera, normals, topology and UV atlases on shapes small enough to check by hand."""

import numpy as np
import pytest
import torch

from hiface.errors import MeshError
from hiface.geometry.camera import apply_affine, project, unproject
from hiface.geometry.normals import vertex_normals
from hiface.geometry.skinning import skin, skin_bruteforce
from hiface.geometry.topology import adjacency, border_edges, compact, smooth, triangulate, unique_edges
from hiface.geometry.uv import UVAtlas, sample_uv, tangents

PARENTS = (-1, 0, 1, 1)


def random_pose(dtype=torch.float64):
    torch.manual_seed(0)
    vertices, joints = torch.randn(3, 20, 3, dtype=dtype), torch.randn(3, 4, 3, dtype=dtype)
    weights = torch.rand(20, 4, dtype=dtype)
    return vertices, torch.randn(3, 4, 3, dtype=dtype), joints, weights / weights.sum(1, keepdim=True)


def test_no_rotation_leaves_vertices():
    vertices, rotation, joints, weights = random_pose()
    torch.testing.assert_close(skin(vertices, rotation * 0, joints, weights, PARENTS), vertices)


def test_skinning_meets_its_slow_twin():
    vertices, rotation, joints, weights = random_pose()
    fast, slow = (f(vertices, rotation, joints, weights, PARENTS) for f in (skin, skin_bruteforce))
    torch.testing.assert_close(fast, slow)


def test_a_joint_stays_where_its_parent_puts_it():
    _, rotation, joints, _ = random_pose()
    rotation[:, 0] = 0
    bound = torch.tensor([[0.0, 1, 0, 0]], dtype=torch.float64)
    at_joint = skin(joints[:, 1:2], rotation, joints, bound, PARENTS)
    torch.testing.assert_close(at_joint, joints[:, 1:2])


def test_projection_round_trip_and_directions():
    points = torch.tensor([[[0.0, 0, 0], [10, 0, 0], [0, 10, 0], [0, 0, 10]]])
    screen = project(points, torch.tensor([0.01]), 200.0)
    torch.testing.assert_close(screen[0, 0], torch.tensor([100.0, 100, 0]))
    assert screen[0, 1, 0] == 120  # +x to the right
    assert screen[0, 2, 1] == 80  # +y up
    assert screen[0, 3, 2] < screen[0, 0, 2]  # towards the camera is less depth
    torch.testing.assert_close(unproject(screen, torch.tensor([0.01]), 200.0), points)


def test_affine_points():
    matrix = torch.tensor([[0.0, -2, 5], [2, 0, 1], [0, 0, 1]])
    torch.testing.assert_close(apply_affine(matrix, torch.tensor([[1.0, 2.0]])), torch.tensor([[1.0, 3.0]]))


QUADS = np.array([[0, 1, 4, 3], [1, 2, 5, 4], [3, 4, 6, -1]])


def test_triangles_keep_orientation_and_area():
    assert triangulate(QUADS).tolist() == [[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4], [3, 4, 6]]
    with pytest.raises(MeshError, match="shape"):
        triangulate(np.zeros((2, 3), int))


def test_edges_and_borders():
    edges = unique_edges(QUADS)
    assert len(edges) == 9
    inner = {(1, 4), (3, 4)}
    assert {tuple(e) for e in border_edges(QUADS)} == {tuple(e) for e in edges} - inner


def test_smoothing_keeps_constants_and_lonely_vertices():
    edges = unique_edges(QUADS)
    np.testing.assert_allclose(smooth(np.full((8, 2), 3.0), edges, 5), 3.0)
    values = np.arange(8.0)
    assert smooth(values, edges, 5)[7] == 7
    np.testing.assert_allclose(np.asarray(adjacency(edges, 8).sum(1)).ravel()[:7], 1)


def test_compact_renames_and_keeps_padding():
    ids, polygons = compact(np.array([[5, 9, 7, -1]]))
    assert ids.tolist() == [5, 7, 9]
    assert polygons.tolist() == [[0, 2, 1, -1]]


def test_normals_of_a_plane_and_their_gradient():
    plane = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]], dtype=torch.float64)
    triangles = torch.tensor([[0, 1, 2], [0, 2, 3]])
    expected = torch.tensor([0.0, 0, 1], dtype=torch.float64).expand(1, 4, 3)
    torch.testing.assert_close(vertex_normals(plane, triangles), expected)
    bent = (plane + 0.1 * torch.randn_like(plane)).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: vertex_normals(v, triangles), bent)


@pytest.fixture
def square():
    uv = np.array([[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]])
    triangles = np.array([[0, 1, 2], [0, 2, 3]])
    return uv, triangles, UVAtlas.build(uv, triangles, triangles, 32)


def test_baking_positions_gives_texel_centres(square):
    uv, _, atlas = square
    baked = atlas.bake(torch.from_numpy(uv)[None])[0]
    i, j = np.mgrid[0:32, 0:32]
    centres = torch.from_numpy(np.stack([(j + 0.5) / 32, 1 - (i + 0.5) / 32], -1))
    inside = atlas.mask
    torch.testing.assert_close(baked[inside], centres[inside], atol=1e-6, rtol=0)
    assert inside.sum() == pytest.approx(0.64 * 1024, rel=0.06)


def test_sampling_undoes_baking(square):
    _, _, atlas = square
    values = torch.tensor([[[1.0], [2.0], [4.0], [8.0]]])
    found = sample_uv(atlas.bake(values), torch.tensor([[0.5, 0.2], [0.3, 0.5]]))
    # (0.5, 0.2) lies in the first triangle with weights (½, ⅜, ⅛), (0.3, 0.5) in the second with (½, ¼, ¼)
    torch.testing.assert_close(found[0, :, 0], torch.tensor([1.75, 3.5]), atol=0.02, rtol=0)


def test_tangents_of_a_stretched_square(square):
    uv, triangles, atlas = square
    vertices = torch.from_numpy(np.c_[uv[:, 0] * 200, uv[:, 1] * 300, np.zeros(4)])[None]
    found = tangents(vertices, atlas, torch.from_numpy(uv), torch.from_numpy(triangles))
    expected = torch.tensor([[200.0, 0], [0, 300], [0, 0]], dtype=torch.float64).expand_as(found)
    torch.testing.assert_close(found, expected)
