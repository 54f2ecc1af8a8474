"""Scans of the open benchmark: the true surface and nothing else."""

import numpy as np
import pytest

from hiface.evaluate.open_benchmark import MM_PER_UNIT, ScanCutter, write_scale
from hiface.evaluate.pictures import Patch, error_picture, points_picture
from hiface.evaluate.realy_inputs import open_benchmark
from hiface.evaluate.realy_regions import REGIONS, evaluate_pair
from hiface.evaluate.topologies import shipped
from hiface.face.model import FaceModel
from hiface.geometry.surface import Mesh


@pytest.fixture(scope="module")
def cutter():
    return ScanCutter(FaceModel.load(), shipped("hiface"))


@pytest.fixture(scope="module")
def flat_scan(cutter, tmp_path_factory):
    """A scan of the mean face without wrinkles."""
    root = tmp_path_factory.mktemp("scans")
    cutter.write(root, 1, cutter.topology.template.vertices, np.zeros((64, 64)))
    write_scale(root, 1)
    return open_benchmark(root).read(1)


def test_the_true_face_has_almost_no_error(cutter, flat_scan):
    """Almost: the scan's finer vertices lie on the smooth surface, the mesh's facets below it."""
    errors = evaluate_pair(cutter.topology.template, cutter.topology.anchors, flat_scan)
    assert max(errors.of(region).error_mm for region in REGIONS) < 0.06
    assert errors.alignment.scale == pytest.approx(1 / MM_PER_UNIT, rel=1e-5)


def test_scans_differ_from_the_topology_in_all_but_surface(cutter, flat_scan):
    patch = flat_scan.patches["nose"]
    assert 1500 < len(patch.vertices) < 20_000
    assert np.abs(np.diff(patch.triangles[:, 0])).mean() > 0.2 * len(patch.vertices)  # in no order
    eyes = flat_scan.keypoints[[36, 45]]
    assert np.linalg.norm(eyes[0] - eyes[1]) * MM_PER_UNIT == pytest.approx(86.7, abs=0.5)


def test_wrinkles_are_in_the_scan(cutter, tmp_path):
    smooth, rough = (np.full((64, 64), height) for height in (0.0, 1.0))
    for number, displacement in ((1, smooth), (2, rough)):
        cutter.write(tmp_path, number, cutter.topology.template.vertices, displacement)
    write_scale(tmp_path, 2)
    benchmark = open_benchmark(tmp_path)
    areas = []
    for number in (1, 2):
        patch = benchmark.read(number).patches["cheek"]
        a, b, c = (patch.vertices[patch.triangles[:, k]] for k in range(3))
        areas.append(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum())
    assert areas[1] > 1.005 * areas[0]  # a face that stands a millimetre further out is larger


def test_error_pictures_show_where_the_error_is():
    y, x = np.mgrid[-40:41, -40:41].astype(float)
    points = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], 1)
    corner = np.arange(80 * 81).reshape(80, 81)[:, :80].ravel()
    triangles = np.concatenate(
        [np.stack([corner, corner + 1, corner + 82], 1), np.stack([corner, corner + 82, corner + 81], 1)]
    )
    errors = np.where((x.ravel() > 10) & (y.ravel() > 10), 5.0, 0.0)
    picture = error_picture([Patch(Mesh(points, triangles), errors)], 5.0, 256, "name")
    red, blue = picture[..., 0].astype(int), picture[..., 2].astype(int)
    assert red[60, 200] > blue[60, 200] + 40  # upper right
    assert blue[200, 60] > red[200, 60] + 40  # lower left
    assert picture.shape[0] == 256 < picture.shape[1]
    marked = points_picture(Mesh(points, triangles), points[::500], 128)
    assert marked.shape == (128, 256, 3)
