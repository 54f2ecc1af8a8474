"""Distances of shapes: the closed form is Umeyama's residual, a similarity costs nothing, mirrors undo themselves."""

import numpy as np
import pytest
import torch

from hiface.errors import AssetError
from hiface.evaluate.distances import (
    between_all,
    map_distances,
    mirror_order,
    mirrored,
    narrow_neutral,
    narrow_offset,
    rms,
    rms_aligned,
)
from hiface.geometry.rotation import matrix_from_axis_angle
from hiface.geometry.similarity import fit_umeyama
from tiny import face_model


@pytest.fixture(scope="module")
def face(tmp_path_factory):
    return face_model(tmp_path_factory.mktemp("face"))


def shapes(count, seed=0):
    return 30 * torch.randn(count, 40, 3, generator=torch.Generator().manual_seed(seed))


def test_the_closed_form_is_the_residual_of_the_best_similarity():
    a, b = shapes(2)
    a = a * torch.tensor([1.0, 1.0, -1.0])  # so that some best fit is a reflection, which is not allowed
    for p, q in ((a, b), (b, a), (a, b * torch.tensor([-1.0, 1, 1]))):
        fitted = fit_umeyama(p.double().numpy(), q.double().numpy()).apply(p.double().numpy())
        expected = np.sqrt(((fitted - q.numpy()) ** 2).sum(-1).mean())
        assert float(rms_aligned(p, q)) == pytest.approx(expected, rel=1e-5)


def test_a_similarity_costs_nothing():
    (shape,) = shapes(1)
    turn = matrix_from_axis_angle(torch.tensor([0.3, -1.0, 0.2]))
    assert float(rms_aligned(1.7 * shape @ turn.T + 5, shape)) < 1e-3
    assert float(rms(shape + torch.tensor([3.0, 4.0, 0.0]) - shape)) == pytest.approx(5)


def test_all_pairs_are_each_pair():
    a, b = shapes(3), shapes(4, 1)
    table = between_all(a, b)
    assert table.shape == (3, 4)
    assert float(table[2, 1]) == pytest.approx(float(rms_aligned(a[2], b[1])), rel=1e-5)
    flat = map_distances(a.flatten(1), b.flatten(1))
    assert float(flat[0, 3]) == pytest.approx(float((a[0] - b[3]).square().mean().sqrt()), rel=1e-5)


def test_a_mirror_undoes_itself_and_leaves_the_symmetric_mean_alone(face):
    order = mirror_order(face)
    points = narrow_neutral(face, torch.randn(2, face.identity_size))
    torch.testing.assert_close(mirrored(mirrored(points, order), order), points)
    assert float(rms(mirrored(points, order) - points).min()) > 0.1
    mean = narrow_neutral(face, torch.zeros(1, face.identity_size))
    torch.testing.assert_close(mirrored(mean, order), mean, atol=1e-4, rtol=0)


def test_narrow_shapes_are_the_models(face):
    identity, expression = torch.randn(2, face.identity_size), torch.rand(2, face.expression_size)
    chosen = torch.from_numpy(face.region("face_narrow"))
    torch.testing.assert_close(narrow_neutral(face, identity), face.neutral(identity)[:, chosen], atol=1e-4, rtol=0)
    torch.testing.assert_close(
        narrow_offset(face, expression), face.expression_offset(expression)[:, chosen], atol=1e-4, rtol=0
    )


def test_a_face_without_a_symmetry_map_is_told(face, monkeypatch):
    monkeypatch.setattr(face, "symmetry", None)
    with pytest.raises(AssetError, match="symmetry"):
        mirror_order(face)
