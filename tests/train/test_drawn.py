"""The ruler for drawn faces: what must not matter does not, and what matters is seen where it is."""

from __future__ import annotations

import numpy as np
import torch

from hiface.geometry.rotation import matrix_from_axis_angle
from hiface.train.drawn import aligned, aligned_distances, uv_of_vertices
from tiny import face_model


def cloud() -> torch.Tensor:
    return torch.randn(3, 40, 3, generator=torch.Generator().manual_seed(5)) * 50


def test_similarities_do_not_matter_and_mirror_images_do():
    points = cloud()
    turn = matrix_from_axis_angle(torch.tensor([[0.3, -2.0, 0.4]]))
    moved = 1.7 * points @ turn + torch.tensor([5.0, -80.0, 3.0])
    torch.testing.assert_close(aligned(moved, points), points, atol=1e-3, rtol=0)
    assert aligned_distances(points * torch.tensor([-1.0, 1, 1]), points).min() > 10


def test_a_bump_keeps_its_size():
    points = cloud()
    bumped = points.clone()
    bumped[:, 0] += torch.tensor([0.0, 0, 4.0])
    distance = (aligned(bumped, points) - points).norm(dim=-1)
    assert (distance.argmax(1) == 0).all()
    assert (distance[:, 0] > 3).all()
    assert distance[:, 1:].mean() < 0.3


def test_every_face_vertex_has_a_corner_in_its_tile(tmp_path):
    face = face_model(tmp_path)
    triangles, corners = face.part_triangles("face"), face.part_uv_triangles("face")
    uv = uv_of_vertices(triangles, corners, face.uv)
    assert uv.min() >= 0
    assert uv.max() <= 1
    tile = np.floor(face.uv[corners[0, 0]])
    vertex, choices = triangles[0, 0], face.uv[corners[triangles == triangles[0, 0]]] - tile
    assert (np.abs(choices - uv[vertex]).max(1) < 1e-6).any()
