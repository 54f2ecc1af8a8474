"""NoW over folders: pooling, challenges, and everything that may be missing."""

from __future__ import annotations

import json
from pathlib import Path

import now_sheets as sheets
import numpy as np
import pytest

from conftest import command
from hiface.errors import MeshError
from hiface.evaluate.now import NowOptions, evaluate_folder, evaluate_pair
from hiface.evaluate.writers import write_mesh_obj
from hiface.geometry.surface import Mesh

IMAGES = (
    ("anna", "multiview_neutral", "a1.jpg", "E"),
    ("anna", "selfie", "a2.jpg", "C"),
    ("ben", "multiview_neutral", "b1.png", "A"),
)


@pytest.fixture
def dataset(tmp_path) -> Path:
    """Two subjects, three images; scans, landmarks and the list in the benchmark's layout."""
    root, scan = tmp_path / "dataset", sheets.scan()
    points = "".join(f' <point x="{x!r}" y="{y!r}" z="{z!r}"/>\n' for x, y, z in sheets.landmarks(scan).tolist())
    for subject in ("anna", "ben"):
        write_mesh_obj(root / "scans" / subject / "scan.obj", scan)
        picked = root / "scans_lmks_onlypp" / subject / "scan.pp"
        picked.parent.mkdir(parents=True)
        picked.write_text(f"<PickedPoints>\n{points}</PickedPoints>\n")
    lines = [f"images/{s}/{c}/{i}\n" for s, c, i, _ in IMAGES]
    (root / "imagepathsvalidation.txt").write_text("".join(lines))
    return root


@pytest.fixture
def predictions(tmp_path) -> Path:
    root = tmp_path / "predictions"
    for subject, challenge, image, case in IMAGES:
        predict(root / subject / challenge / Path(image).stem, sheets.prediction(case))
    return root


def predict(stem: Path, mesh: Mesh) -> None:
    write_mesh_obj(stem.with_suffix(".obj"), mesh)
    np.save(stem.with_suffix(".npy"), sheets.landmarks(mesh)[None])


def test_the_pool_is_that_of_the_pairs(dataset, predictions, tmp_path):
    out = tmp_path / "out"
    result = evaluate_folder(dataset, predictions, out, NowOptions(title="ours"))
    assert not result.problems
    scan = sheets.scan()
    pairs = []
    for *_, case in IMAGES:
        mesh = sheets.prediction(case)
        pair = evaluate_pair(mesh, sheets.landmarks(mesh), scan, sheets.landmarks(scan))
        pairs.append(pair.distances_mm)
    pool = np.concatenate(pairs)
    everything, neutral, selfie = result.summaries
    assert [s.challenge for s in result.summaries] == ["all", "multiview_neutral", "selfie"]
    assert everything.errors.median == pytest.approx(np.median(pool), abs=1e-5)
    assert everything.errors.mean == pytest.approx(pool.mean(), abs=1e-5)
    assert everything.errors.sd == pytest.approx(pool.std(), abs=1e-5)
    assert (everything.images, everything.subjects, everything.points) == (3, 2, len(pool))
    assert neutral.errors.mean == pytest.approx(np.concatenate([pairs[0], pairs[2]]).mean(), abs=1e-5)
    assert selfie.errors.median == pytest.approx(np.median(pairs[1]), abs=1e-5)
    at_one = result.curve.percent[np.searchsorted(result.curve.threshold_mm, 1.0 - 1e-9)]
    assert at_one == pytest.approx(100 * np.mean(pool < 1.0), abs=0.2)

    assert f"| ours, all | {np.median(pool):.2f} |" in (out / "table.md").read_text()
    stored = np.load(out / "distances" / "anna" / "selfie" / "a2.npz")["distances_mm"]
    np.testing.assert_allclose(stored, pairs[1], atol=1e-5)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["protocol"] == "non-metrical"
    assert summary["not_converged"] == []
    assert (out / "curve.csv").read_text().splitlines()[1] == "0.0000,0.0000"


