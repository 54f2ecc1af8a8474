"""Errors at known correspondences."""

import numpy as np
import pytest

from hiface.errors import MeshError
from hiface.evaluate.known import KnownError, Ruler, known_errors, known_table
from hiface.evaluate.open_benchmark import Truth, read_truth, write_truth
from hiface.evaluate.topologies import shipped
from hiface.evaluate.writers import write_mesh_obj
from hiface.geometry.surface import Mesh


@pytest.fixture(scope="module")
def ruler():
    return Ruler.shipped()


@pytest.fixture
def people(tmp_path):
    """Two people: the mean face, and one 4 mm wider at both sides of the nose wings."""
    mean = shipped("hiface").template.vertices
    wide = mean + np.array([4.0, 0, 0]) * np.tanh(mean[:, :1] / 20)
    for number, shape in ((1, mean), (2, wide)):
        write_truth(tmp_path / "truth", number, Truth(shape, shape + np.array([0, 0, 1.0])))
    return tmp_path, mean, wide


def write(folder, name, vertices):
    write_mesh_obj(folder / f"{name}.obj", Mesh(vertices, np.zeros((0, 3), int)))


def test_a_moved_turned_and_scaled_truth_has_no_error(people, ruler):
    folder, mean, wide = people
    turn = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1.0]])
    write(folder / "p", "1", mean @ turn.T * 0.1 + 3)
    write(folder / "p", "2_left", wide)
    first, second = known_errors(folder / "p", folder / "truth", "neutral", ruler, ["1", "2_left"])
    assert first.similarity < 1e-3
    assert first.points < 1e-3
    assert first.rigid > 10  # size is wrong by ten, and a rigid fit leaves it
    assert second.rigid < 1e-3
    assert (first.subject, second.subject) == (1, 2)


def test_sliding_along_the_surface_counts(people, ruler):
    """What a closest-point distance forgives: the same surface with every vertex in its neighbour's place."""
    folder, mean, _ = people
    face = ruler.narrow
    slid = mean.copy()
    order = face[np.lexsort(mean[face].T)]
    slid[order[:-1]] = mean[order[1:]]
    write(folder / "p", "1", slid)
    (error,) = known_errors(folder / "p", folder / "truth", "neutral", ruler, ["1"])
    assert error.similarity > 3


def test_one_mesh_for_all_and_the_other_topology(people, ruler):
    folder, mean, _ = people
    write(folder, "mean", ruler.points(mean))
    errors = known_errors(folder / "mean.obj", folder / "truth", "shape", ruler, ["1", "2"])
    assert errors[0].points < 1e-3 < errors[1].points
    assert errors[0].similarity is None
    table = known_table("t", [("ours", errors), ("theirs", [KnownError("1", 1, 2.0, 3.0, 4.0)] * 2)])
    assert table.rows[0][2:4] == ("–", "–")
    assert table.rows[1][1:3] == ("2", "2.000 (2.000–2.000)")


def test_other_meshes_and_missing_truth_are_refused(people, ruler):
    folder, mean, _ = people
    write(folder / "p", "1", mean[:100])
    with pytest.raises(MeshError, match="found 100"):
        known_errors(folder / "p", folder / "truth", "neutral", ruler, ["1"])
    with pytest.raises(MeshError, match="no truth of person 7"):
        read_truth(folder / "truth", 7)
