"""The non-rigid stage: both factorisations agree, and the deformation does what its equations say."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sparse

import golden_grid as golden
from hiface.errors import MeshError
from hiface.evaluate import factorise, nonrigid
from hiface.geometry.surface import Mesh

FACTORISATIONS = [
    factorise.factorise_scipy,
    pytest.param(
        factorise.factorise_cholespy,
        marks=pytest.mark.skipif(not factorise.has_cholespy(), reason="cholespy is not installed"),
    ),
]


def system(count: int = 60, seed: int = 0):
    rng = np.random.default_rng(seed)
    half = sparse.random(count, count, 0.1, random_state=rng) + sparse.identity(count)
    return (half @ half.T).tocsc(), rng.normal(size=(count, 3))


@pytest.fixture
def patch() -> Mesh:
    x, y, _ = golden.grid()
    return golden.cut(golden.prediction("A"), (np.abs(x) <= 2) & (y >= -4) & (y <= 0))


@pytest.mark.parametrize("factorisation", FACTORISATIONS)
def test_a_system_is_solved(factorisation):
    matrix, right = system()
    found = factorise.Solver(factorisation).solve(matrix, right, np.zeros_like(right))
    np.testing.assert_allclose(matrix @ found, right, atol=1e-9)


@pytest.mark.parametrize("factorisation", FACTORISATIONS)
def test_the_kept_factorisation_serves_neighbours_and_is_renewed_for_strangers(factorisation):
    made = []

    def counted(matrix):
        made.append(matrix)
        return factorisation(matrix)

    solver, (matrix, right) = factorise.Solver(counted), system()
    near = matrix + sparse.diags(np.linspace(0, 1e-3, 60))
    stretch = sparse.diags(np.geomspace(1e-2, 1e2, 60))
    far = stretch @ matrix @ stretch
    for current, factorisations, exact in ((matrix, 1, 2e-11), (near, 1, 2e-11), (far, 2, 1e-6)):
        found = solver.solve(current.tocsc(), right, np.zeros_like(right))
        assert np.linalg.norm(current @ found - right) <= exact * np.linalg.norm(right)
        assert len(made) == factorisations


@pytest.mark.parametrize("factorisation", FACTORISATIONS)
def test_a_singular_system_is_refused(factorisation):
    matrix = sparse.csc_matrix(np.array([[1.0, -1, 0], [-1, 1, 0], [0, 0, 1]]))
    with pytest.raises(MeshError, match="no single solution"):
        factorise.Solver(factorisation).solve(matrix, np.eye(3), np.zeros((3, 3)))


def test_without_cholespy_scipy_gives_the_same_patch(patch, monkeypatch):
    targets = patch.vertices + [0.1, 0.0, 0.3] * np.sin(patch.vertices)
    fast = nonrigid.deform(patch, targets, None)
    monkeypatch.setattr(factorise, "has_cholespy", lambda: False)
    slow = nonrigid.deform(patch, targets, None)
    assert fast.solves == slow.solves
    np.testing.assert_allclose(fast.vertices, slow.vertices, atol=1e-8)


def test_a_patch_on_its_targets_stays(patch):
    found = nonrigid.deform(patch, patch.vertices, None)
    np.testing.assert_allclose(found.vertices, patch.vertices, atol=1e-8)


def test_an_affine_motion_costs_no_stiffness(patch):
    moved = patch.vertices @ np.diag([1.002, 0.998, 1.001]) + [0.002, -0.001, 0.01]
    found = nonrigid.deform(patch, moved, None)
    np.testing.assert_allclose(found.vertices, moved, atol=1e-6)
    assert not found.capped


def test_the_solution_is_where_the_energy_is_least(patch, monkeypatch):
    """One solve with data and handles, against the energy as it is written down."""
    stage, rng = nonrigid.Stage(2.0, 0.0, 1, (1.0, 2.0, 1.0, 0.5)), np.random.default_rng(0)
    monkeypatch.setattr(nonrigid, "STAGES_WITH_HANDLES", (stage,))
    targets = patch.vertices + 0.01 * rng.normal(size=patch.vertices.shape)
    handles = nonrigid.Handles(np.array([3, 40, 90, 150]), patch.vertices[[3, 40, 90, 150]] + 0.3)
    solved = []
    monkeypatch.setattr(nonrigid.Solver, "solve", _spy(nonrigid.Solver.solve, solved))
    nonrigid.deform(patch, targets, handles)
    best = _energy(solved[0], patch, targets, handles, stage)
    for _ in range(20):
        assert _energy(solved[0] + 1e-3 * rng.normal(size=solved[0].shape), patch, targets, handles, stage) > best


def _spy(method, results):
    def spied(*arguments):
        results.append(method(*arguments))
        return results[-1]

    return spied


def _energy(x, patch, targets, handles, stage) -> float:
    blocks = x.reshape(-1, 4, 3)
    moved = np.einsum("ni,nij->nj", np.column_stack([patch.vertices, np.ones(len(blocks))]), blocks)
    sides = np.sort(patch.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    edges = np.unique(sides, axis=0)
    bend = np.diff(blocks[edges], axis=1)[:, 0] * np.array(stage.weights)[:, None] * stage.stiffness
    nearest = np.linalg.norm(patch.vertices[:, None] - targets, axis=-1).argmin(axis=1)
    data = moved - targets[nearest]
    held = moved[handles.vertex_ids] - handles.targets
    return np.sum(bend**2) + np.sum(data**2) + 25.0 * np.sum(held**2)


def test_a_piece_that_no_handle_holds_is_refused(patch):
    handles = nonrigid.Handles(np.array([3, 40, 90, 150]), patch.vertices[[3, 40, 90, 150]])
    nonrigid.deform(patch, patch.vertices, handles)
    count = len(patch.vertices)
    two = Mesh(
        np.concatenate([patch.vertices, patch.vertices[:9] + 5.0]),
        np.concatenate([patch.triangles, count + np.array([[0, 1, 2], [2, 3, 4], [4, 5, 6], [6, 7, 8]])]),
    )
    with pytest.raises(MeshError, match=f"a piece of 9 of the patch's {count + 9} vertices is held by 0 keypoints"):
        nonrigid.deform(two, two.vertices, handles)
    flat = nonrigid.Handles(handles.vertex_ids[:3], handles.targets[:3])
    with pytest.raises(MeshError, match="held by 3 keypoints"):
        nonrigid.deform(patch, patch.vertices, flat)


def test_of_two_handles_at_one_vertex_the_later_wins():
    places = np.array([[0.0, 0, 0], [1, 0, 0], [0.1, 0, 0]])
    handles = nonrigid.nearest_handles(np.array([[0.0, 0, 0], [1, 0, 0]]), places, np.arange(9.0).reshape(3, 3))
    assert dict(zip(handles.vertex_ids.tolist(), handles.targets[:, 0].tolist(), strict=True)) == {
        0: 6.0,
        1: 3.0,
    }


def test_the_schedule_is_the_protocols():
    b = [nonrigid._handle_weight(nonrigid.STAGES_WITH_HANDLES[1], n) for n in (1, 2, 3)]
    np.testing.assert_allclose(b, [2.0328, 0.8265, 0.3360], atol=5e-5)
    stiffness = [stage.stiffness for stage in nonrigid.STAGES_WITH_HANDLES]
    np.testing.assert_allclose(stiffness, [150, 50, 30.3265, 18.3940], atol=5e-5)
    assert nonrigid._handle_weight(nonrigid.STAGES_WITH_HANDLES[0], 0) == 50.0
