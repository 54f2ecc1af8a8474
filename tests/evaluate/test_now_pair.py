"""NoW's self-tests that need no data, and what its alignment refuses."""

from __future__ import annotations

from itertools import combinations

import now_sheets as sheets
import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.spatial.transform import Rotation

from hiface.errors import MeshError
from hiface.evaluate.now_pair import crop_scan, evaluate_pair, landmark_alignment
from hiface.evaluate.now_refine import refine
from hiface.geometry.similarity import Similarity, fit_umeyama
from hiface.geometry.surface import ClosestPoint, Mesh

SCAN = sheets.scan()
SCAN_LANDMARKS = sheets.landmarks(SCAN)


def judged(mesh: Mesh, landmarks=None, unit=None):
    points = sheets.landmarks(mesh) if landmarks is None else landmarks
    return evaluate_pair(mesh, points, SCAN, SCAN_LANDMARKS, unit)


def moved(mesh: Mesh, scale: float, seed: int = 0) -> Mesh:
    rng = np.random.default_rng(seed)
    turn = Rotation.random(random_state=seed).as_matrix()
    return mesh.with_vertices(scale * mesh.vertices @ turn.T + 50 * rng.normal(size=3))


@pytest.mark.parametrize("unit", [None, "mm"])
def test_a_scan_against_itself(unit):
    error = judged(SCAN, unit=unit)
    assert np.median(error.distances_mm) < 1e-4
    assert error.distances_mm.max() < 1e-3


def test_scale_is_free_in_the_non_metrical_protocol_alone():
    larger = SCAN.with_vertices(1.1 * SCAN.vertices)
    free = judged(larger)
    assert free.distances_mm.max() < 1e-3
    assert free.scale == pytest.approx(1 / 1.1, rel=1e-6)
    metrical = judged(larger, unit="mm")
    assert metrical.scale == 1.0
    assert np.median(metrical.distances_mm) > 0.1


@pytest.mark.parametrize(("factor", "unit"), [(0.1, "cm"), (0.001, "m")])
def test_units_are_the_same_mesh(factor, unit):
    mesh = sheets.prediction()
    plain = judged(mesh, unit="mm").distances_mm
    other = judged(mesh.with_vertices(factor * mesh.vertices), unit=unit).distances_mm
    np.testing.assert_allclose(other, plain, atol=1e-3)


@pytest.mark.parametrize(("unit", "scale"), [("mm", 1.0), (None, 1.0), (None, 3.7)])
def test_a_motion_of_the_prediction_changes_nothing(unit, scale):
    mesh = sheets.prediction()
    plain = judged(mesh, unit=unit).distances_mm
    for seed in range(2):
        np.testing.assert_allclose(judged(moved(mesh, scale, seed), unit=unit).distances_mm, plain, rtol=0, atol=1e-3)


def test_a_larger_sphere_against_a_cap():
    """A sphere of radius R + 1: scale absorbs all; without scale the best shift along the axis is known."""
    radius, cap = 80.0, sheets.sphere_cap(80.0, 0.9)
    larger = ClosestPoint(sheets.sphere_cap(radius + 1, 2.4, 120, 240))
    start = Similarity(1.0, np.eye(3), np.zeros(3))
    free = refine(larger, cap.vertices, start, with_scale=True)
    assert free.converged
    assert np.median(free.distances) < 0.02
    assert free.placement.scale == pytest.approx(radius / (radius + 1), rel=1e-3)

    def cost(shift: float) -> float:
        return float(np.sum((np.linalg.norm(cap.vertices - [0, 0, shift], axis=1) - (radius + 1)) ** 2))

    best = minimize_scalar(cost, bounds=(-30, 30), method="bounded").x
    expected = np.abs(np.linalg.norm(cap.vertices - [0, 0, best], axis=1) - (radius + 1))
    rigid = refine(larger, cap.vertices, start, with_scale=False)
    assert expected.mean() > 0.03
    assert rigid.distances.mean() == pytest.approx(expected.mean(), abs=0.01)
    assert rigid.placement.scale == 1.0


def test_the_refinement_is_at_a_minimum():
    crop = crop_scan(SCAN, SCAN_LANDMARKS)
    mesh = sheets.prediction()
    surface = ClosestPoint(mesh)
    start = fit_umeyama(sheets.landmarks(mesh), SCAN_LANDMARKS)
    found = refine(surface, crop.vertices, start, with_scale=True)
    assert found.converged
    assert np.sum(found.distances**2) < np.sum(surface.query(start.undo(crop.vertices)).distances ** 2)
    rng = np.random.default_rng(0)
    for _ in range(30):
        turn = Rotation.from_rotvec(2e-3 * rng.normal(size=3)).as_matrix()
        nearby = Similarity(
            found.placement.scale * (1 + 2e-3 * rng.normal()),
            turn @ found.placement.rotation,
            found.placement.translation + 0.2 * rng.normal(size=3),
        )
        distances = nearby.scale * surface.query(nearby.undo(crop.vertices)).distances
        assert np.sum(distances**2) > np.sum(found.distances**2)


