"""Correspondences of resampled heads against the truth, and their files."""

from dataclasses import replace

import numpy as np
import pytest

from hiface.convert.source import KnownPoints
from hiface.errors import AssetError, ConfigError, MeshError
from hiface.geometry.similarity import Similarity
from hiface.transfer.correspond import correspond, flipped, unturned
from hiface.transfer.file import MeshCorrespondence
from hiface.transfer.marks import SEVEN, read_marks
from hiface.transfer.meshes import guess_unit, read_given
from resampled import ict_mesh, person, seven


def test_places_lie_where_they_should(flame, bfm, ours):
    for case, unit in ((flame, "m"), (bfm, "cm")):
        file, mesh = case.done.file, case.head.of(case.skin)
        error = np.linalg.norm(file.ours.of(mesh.vertices) / case.head.scale - case.skin, axis=1)
        face = ours.narrow & file.ours.valid
        assert face.sum() > 0.95 * ours.narrow.sum()
        assert np.median(error[face]) < 0.6
        assert np.percentile(error[face], 95) < 2.0
        back = np.linalg.norm(file.theirs.of(case.skin) - mesh.vertices / case.head.scale, axis=1)
        assert np.median(back[file.theirs.valid]) < 0.6
        assert file.unit == unit
        assert file.figures["flipped"] == 0
        assert file.figures["median_mm"] < 0.1


def test_where_theirs_ends_nothing_is_valid(bfm, ours):
    """A mask of the face has no ears and no neck."""
    valid = bfm.done.file.ours.valid
    assert not valid[ours.face.region("neck")[: len(valid)]].any()
    assert valid[ours.face.region("nose")[: len(valid)]].mean() > 0.9


def test_a_file_comes_back(flame, tmp_path):
    file = flame.done.file
    file.write(tmp_path / "flame.safetensors")
    again = MeshCorrespondence.read(tmp_path / "flame.safetensors")
    np.testing.assert_array_equal(again.ours.index, file.ours.index)
    np.testing.assert_allclose(again.theirs.weight, file.theirs.weight, atol=1e-7)
    assert (again.topology, again.kind, again.unit) == (file.topology, "other", "m")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "flame.safetensors").read_bytes()[:500])
    with pytest.raises(AssetError, match=r"cut.safetensors.*hiface correspond"):
        MeshCorrespondence.read(tmp_path / "cut.safetensors")


def test_another_topology_is_refused(flame, bfm, ours):
    file, mesh = flame.done.file, flame.template
    file.check(mesh, ours.face)
    file.check(replace(mesh, polygons=mesh.polygons[::-1]), ours.face)  # the order of faces says nothing
    with pytest.raises(MeshError, match=r"bfm_like.obj: 26534 vertices.*hiface correspond"):
        file.check(bfm.template, ours.face)
    order = np.random.default_rng(0).permutation(len(mesh.vertices))
    with pytest.raises(MeshError, match="another order"):
        file.check(replace(mesh, polygons=np.where(mesh.polygons < 0, -1, order[mesh.polygons])), ours.face)


def test_ict_is_ours_by_number(ours):
    mesh = ict_mesh(ours.face, 0.1 * ours.mean)
    done = correspond(ours, mesh)
    assert (done.file.kind, done.file.unit) == ("ict", "cm")
    np.testing.assert_allclose(done.file.ours.of(mesh.vertices), 0.1 * ours.mean[: ours.skin_count])
    own = done.file.theirs.valid
    np.testing.assert_allclose(done.file.theirs.of(0.1 * ours.mean[: ours.skin_count])[own], mesh.vertices[own])


def test_landmarks_of_the_wrong_side_are_refused(flame, ours):
    right = seven(ours, flame.head, flame.skin, flame.template)
    wrong = KnownPoints("ibug68", right.number[[3, 2, 1, 0, 4, 6, 5]], right.index, right.weight)
    with pytest.raises(MeshError, match=r"flame_like.obj: its landmarks fit ours.*right is the subject's"):
        correspond(ours, flame.template, marks=wrong)
    with pytest.raises(MeshError, match="2 landmarks, expected 6"):
        correspond(
            ours, flame.template, marks=KnownPoints("ibug68", right.number[:2], right.index[:2], right.weight[:2])
        )


def test_kind_and_size_must_fit(flame, ours):
    with pytest.raises(MeshError, match=r"flame templates have 5023.*--kind other"):
        correspond(ours, flame.template, "flame")
    with pytest.raises(ConfigError, match="unknown kind"):
        correspond(ours, flame.template, "smpl")
    with pytest.raises(MeshError, match="--landmarks"):
        correspond(ours, replace(flame.template, vertices=50000 * flame.template.vertices))


def test_landmark_files(flame, ours, tmp_path):
    vertices = seven(ours, flame.head, flame.skin, flame.template).index[:, 0]
    path = tmp_path / "seven.txt"
    path.write_text("\n".join(map(str, vertices)))
    found = read_marks(flame.template, path)
    assert tuple(found.number) == SEVEN
    np.testing.assert_array_equal(found.index[:, 0], vertices)
    path.write_text(" ".join(str(k) for k in range(68)))
    assert len(read_marks(flame.template, path).number) == 68
    path.write_text(" ".join(["99999"] * 7))
    with pytest.raises(MeshError, match=r"seven.txt: names vertex 99999"):
        read_marks(flame.template, path)
    path.write_text("1 2 3")
    with pytest.raises(MeshError, match=r"seven.txt: 3 points"):
        read_marks(flame.template, path)


def test_meshes_that_are_none(tmp_path):
    path = tmp_path / "mesh.obj"
    path.write_text("v 0 0 0\nv nan 0 0\nv 1 1 0\nf 1 2 3\n")
    with pytest.raises(MeshError, match=r"mesh.obj: 1 of 3 vertices are not finite.*vertex 1"):
        read_given(path)
    (tmp_path / "mesh.ply").write_text("ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\n"
                                       "property float z\nend_header\n0 0 0\n")  # fmt: skip
    with pytest.raises(MeshError, match=r"mesh.ply: holds no faces"):
        read_given(tmp_path / "mesh.ply")
    with pytest.raises(MeshError, match=r"mesh.stl: expected a mesh"):
        read_given(tmp_path / "mesh.stl")


def test_units():
    assert [guess_unit(u).name for u in (1.0, 1.3, 0.1, 0.00105)] == ["mm", "mm", "cm", "m"]
    other = guess_unit(1 / 250)
    assert (other.name, round(other.mm)) == ("own", 250)


def test_turned_triangles_are_turned_back(ours):
    from hiface.convert.register import Registration

    whole, count = ours.mean, ours.skin_count
    skin = person(ours, 3)
    for vertex in np.flatnonzero(ours.narrow)[[500, 3000]]:
        near = ours.edges[(ours.edges == vertex).any(1)]
        skin[vertex] += 2.5 * (skin[near[near != vertex][0]] - skin[vertex])
    nothing = np.zeros(count)
    same = Similarity(1.0, np.eye(3), np.zeros(3))
    bad = Registration(skin, whole, same, nothing > 0, nothing, nothing > 0, np.zeros(1), 0.0)
    assert len(flipped(ours, bad)) > 0
    done = replace(bad, skin=unturned(ours, bad))
    assert not len(flipped(ours, done))
    assert np.median(np.linalg.norm(done.skin - person(ours, 3), axis=1)) < 1e-9