def test_the_metrical_protocol_of_a_challenge(dataset, predictions, tmp_path):
    options = NowOptions(unit="mm", challenge="selfie", save_meshes=True)
    result = evaluate_folder(dataset, predictions, tmp_path / "out", options)
    assert [s.name for s in result.scores] == ["anna/selfie/a2"]
    assert result.scores[0].scale == 1.0
    assert not result.problems
    assert (tmp_path / "out" / "meshes" / "anna" / "selfie" / "a2" / "error.obj").is_file()


def test_one_mesh_for_every_image(dataset, tmp_path):
    predict(tmp_path / "mean", sheets.prediction("F"))
    result = evaluate_folder(dataset, tmp_path / "mean.obj", tmp_path / "out")
    assert len({s.median_mm for s in result.scores}) == 1
    assert len(result.scores) == 3


def test_a_second_run_keeps_what_has_not_changed(dataset, predictions, tmp_path):
    first = evaluate_folder(dataset, predictions, tmp_path / "out")
    record = tmp_path / "out" / "records" / "anna" / "selfie" / "a2.json"
    kept = json.loads(record.read_text())
    kept["score"]["scale"] = 77.0
    record.write_text(json.dumps(kept))
    assert [s.scale for s in evaluate_folder(dataset, predictions, tmp_path / "out").scores][1] == 77.0
    predict(predictions / "anna" / "selfie" / "a2", sheets.prediction("G"))
    again = evaluate_folder(dataset, predictions, tmp_path / "out")
    assert again.scores[1] != first.scores[1]
    assert again.scores[1].scale != 77.0
    assert again.scores[0] == first.scores[0]


def test_what_is_missing_is_a_problem(dataset, predictions, tmp_path):
    (predictions / "anna" / "selfie" / "a2.npy").unlink()
    (dataset / "scans" / "ben" / "scan.obj").unlink()
    predict(predictions / "anna" / "selfie" / "zzz", sheets.prediction("A"))
    result = evaluate_folder(dataset, predictions, tmp_path / "out")
    said = {p.name: p.message for p in result.problems}
    assert set(said) == {"anna/selfie/a2", "ben/multiview_neutral/b1", "anna/selfie/zzz"}
    assert "the prediction is missing" in said["anna/selfie/a2"]
    assert "expected one file *.obj, found 0" in said["ben/multiview_neutral/b1"]
    assert "matches no image of the list" in said["anna/selfie/zzz"]
    assert [s.name for s in result.scores] == ["anna/multiview_neutral/a1"]
    assert result.summaries[0].incomplete
    assert "Incomplete" in (tmp_path / "out" / "table.md").read_text()


def test_swapped_landmarks_are_a_problem_of_their_mesh(dataset, predictions, tmp_path):
    path = predictions / "anna" / "selfie" / "a2.npy"
    np.save(path, np.load(path)[:, [1, 0, 2, 3, 4, 5, 6]])
    result = evaluate_folder(dataset, predictions, tmp_path / "out")
    (problem,) = result.problems
    assert problem.message.startswith(str(path.with_suffix(".obj")))
    assert "look swapped" in problem.message


def test_what_makes_a_run_impossible_is_an_error(dataset, predictions, tmp_path):
    with pytest.raises(MeshError, match="no such image list"):
        evaluate_folder(tmp_path, predictions, tmp_path / "out")
    with pytest.raises(MeshError, match="found challenges"):
        evaluate_folder(dataset, predictions, tmp_path / "out", NowOptions(challenge="multiview"))
    with pytest.raises(MeshError, match="no image could be scored, 3 problems"):
        evaluate_folder(dataset, tmp_path / "nowhere", tmp_path / "out")


@pytest.mark.slow
def test_the_command_judges_meshes_without_torch(dataset, predictions, tmp_path):
    given = ["now", "--dataset", dataset, "--predictions", predictions, "--title", "Theirs"]
    done = command(*given, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "Theirs, all" in (tmp_path / "out" / "table.md").read_text()
    metrical = command(*given, "--unit", "mm", "--out", tmp_path / "mm")
    assert metrical.returncode == 0, metrical.stderr
    assert "NoW, metrical" in (tmp_path / "mm" / "table.md").read_text()
