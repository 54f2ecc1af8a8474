"""Facts of the fits: they undo what was done, their scales are the ones that the protocols name."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import golden_grid as golden
from hiface.errors import MeshError
from hiface.evaluate.alignment import correspondence_error, fit_l1_scale, rigid_icp
from hiface.geometry.similarity import Similarity, fit_rigid, fit_umeyama
from hiface.geometry.surface import ClosestPoint

FITS = [fit_l1_scale, fit_umeyama]


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def motion():
    return Similarity(2.5, Rotation.from_rotvec([0.4, -1.1, 0.3]).as_matrix(), np.array([7.0, -3.0, 11.0]))


@pytest.mark.parametrize("fit", FITS)
def test_a_similarity_is_found_again(fit, rng, motion):
    points = rng.normal(size=(7, 3))
    found = fit(points, motion.apply(points))
    assert found.scale == pytest.approx(motion.scale)
    np.testing.assert_allclose(found.rotation, motion.rotation, atol=1e-12)
    np.testing.assert_allclose(found.apply(points), motion.apply(points), atol=1e-12)


def test_undo_is_the_inverse_of_apply(rng, motion):
    points = rng.normal(size=(20, 3))
    np.testing.assert_allclose(motion.undo(motion.apply(points)), points, atol=1e-12)


def test_the_least_squares_fits_cannot_be_bettered(rng):
    source, target = rng.normal(size=(2, 12, 3))
    for fit, free in ((fit_umeyama, True), (fit_rigid, False)):
        best = fit(source, target)
        cost = np.sum((best.apply(source) - target) ** 2)
        for _ in range(40):
            turn = Rotation.from_rotvec(0.05 * rng.normal(size=3)).as_matrix() @ best.rotation
            scale = best.scale * (1 + 0.05 * rng.normal() * free)
            other = Similarity(scale, turn, best.translation + 0.05 * rng.normal(size=3))
            assert np.sum((other.apply(source) - target) ** 2) > cost


def test_the_global_scale_is_a_ratio_of_absolute_sums(rng):
    source, target = rng.normal(size=(2, 7, 3))
    fit = fit_l1_scale(source, target)
    centred = (source - source.mean(0)) @ fit.rotation.T
    assert fit.scale == pytest.approx(np.abs(target - target.mean(0)).sum() / np.abs(centred).sum())
    assert fit.scale != pytest.approx(fit_umeyama(source, target, reflection=True).scale, rel=1e-3)


def test_a_mirror_image_is_only_reached_with_reflection(rng):
    points = rng.normal(size=(9, 3))
    mirrored = points * [-1, 1, 1]
    assert np.linalg.det(fit_umeyama(points, mirrored, reflection=True).rotation) == pytest.approx(-1)
    assert np.linalg.det(fit_umeyama(points, mirrored).rotation) == pytest.approx(1)
    assert np.linalg.det(fit_rigid(points, mirrored).rotation) == pytest.approx(1)


def test_points_in_one_place_are_refused():
    with pytest.raises(MeshError, match="in one place"):
        fit_umeyama(np.ones((5, 3)), np.eye(5, 3))


def test_rigid_icp_brings_a_displaced_sheet_back():
    mesh = golden.prediction("A")
    turn = Similarity(1.0, Rotation.from_rotvec([0.02, 0.03, -0.02]).as_matrix(), np.array([0.2, -0.1, 0.1]))
    start = ClosestPoint(mesh.with_vertices(turn.apply(mesh.vertices)))
    corners = np.tile(mesh.vertices[[0, 64, -1, -65]], (200, 1))
    found = rigid_icp(start, mesh.vertices[::7], turn.apply(corners), corners, tolerance=1e-13)
    assert found.iterations > 2
    assert np.abs(found.vertices - mesh.vertices).max() < 1e-4


def test_rigid_icp_leaves_the_last_fit_unapplied():
    mesh = golden.prediction("A")
    found = rigid_icp(ClosestPoint(mesh), mesh.vertices[:50], mesh.vertices[:4], mesh.vertices[:4])
    assert found.iterations == 0
    np.testing.assert_array_equal(found.vertices, mesh.vertices)


def test_rigid_icp_stops_at_its_cap():
    mesh = golden.prediction("E")
    found = rigid_icp(ClosestPoint(mesh), golden.prediction("A").vertices, *np.zeros((2, 0, 3)), 1e-30, cap=3)
    assert found.iterations == 3


def test_known_correspondence_is_zero_after_the_motion_it_allows(rng, motion):
    truth = rng.normal(size=(50, 3))
    error = correspondence_error(motion.undo(truth), truth)
    assert error.similarity.max() < 1e-12
    assert error.scale == pytest.approx(motion.scale)
    assert error.rigid.mean() > 0.1


def test_known_correspondence_sees_what_icp_cannot(rng):
    mesh = golden.prediction("A")
    slid = mesh.vertices.copy()
    slid[:, :2] += 0.25 * np.sin(mesh.vertices[:, 1:2])
    slid[:, 2] = golden.scan_height(slid[:, 0], slid[:, 1])
    surface = ClosestPoint(mesh).query(slid).distances.mean()
    assert correspondence_error(slid, mesh.vertices).rigid.mean() > 5 * surface


def test_known_correspondence_needs_one_topology(rng):
    with pytest.raises(MeshError, match=r"\(4, 3\) predicted and \(5, 3\) true"):
        correspondence_error(np.eye(4, 3), np.eye(5, 3))
