"""The shipped topologies and their 85 keypoints, and keypoints of others made by registration."""

import json

import numpy as np
import pytest

from hiface.convert.ours import Ours
from hiface.errors import MeshError
from hiface.evaluate.known import Ruler
from hiface.evaluate.readers import read_anchors
from hiface.evaluate.realy_regions import SEVEN_KEYPOINTS
from hiface.evaluate.register import read_places, register
from hiface.evaluate.topologies import from_files, placed, shipped
from hiface.geometry.similarity import fit_umeyama
from hiface.geometry.surface import Mesh

MIRRORED = [
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1), 45, 44, 43, 42, 47, 46, 39, 38, 37, 36,
    41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
]  # fmt: skip


@pytest.fixture(scope="module")
def ours():
    return shipped("hiface")


@pytest.fixture(scope="module")
def face():
    return Ours.load()


def places(topology):
    return topology.anchors.on(topology.template.vertices)


@pytest.mark.parametrize("name", ["hiface", "mediapipe"])
def test_the_face_is_its_own_mirror_image(name):
    points = places(shipped(name))
    assert sorted(MIRRORED) == list(range(68))
    mirrored = points[MIRRORED] * [-1, 1, 1]
    # A source's landmarks are single vertices: left and right differ by a little.
    assert np.linalg.norm(points[:68] - mirrored, axis=1).max() < 3.0


def test_the_subject_s_right_comes_first(ours):
    points = places(ours)
    assert points[36, 0] < points[39, 0] < 0 < points[42, 0] < points[45, 0]
    assert points[48, 0] < 0 < points[54, 0]
    assert points[30, 2] == points[:68, 2].max()  # the nose's tip
    assert points[19, 1] > points[37, 1] > points[41, 1] > points[33, 1] > points[51, 1] > points[57, 1] > points[8, 1]


def test_both_topologies_carry_the_same_places(ours):
    counted = [*range(17, 68), 70, 71, 76, 77]  # MediaPipe's mesh ends before the outermost
    apart = np.linalg.norm(places(ours)[counted] - places(shipped("mediapipe"))[counted], axis=1)
    assert apart.mean() < 1.0  # its triangles are large: places on curved skin lie beside them
    assert apart.max() < 4.0


def test_a_pair_of_files_comes_back(ours, tmp_path):
    template, keypoints = ours.write(tmp_path, "pair")
    again = from_files(template, keypoints)
    np.testing.assert_allclose(places(again), places(ours), atol=1e-3)
    assert read_anchors(template, keypoints).vertex_count == len(ours.template.vertices)
    assert len(json.loads(keypoints.read_text())) == 85


def test_points_of_a_mesh_stay_where_they_are(ours):
    finer = placed(ours.template, places(ours))
    np.testing.assert_allclose(places(finer), places(ours), atol=1e-6)


def foreign(face, ours, seed):
    """Another person's skin, its vertices shuffled, in another unit and pose; and the true keypoints."""
    rng = np.random.default_rng(seed)
    shape = face.mean + np.tensordot(rng.standard_normal(len(face.identity)) * 0.8, face.identity, 1)
    keypoints = ours.anchors.on(shape)
    mesh, shape = Mesh(shape[: face.skin_count], face.triangles), shape[: face.skin_count]
    order = rng.permutation(len(shape))
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    move = lambda p: 0.01 * p @ turn.T + [3, 1, -2]  # noqa: E731
    return Mesh(move(shape[order]), number[mesh.triangles]), move(keypoints)


def test_registration_finds_the_places_on_a_foreign_mesh(face, ours):
    mesh, truth = foreign(face, ours, 1)
    found = register(face, ours, mesh, truth[list(SEVEN_KEYPOINTS)])
    off = np.linalg.norm(found.anchors.on(mesh.vertices) - truth, axis=1) / 0.01
    start = places(ours)
    before = np.linalg.norm(
        fit_umeyama(start[list(SEVEN_KEYPOINTS)], truth[list(SEVEN_KEYPOINTS)]).apply(start) - truth, axis=1
    )
    inner = slice(17, 68)
    assert off[inner].mean() < 1.0
    assert off[inner].mean() < 0.5 * before[inner].mean() / 0.01
    assert off[[70, 71, 76, 77]].max() < 4.0


def test_landmarks_of_the_wrong_side_are_refused(face, ours):
    mesh, truth = foreign(face, ours, 2)
    swapped = truth[[45, 42, 39, 36, 33, 54, 48]]
    with pytest.raises(MeshError, match=r"right is the subject's"):
        register(face, ours, mesh, swapped)
    with pytest.raises(MeshError, match="expected 7 or 68 landmarks"):
        register(face, ours, mesh, truth[:9])


def test_landmarks_from_a_file_are_places_or_vertices(ours, tmp_path):
    mesh, path = ours.template, tmp_path / "seven.txt"
    chosen = [5, 100, 7, 9, 2000, 31, 12]
    path.write_text("\n".join(str(k) for k in chosen))
    np.testing.assert_array_equal(read_places(mesh, path), mesh.vertices[chosen])
    np.savetxt(path, mesh.vertices[chosen], fmt="%.9g")
    np.testing.assert_allclose(read_places(mesh, path), mesh.vertices[chosen], rtol=1e-8)
    path.write_text("99999999\n")
    with pytest.raises(MeshError, match="names vertex 99999999"):
        read_places(mesh, path)
    path.write_text("1 2\n")
    with pytest.raises(MeshError, match="2 columns"):
        read_places(mesh, path)


def test_points_of_mediapipe_are_points_of_ours(ours):
    ruler = Ruler.shipped()
    on_ours = ruler.points(ours.template.vertices)
    np.testing.assert_allclose(on_ours, shipped("mediapipe").template.vertices, atol=2e-3)
    np.testing.assert_array_equal(ruler.points(on_ours), on_ours)
