"""What REALY's figures must and must not depend on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import golden_grid as golden
from hiface.errors import MeshError
from hiface.evaluate.realy_regions import REGIONS, Scan, evaluate_pair
from hiface.geometry.surface import Mesh

STEP = 0.5  # coarser than the golden values' grid: the properties hold at any
ANCHORS = golden.anchors(STEP)


@pytest.fixture(scope="module")
def scan() -> Scan:
    return golden.scan(STEP)


@pytest.fixture(scope="module")
def flatter(scan):
    """Case C, whose errors differ from region to region."""
    return regions(evaluate_pair(golden.prediction("C", STEP), ANCHORS, scan))


def regions(errors) -> np.ndarray:
    return np.array([errors.of(region).error_mm for region in REGIONS])


def with_patches(scan: Scan, change) -> Scan:
    return replace(scan, patches={name: change(patch) for name, patch in scan.patches.items()})


@pytest.mark.parametrize("seed", [0, 1])
def test_a_mesh_against_itself_under_a_random_similarity(scan, seed):
    rng = np.random.default_rng(seed)
    mesh = golden.prediction("A", STEP)
    turned = np.exp(rng.normal()) * mesh.vertices @ Rotation.random(random_state=seed).as_matrix().T
    moved = mesh.with_vertices((turned + rng.normal(size=3)).astype(np.float32))
    assert regions(evaluate_pair(moved, ANCHORS, scan)).max() < 1e-3


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_units_of_the_prediction_do_not_matter(scan, flatter, factor):
    mesh = golden.prediction("C", STEP)
    scaled = mesh.with_vertices(factor * mesh.vertices)
    np.testing.assert_allclose(regions(evaluate_pair(scaled, ANCHORS, scan)), flatter, atol=2e-5)


def test_a_bump_in_the_cheek_appears_in_the_cheek_alone(scan):
    x, y, _ = golden.grid(STEP)
    height = np.exp(-((np.hypot(x - 5.0, y + 3.0) / 0.6) ** 2)) / golden.MM_PER_UNIT  # 1 mm
    bumped = golden.sheet(x, y, golden.scan_height(x, y) + height, STEP)
    errors = evaluate_pair(bumped, ANCHORS, scan)
    nose, mouth, forehead, cheek = regions(errors)
    assert max(nose, mouth, forehead) < 2e-3
    assert cheek > 5e-3
    worst = errors.cheek.patch.vertices[errors.cheek.vertex_errors_mm.argmax()]
    assert np.hypot(worst[0] - 5.0, worst[1] + 3.0) < 0.5
    assert 0.7 < errors.cheek.vertex_errors_mm.max() < 1.05


def test_the_order_of_scan_vertices_does_not_matter(scan, flatter):
    rng = np.random.default_rng(0)

    def shuffled(patch: Mesh) -> Mesh:
        order = rng.permutation(len(patch.vertices))
        return Mesh(patch.vertices[order], np.argsort(order)[patch.triangles])

    found = regions(evaluate_pair(golden.prediction("C", STEP), ANCHORS, with_patches(scan, shuffled)))
    np.testing.assert_allclose(found, flatter, rtol=0, atol=1e-6)


def test_the_triangulation_of_the_scan_hardly_matters(scan, flatter):
    def other_diagonals(patch: Mesh) -> Mesh:
        first, second = patch.triangles[::2], patch.triangles[1::2]
        quads = np.column_stack([first, second[:, 2]])
        paired = (first[:, 0] == second[:, 0]) & (first[:, 2] == second[:, 1])
        turned = np.concatenate([quads[paired][:, [0, 1, 3]], quads[paired][:, [1, 2, 3]]])
        left = np.concatenate([first[~paired], second[~paired]])
        return Mesh(patch.vertices, np.concatenate([turned, left]))

    changed = with_patches(scan, other_diagonals)
    assert len(changed.patches["nose"].triangles) == len(scan.patches["nose"].triangles)
    found = regions(evaluate_pair(golden.prediction("C", STEP), ANCHORS, changed))
    np.testing.assert_allclose(found, flatter, rtol=0, atol=0.01)


def test_the_triangulation_of_a_flat_enough_prediction_hardly_matters(scan, flatter):
    mesh = golden.prediction("C", STEP)
    turned = mesh.triangles.reshape(-1, 6)[:, [0, 1, 5, 1, 2, 5]].reshape(-1, 3)
    found = regions(evaluate_pair(Mesh(mesh.vertices, turned), ANCHORS, scan))
    np.testing.assert_allclose(found, flatter, rtol=0, atol=0.02)


def test_a_triangle_behind_the_head_changes_nothing(scan, flatter):
    mesh = golden.prediction("C", STEP)
    vertices = np.concatenate([mesh.vertices, [[0, 0, -90], [1, 0, -90], [0, 1, -90]]])
    more = Mesh(vertices, np.concatenate([mesh.triangles, len(mesh.vertices) + np.array([[0, 1, 2]])]))
    np.testing.assert_allclose(regions(evaluate_pair(more, ANCHORS, scan)), flatter, rtol=0, atol=1e-9)


def test_duplicate_scan_vertices_do_not_count_in_the_final_mean(scan):
    def torn(patch: Mesh) -> Mesh:
        return Mesh(patch.vertices[patch.triangles.ravel()], np.arange(patch.triangles.size).reshape(-1, 3))

    errors = evaluate_pair(golden.prediction("C", STEP), ANCHORS, with_patches(scan, torn))
    assert len(errors.nose.vertex_errors_mm) == len(scan.patches["nose"].vertices)


def test_the_mask_acts_in_the_last_stage_alone(scan, flatter):
    x, _, _ = golden.grid(STEP)
    everything = evaluate_pair(golden.prediction("C", STEP), ANCHORS, scan, np.ones(len(x), bool))
    np.testing.assert_array_equal(regions(everything), flatter)
    half = evaluate_pair(golden.prediction("C", STEP), ANCHORS, scan, x < 0.1)
    np.testing.assert_array_equal(half.cheek.aligned, everything.cheek.aligned)
    assert regions(half)[3] > 5 * flatter[3]


def test_it_is_deterministic(scan, flatter):
    again = regions(evaluate_pair(golden.prediction("C", STEP), ANCHORS, scan))
    np.testing.assert_array_equal(again, flatter)


def test_scale_is_millimetres_per_unit(scan, flatter):
    doubled = replace(scan, mm_per_unit=2 * scan.mm_per_unit)
    found = regions(evaluate_pair(golden.prediction("C", STEP), ANCHORS, doubled))
    np.testing.assert_allclose(found, 2 * flatter, rtol=1e-12)


def test_an_empty_or_tiny_region_is_refused(scan):
    few = Mesh(scan.patches["nose"].vertices[:8], np.array([[0, 1, 2]]))
    for patch in (few, Mesh(scan.patches["nose"].vertices, np.zeros((0, 3), int))):
        broken = replace(scan, patches={**scan.patches, "nose": patch})
        with pytest.raises(MeshError, match="nose patch of subject 1: expected a surface"):
            evaluate_pair(golden.prediction("A", STEP), ANCHORS, broken)


def test_another_number_of_keypoints_is_refused(scan):
    anchors = ANCHORS
    fewer = replace(anchors, corners=anchors.corners[:68], weights=anchors.weights[:68])
    with pytest.raises(MeshError, match="found 68 on the template"):
        evaluate_pair(golden.prediction("A", STEP), fewer, scan)
    with pytest.raises(MeshError, match="68 on the scan"):
        evaluate_pair(golden.prediction("A", STEP), anchors, replace(scan, keypoints=scan.keypoints[:68]))


def test_a_mask_of_another_size_is_refused(scan):
    with pytest.raises(MeshError, match="a mask with 1353 values"):
        evaluate_pair(golden.prediction("A", STEP), ANCHORS, scan, np.ones(7, bool))
