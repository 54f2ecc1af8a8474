"""Several methods in one table, and the command line on a benchmark in miniature."""

import csv

import cv2
import numpy as np
import pytest

import golden_grid as golden
from conftest import STEP, command
from hiface.evaluate.methods import Method, compare, mean_face, upright
from hiface.evaluate.topologies import from_files, shipped


def methods(mini, tmp_path):
    baseline = mean_face(from_files(mini.template, mini.keypoints), tmp_path / "topology")
    return [baseline, Method("Ours", mini.template, mini.keypoints, mini.predictions)]


def test_every_table_has_the_mean_face_and_every_scan_a_picture(realy, tmp_path):
    seen = []
    result = compare(
        realy.scans, methods(realy, tmp_path), tmp_path / "out", pictures=True, on_progress=lambda *a: seen.append(a)
    )
    assert not result.problems
    assert [row.title for row in result.rows] == ["mean face", "Ours"]
    mean, ours = result.rows
    assert mean.side is not None
    assert mean.side == mean.frontal  # one mesh knows no view
    assert ours.side is None
    assert ours.frontal.nose.mean < mean.frontal.nose.mean  # case F is the template here
    table = list(csv.reader((tmp_path / "out" / "table.csv").open()))
    assert [row[0] for row in table[1:]] == ["mean face", "Ours"]
    picture = cv2.imread(str(tmp_path / "out" / "ours" / "frontal" / "pictures" / "1.png"))
    assert picture.std() > 10
    assert ("Ours, frontal", 3, 3) in [s[:3] for s in seen]


def test_pictures_stand_upright_whatever_the_scans_frame():
    points = places_of_ours()
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    np.testing.assert_allclose(upright(points @ turn.T) @ turn, upright(points), atol=1e-9)
    np.testing.assert_allclose(upright(points), np.eye(3), atol=0.35)  # our mean face is upright


def places_of_ours():
    ours = shipped("hiface")
    return ours.anchors.on(ours.template.vertices)


@pytest.mark.slow
def test_the_command_judges_meshes_without_torch(realy, tmp_path):
    pair = ["--template", realy.template, "--keypoints", realy.keypoints]
    given = ["realy", "--scans", realy.scans, "--predictions", realy.predictions, *pair, "--out", tmp_path / "out"]
    done = command(*given, "--title", "Theirs")
    assert done.returncode == 0, done.stderr
    assert "Theirs" in (tmp_path / "out" / "table.md").read_text()
    assert (tmp_path / "out" / "theirs" / "frontal" / "REALY_error.txt").is_file()
    realy.predict("2", golden.prediction("E", STEP)).unlink()
    missing = command(*given)
    assert missing.returncode == 1
    assert "no prediction 2.obj" in missing.stdout
    assert "Incomplete" in (tmp_path / "out" / "table.md").read_text()


def test_contradicting_options_are_refused(realy, tmp_path):
    both = command("realy", "--scans", realy.scans, "--out", tmp_path)
    assert both.returncode == 1
    assert "either meshes" in both.stderr
    half = command(
        "realy",
        "--scans",
        realy.scans,
        "--predictions",
        realy.predictions,
        "--template",
        realy.template,
        "--out",
        tmp_path,
    )
    assert half.returncode == 1
    assert "belong together" in half.stderr