def test_the_refinement_does_not_depend_on_a_small_error_of_the_start():
    mesh = sheets.prediction()
    points = sheets.landmarks(mesh)
    plain = judged(mesh).distances_mm
    jittered = points + 1.5 * np.random.default_rng(1).normal(size=(7, 3))
    found = judged(mesh, jittered).distances_mm
    assert found.mean() == pytest.approx(plain.mean(), abs=1e-3)
    assert np.median(found) == pytest.approx(np.median(plain), abs=0.01)


def test_the_crop_is_a_ball_above_the_nose_base():
    crop = crop_scan(SCAN, SCAN_LANDMARKS)
    bridge = (SCAN_LANDMARKS[1] + SCAN_LANDMARKS[2]) / 2
    centre = SCAN_LANDMARKS[4] + 0.3 * (bridge - SCAN_LANDMARKS[4])
    eyes = np.linalg.norm(SCAN_LANDMARKS[0] - SCAN_LANDMARKS[3])
    radius = 1.4 * (eyes + np.linalg.norm(bridge - SCAN_LANDMARKS[4])) / 2
    inside = np.linalg.norm(SCAN.vertices - centre, axis=1) <= radius
    assert 0 < inside.sum() < len(SCAN.vertices)
    np.testing.assert_array_equal(crop.vertices, SCAN.vertices[inside])
    assert inside[SCAN.triangles].all(axis=1).sum() == len(crop.triangles)


def test_a_scan_in_another_unit_than_its_landmarks_is_refused():
    with pytest.raises(MeshError, match="differ in unit or belong to different subjects"):
        crop_scan(SCAN.with_vertices(SCAN.vertices + 1e4), SCAN_LANDMARKS)


@pytest.mark.parametrize("pair", list(combinations(range(7), 2)))
def test_any_two_swapped_landmarks_are_refused(pair):
    order = np.arange(7)
    order[list(pair)] = pair[::-1]
    points = sheets.landmarks(sheets.prediction())
    landmark_alignment(points, SCAN_LANDMARKS)
    with pytest.raises(MeshError, match=r"swapped|do not fit"):
        landmark_alignment(points[order], SCAN_LANDMARKS)


def test_the_swapped_pair_is_named():
    points = sheets.landmarks(SCAN)[[0, 1, 2, 5, 4, 3, 6]]
    with pytest.raises(MeshError, match=r"3 \(left outer eye corner\) and 5 \(right mouth corner\) look swapped"):
        judged(SCAN, points)


def test_left_and_right_swapped_is_a_mirror_image():
    with pytest.raises(MeshError, match="mirror image"):
        judged(SCAN, sheets.landmarks(SCAN)[[3, 2, 1, 0, 4, 6, 5]])
    mirrored = SCAN.with_vertices(SCAN.vertices * [-1, 1, 1])
    with pytest.raises(MeshError, match="mirror image"):
        judged(mirrored)


@pytest.mark.parametrize("seed", range(20))
def test_landmarks_that_are_only_inexact_pass(seed):
    noise = 3.0 * np.random.default_rng(seed).normal(size=(7, 3))
    landmark_alignment(SCAN_LANDMARKS + noise, SCAN_LANDMARKS)


def test_landmarks_of_nothing_are_refused():
    with pytest.raises(MeshError, match=r"do not fit|swapped|mirror"):
        landmark_alignment(60 * np.random.default_rng(0).normal(size=(7, 3)), SCAN_LANDMARKS)


@pytest.mark.parametrize(
    ("factor", "unit", "words"),
    [
        (1e-3, "mm", "1000 times too small for the unit 'mm'; give the unit 'm'"),
        (1.0, "m", "1000 times too large for the unit 'm'; give the unit 'mm'"),
        (0.1, "m", "100 times too large for the unit 'm'; give the unit 'cm'"),
        (1e3, "mm", "1000 times too large for the unit 'mm'; one unit of the mesh is about 0.001 mm"),
    ],
)
def test_a_wrong_unit_is_recognised_and_said(factor, unit, words):
    with pytest.raises(MeshError, match=words.replace("(", r"\(")):
        judged(SCAN.with_vertices(factor * SCAN.vertices), unit=unit)


def test_far_landmarks_are_warned_of_in_the_metrical_protocol(caplog):
    far = SCAN.with_vertices(1.05 * SCAN.vertices + np.array([3000.0, 0, 0]))
    error = judged(far, unit="mm")
    assert "over 1 m from the mesh's origin" in caplog.text
    assert np.isfinite(error.distances_mm).all()
