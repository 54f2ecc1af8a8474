"""Hand-placed points: learnt places are exact where a place exists, better ones do not, and people are kept apart."""

import numpy as np
import pytest

from hiface.evaluate.hand_points import AS_DEFINED, GROUPS, INNER, JAW, hand_errors, learn, template_errors

RNG = np.random.default_rng(0)


def faces(count):
    """478 points scattered over a face-like square, each face a little otherwise."""
    mean = RNG.uniform(-1, 1, (478, 2))
    bend = RNG.normal(0, 0.08, (count, 2, 2)) + np.eye(2)
    own = np.einsum("lx,nxy->nly", mean, bend) + RNG.normal(0, 0.01, (count, 478, 2))
    return own * RNG.uniform(50, 90, (count, 1, 1)) + RNG.uniform(100, 200, (count, 1, 2))


def hands(points):
    """189 points fixed to triangles of the 478, so that an exact correspondence exists."""
    from scipy.spatial import Delaunay

    triangles = Delaunay((points - points.mean(1, keepdims=True)).mean(0)).simplices
    chosen = triangles[RNG.integers(0, len(triangles), 189)]
    return np.einsum("nkcx,kc->nkx", points[:, chosen], RNG.dirichlet(np.ones(3), 189))


def test_places_on_the_face_are_found():
    points = faces(12)
    truth = hands(points)
    places = learn(points[:6], truth[:6])
    assert (places.weights >= -1e-9).all()
    np.testing.assert_allclose(places.weights.sum(1), 1)
    assert np.linalg.norm(places.apply(points[6:]) - truth[6:], axis=2).mean() < 0.3


def test_a_point_off_the_face_lies_on_its_edge():
    points = faces(6)
    far = points.mean(1, keepdims=True) + 5 * (points - points.mean(1, keepdims=True))[:, :1]
    places = learn(points, far)
    assert np.sort(places.weights[0])[0] == pytest.approx(0, abs=1e-9)


def test_errors_of_exact_points_are_none_and_noise_adds():
    points = faces(16)
    truth = hands(points)
    exact = hand_errors(points, truth)
    for k, m in AS_DEFINED.items():
        truth[:, k] = points[:, m]
    noisy = hand_errors(points, truth + RNG.normal(0, 2, truth.shape))
    assert hand_errors(points, truth).as_defined.max() < 1e-9
    assert np.nanmean(exact.learnt) < np.nanmean(noisy.learnt) / 3
    used = sorted(k for group in GROUPS.values() for k in group)
    assert np.isfinite(exact.learnt[:, used]).all()
    assert np.isnan(np.delete(exact.learnt, used, 1)).all()
    assert set(INNER) | set(JAW) == set(used)


def test_a_template_fits_faces_that_are_one_shape():
    shape = RNG.uniform(-1, 1, (189, 2))
    angle = RNG.uniform(-0.4, 0.4, 8)
    turns = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).transpose(2, 0, 1)
    truth = np.einsum("kx,nxy->nky", shape, turns) * RNG.uniform(40, 80, (8, 1, 1)) + 100
    assert np.nanmax(template_errors(truth).learnt) < 1e-6
    assert np.nanmean(template_errors(truth + RNG.normal(0, 3, truth.shape)).learnt) > 1
