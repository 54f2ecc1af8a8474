"""REALY over folders: the figures, the files, and everything that may be wrong with what it is given."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

import golden_grid as golden
from conftest import STEP, MiniRealy
from hiface.errors import MeshError
from hiface.evaluate import realy as realy_module
from hiface.evaluate.readers import read_mesh
from hiface.evaluate.realy import RealyOptions, RealyResult, evaluate_folder
from hiface.evaluate.realy_regions import REGIONS, evaluate_pair
from hiface.geometry.surface import Mesh


def score(mini: MiniRealy, out, predictions=None, **options) -> RealyResult:
    return evaluate_folder(
        mini.scans,
        predictions or mini.predictions,
        mini.template,
        mini.keypoints,
        out,
        options=RealyOptions(**options),
    )


def figures(result: RealyResult) -> dict[str, list[float]]:
    return {s.name: [getattr(s, region) for region in REGIONS] for s in result.scores}


def said(result: RealyResult) -> dict[str, str]:
    return {problem.name: problem.message for problem in result.problems}


def test_a_folder_gives_the_figures_of_its_pairs(realy, tmp_path):
    result = score(realy, tmp_path / "out")
    assert not result.problems
    scan = golden.scan(STEP)
    for subject, case, scale in ((1, "C", 9.0), (2, "E", 8.0), (3, "A", 10.0)):
        prediction = golden.prediction(case, STEP)
        pair = evaluate_pair(prediction, golden.anchors(STEP), replace(scan, mm_per_unit=scale))
        wanted = [pair.of(region).error_mm for region in REGIONS]
        np.testing.assert_allclose(figures(result)[str(subject)], wanted, atol=1e-5)


def test_the_files_of_a_run(realy, tmp_path):
    out = tmp_path / "out"
    result = score(realy, out, title="ours", save_meshes=True)
    rows = [line.split("\t") for line in (out / "REALY_error.txt").read_text().splitlines()]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    assert all(len(row) == 6 and row[1] == "" for row in rows)
    assert all(len(cell) <= 9 and "e" not in cell for row in rows for cell in row[2:])
    printed = np.array([[float(cell) for cell in row[2:]] for row in rows])
    full = np.array([*figures(result).values()])
    assert ((printed <= full) & (full < printed + 1.1e-6)).all()

    summary = json.loads((out / "summary.json").read_text())["summary"]
    assert summary["nose"]["mean"] == pytest.approx(printed[:, 0].mean(), abs=1e-12)
    assert summary["nose"]["median"] == pytest.approx(np.median(printed[:, 0]), abs=1e-12)
    assert summary["nose"]["sd"] == pytest.approx(np.std(printed[:, 0], ddof=1), abs=1e-12)
    assert summary["all_mm"] == pytest.approx(printed.mean(), abs=1e-12)
    assert not summary["incomplete"]

    with (out / "scores.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [float(row["nose"]) for row in table] == full[:, 0].tolist()
    cell = f"{printed[:, 0].mean():.3f} ± {np.std(printed[:, 0], ddof=1):.3f}"
    assert cell in (out / "table.md").read_text()
    assert cell.replace("±", r"$\pm$") in (out / "table.tex").read_text()

    errors = np.load(out / "errors" / "1.npz")
    assert set(errors) == set(REGIONS)
    assert errors["cheek"].mean() == pytest.approx(full[0, 3], abs=1e-5)
    meshes = {path.stem for path in (out / "region_align_save" / "1").iterdir()}
    assert meshes == {"at_global", *(f"{kind}_{r}" for kind in ("at", "deform", "error") for r in REGIONS)}
    coloured = (out / "region_align_save" / "1" / "error_nose.obj").read_text().splitlines()[0]
    assert len(coloured.split()) == 7
    aligned = read_mesh(out / "region_align_save" / "3" / "at_nose.obj")
    np.testing.assert_allclose(aligned.vertices, golden.prediction("A", STEP).vertices, atol=1e-4)


@pytest.mark.slow
def test_several_processes_give_the_same(realy, tmp_path):
    alone, together = score(realy, tmp_path / "a"), score(realy, tmp_path / "b", workers=2)
    assert alone.scores == together.scores
    assert alone.summary == together.summary


def test_a_second_run_keeps_what_has_not_changed(realy, tmp_path, monkeypatch):
    judged = []

    def counted(*arguments):
        judged.append(1)
        return evaluate_pair(*arguments)

    monkeypatch.setattr(realy_module, "evaluate_pair", counted)
    first = score(realy, tmp_path / "out")
    assert len(judged) == 3
    assert score(realy, tmp_path / "out").scores == first.scores
    assert len(judged) == 3
    realy.predict("2", golden.prediction("C", STEP))
    assert score(realy, tmp_path / "out").scores[1] != first.scores[1]
    assert len(judged) == 4
    (realy.scans / "metrical_scale.txt").write_text("9.0\n8.5\n10.0\n")
    score(realy, tmp_path / "out")
    assert len(judged) == 5
    (tmp_path / "out" / "records" / "1.json").write_text("{")
    score(realy, tmp_path / "out")
    assert len(judged) == 6
    score(realy, tmp_path / "out", resume=False)
    assert len(judged) == 9
    score(realy, tmp_path / "out", save_meshes=True)
    assert len(judged) == 12


def test_side_views_go_to_their_subject_in_the_benchmarks_order(realy, tmp_path):
    side = tmp_path / "side"
    for name in ("3_2", "1_1", "2_1", "1_2", "3_1", "2_2"):
        replace(realy, predictions=side).predict(name, golden.prediction("A", STEP))
    result = score(realy, tmp_path / "out", predictions=side)
    assert [s.name for s in result.scores] == ["1_1", "1_2", "2_1", "2_2", "3_1", "3_2"]
    assert [(s.subject, s.view) for s in result.scores][:2] == [(1, "1"), (1, "2")]
    assert result.summary.meshes == 6
    assert result.summary.subjects == 3
    assert not result.problems


def test_one_mesh_is_scored_against_every_scan(realy, tmp_path):
    result = score(realy, tmp_path / "out", predictions=realy.template, title="mean face")
    assert [s.name for s in result.scores] == ["1", "2", "3"]
    nose = [s.nose for s in result.scores]
    np.testing.assert_allclose(np.array(nose) / nose[0], np.array([9, 8, 10]) / 9, rtol=1e-9)


def test_a_missing_prediction_is_a_problem_and_the_table_says_so(realy, tmp_path):
    (realy.predictions / "2.obj").unlink()
    result = score(realy, tmp_path / "out")
    assert said(result) == {"2": f"no prediction 2.obj in {realy.predictions}"}
    assert list(figures(result)) == ["1", "3"]
    assert result.summary.incomplete
    assert "Incomplete" in (tmp_path / "out" / "table.md").read_text()
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["problems"][0]["name"] == "2"


def test_a_missing_view_is_named(realy, tmp_path):
    side = tmp_path / "side"
    for name in ("1_l", "1_r", "2_l", "2_r", "3_l"):
        replace(realy, predictions=side).predict(name, golden.prediction("A", STEP))
    assert list(said(score(realy, tmp_path / "out", predictions=side))) == ["3_r"]


def test_names_that_are_asked_for_must_be_there(realy, tmp_path):
    result = score(realy, tmp_path / "out", expected=("1", "2", "3", "3_7"))
    assert list(said(result)) == ["3_7"]


def test_names_that_match_nothing_are_problems(realy, tmp_path):
    for name in ("face", "17", "x_1"):
        realy.predict(name, golden.prediction("A", STEP))
    result = score(realy, tmp_path / "out")
    assert set(said(result)) == {"face.obj", "17.obj", "x_1.obj"}
    assert "expected a name such as 17.obj or 17_3.obj" in said(result)["face.obj"]
    assert len(result.scores) == 3


def bad(mesh: Mesh, kind: str) -> str:
    rng = np.random.default_rng(0)
    vertices, triangles = mesh.vertices, mesh.triangles
    if kind == "order":
        vertices = vertices[rng.permutation(len(vertices))]
    elif kind == "count":
        vertices, triangles = vertices[:-1], triangles[:-60]
    elif kind == "mirror":
        vertices = vertices * [-1, 1, 1]
    elif kind == "point":
        vertices = np.zeros_like(vertices)
    lines = ["v " + " ".join(map(repr, row)) for row in vertices.tolist()]
    lines += ["f " + " ".join(map(str, row)) for row in (triangles + 1).tolist()]
    if kind == "nan":
        lines[10] = "v 0 nan 0"
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("order", "another order than in grid.obj"),
        ("count", "expected the 546 vertices of grid.obj, found 545"),
        ("mirror", "mirror image"),
        ("point", "all vertices in one place"),
        ("nan", "vertices are not finite"),
    ],
)
def test_a_bad_mesh_is_a_problem_that_names_it_and_the_others_are_scored(realy, tmp_path, kind, words):
    path = realy.predictions / "2.obj"
    path.write_text(bad(golden.prediction("C", STEP), kind))
    result = score(realy, tmp_path / "out")
    assert list(figures(result)) == ["1", "3"]
    assert str(path) in said(result)["2"]
    assert words in said(result)["2"]


def test_a_mesh_without_faces_takes_the_templates(realy, tmp_path):
    before = figures(score(realy, tmp_path / "a"))["1"]
    mesh = golden.prediction("C", STEP)
    realy.predict("1", Mesh(mesh.vertices, np.zeros((0, 3), int)))
    assert figures(score(realy, tmp_path / "b"))["1"] == before


@pytest.mark.parametrize(("factor", "unit"), [(9.0, None), (0.009, "metres"), (0.9, "centimetres")])
def test_the_unit_of_a_prediction_is_recognised_and_said(realy, tmp_path, factor, unit):
    mesh = golden.prediction("A", STEP)
    realy.predict("1", mesh.with_vertices(factor * mesh.vertices))
    note = score(realy, tmp_path / "out").scores[0].note
    assert note is None if unit is None else f"seems to be in {unit}" in note


@pytest.mark.parametrize(("factor", "words"), [(1e3, "divide"), (1e-3, "multiply")])
def test_a_scale_file_off_by_a_thousand_is_recognised(realy, tmp_path, factor, words):
    (realy.scans / "metrical_scale.txt").write_text(f"9.0\n8.0\n{10 * factor}\n")
    result = score(realy, tmp_path / "out")
    assert list(figures(result)) == ["1", "2"]
    assert f"off by a factor of 1000, {words} the scale by it" in said(result)["3"]


def test_broken_scans_are_problems_of_their_subject(realy, tmp_path):
    regions = realy.scans / "REALY_scan_region"
    (regions / "1" / "nose.obj").write_text("")
    (regions / "2" / "cheek.obj").unlink()
    result = score(realy, tmp_path / "out")
    assert list(figures(result)) == ["3"]
    assert "nose.obj" in said(result)["1"]
    assert "no vertices" in said(result)["1"]
    assert "cheek.obj: no such file" in said(result)["2"]


def test_scans_of_which_a_part_is_missing_are_problems(realy, tmp_path):
    (realy.scans / "REALY_HIFI3D_keypoints" / "3.obj").unlink()
    (realy.scans / "metrical_scale.txt").write_text("9.0\n")
    result = score(realy, tmp_path / "out")
    assert "no file REALY_HIFI3D_keypoints/3.obj" in said(result)["scan 3"]
    assert "has 1 lines, none for it" in said(result)["scan 2"]
    assert list(figures(result)) == ["1"]


def test_what_makes_a_run_impossible_is_an_error(realy, tmp_path):
    with pytest.raises(MeshError, match="expected a folder REALY_HIFI3D_keypoints"):
        evaluate_folder(tmp_path, realy.predictions, realy.template, realy.keypoints, tmp_path / "out")
    with pytest.raises(MeshError, match="no such folder of predictions"):
        score(realy, tmp_path / "out", predictions=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MeshError, match="no mesh could be scored"):
        score(realy, tmp_path / "out", predictions=tmp_path / "empty")
    with pytest.raises(MeshError, match=r"gone\.obj: no such file"):
        evaluate_folder(realy.scans, realy.predictions, "gone.obj", realy.keypoints, tmp_path / "out")


def test_progress_is_told(realy, tmp_path):
    told = []
    arguments = (realy.scans, realy.predictions, realy.template, realy.keypoints, tmp_path / "out")
    evaluate_folder(*arguments, on_progress=lambda done, total, name: told.append((done, total, name)))
    assert told == [(1, 3, "1"), (2, 3, "2"), (3, 3, "3")]
