"""From photos to files on the shipped weights, and what happens to photos that are none."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pygltflib
import pytest
import torch

import hiface
from hiface.errors import ConfigError, NoFaceError, PhotoError
from hiface.export.folder import load_folder
from hiface.export.maps import MapRange, read_map16
from hiface.export.obj import read_obj
from hiface.face.asset import ARKIT

ROOT = Path(__file__).parents[1]
PHOTO = ROOT / "examples" / "astronaut.jpg"
FILES = (
    "overview.png", "coarse.obj", "coarse.mtl", "detail.obj", "detail.mtl", "texture.png", "face.glb", "crop.png",
    "coefficients.safetensors", "reconstruction.json",
)  # fmt: skip
MAPS = ("displacement", "static", "compressed", "stretched", "tension", "normal", "albedo")
KEYS = {
    "photo_size", "photo_from_crop", "camera", "pose", "landmarks68", "arkit", "displacement_mm", "metric_assumption",
    "asset_ids", "timings_ms",
}  # fmt: skip


@pytest.fixture(scope="module")
def model():
    torch.set_num_threads(2)
    return hiface.load(device="cpu")


@pytest.fixture(scope="module")
def face(model):
    return model.reconstruct(PHOTO)[0]


@pytest.fixture(scope="module")
def folder(face, tmp_path_factory):
    return face.save(tmp_path_factory.mktemp("faces") / "astronaut")


def detector_points(model, pixels):
    from hiface.photo.read import read_photo

    return model.detector.detect(read_photo(pixels))[0].points5


def test_points_lie_on_the_face(model, face):
    """Against the detector's five points, which the network never saw."""
    five = detector_points(model, face.photo.pixels)
    own = face.landmarks68
    eyes = np.stack([own[36:42].mean(0), own[42:48].mean(0)])
    unit = np.linalg.norm(five[0] - five[1])
    assert np.linalg.norm(eyes - five[:2], axis=1).max() < 0.15 * unit
    assert np.linalg.norm(own[30] - five[2]) < 0.3 * unit
    assert np.linalg.norm(own[[48, 54]] - five[3:], axis=1).max() < 0.25 * unit


def test_posed_vertices_project_onto_the_landmarks(model, face):
    from hiface.export.folder import photo_points

    points = photo_points(face)
    index, weight = face.face.landmark_weights("mediapipe68")
    on_mesh = np.einsum("lnx,ln->lx", points[index.numpy()], weight.numpy())
    np.testing.assert_allclose(on_mesh, face.landmarks68, atol=0.05)


def test_every_file_is_there_and_whole(folder, face):
    assert {p.name for p in folder.iterdir()} == {*FILES, "maps"}
    assert {p.stem for p in (folder / "maps").iterdir()} == set(MAPS)
    told = json.loads((folder / "reconstruction.json").read_text())
    assert set(told) >= KEYS
    assert len(told["arkit"]) == 52
    assert np.array(told["landmarks68"]).shape == (68, 2)
    np.testing.assert_allclose(read_obj(folder / "coarse.obj").vertices, face.shape.posed, atol=1e-3)
    span = MapRange(**told["displacement_mm"]["displacement"])
    stored = read_map16(folder / "maps" / "displacement.png", span)
    centre = cv2.resize(face.detail.displacement, stored.shape, interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(stored, centre, atol=1e-3)
    assert (folder / "face.glb").read_bytes()[:4] == b"glTF"


def test_the_glb_tells_engines_how_wrinkles_follow_its_weights(folder):
    document = pygltflib.GLTF2().load_binary(str(folder / "face.glb"))
    (rule,) = [m.extras["hiface_wrinkles"] for m in document.materials if m.extras]
    names = set(document.meshes[0].extras["targetNames"])
    regions = {region["name"]: region["weights"] for region in rule["regions"]}
    assert all(set(weights) <= names for weights in regions.values())
    assert regions["forehead_middle"]["browInnerUp"] > 0.5
    fold = regions["nasolabial_left"]
    assert fold["mouthSmileLeft"] > 0.3 > abs(fold.get("mouthSmileRight", 0))
    frown = {name: weight for name, weight in regions["glabella"].items() if name in ARKIT}
    assert max(frown, key=frown.__getitem__) in ("browDownLeft", "browDownRight")


def test_the_detailed_mesh_carries_the_displacement(folder, face):
    coarse, detail = read_obj(folder / "coarse.obj"), read_obj(folder / "detail.obj")
    assert len(detail.polygons) == 16 * (face.face.polygon_range("skin").stop)
    corners = detail.vertices[:11248] - coarse.vertices[:11248]
    assert 0.01 < np.linalg.norm(corners, axis=1).max() < 8


def test_a_folder_reads_back(model, face, folder):
    again = load_folder(model, folder)
    for name in ("identity", "expression", "static", "rotation", "translation"):
        torch.testing.assert_close(getattr(again.coefficients, name), getattr(face.coefficients, name))
    np.testing.assert_allclose(again.shape.posed, face.shape.posed, atol=1e-4)


def test_a_sloppy_box_does_not_matter(model, face):
    low, high = face.landmarks68.min(0), face.landmarks68.max(0)
    size = (high - low).max()
    found = []
    for shift, grow in ((0.0, 0.1), (0.12, 0.3), (-0.1, 0.05)):
        box = np.array([*(low - grow * size + shift * size), *(high + grow * size + shift * size)])
        found.append(model.reconstruct(PHOTO, hint=hiface.FaceHint(box_xyxy=box))[0].landmarks68)
    unit = np.linalg.norm(face.landmarks68[36] - face.landmarks68[45])
    for points in found:
        assert np.linalg.norm(points - face.landmarks68, axis=1).mean() < 0.06 * unit


def test_static_detail_ignores_the_expression(face):
    smiling = hiface.animate(face, face, "dynamic")
    np.testing.assert_array_equal(smiling.detail.static, face.detail.static)
    other = face.model.assemble(
        face.photo, face.box, torch_replace(face.coefficients, expression=face.coefficients.expression * 0),
        (1.0, "test"),
    )  # fmt: skip
    np.testing.assert_array_equal(other.detail.static, face.detail.static)
    assert np.abs(other.detail.tension).max() < 1e-4
    np.testing.assert_allclose(other.detail.displacement, other.detail.static, atol=1e-3)


def torch_replace(coefficients, **changes):
    from dataclasses import replace

    return replace(coefficients, **changes)


def test_animation_takes_what_it_is_told(face):
    own = face.coefficients
    driver = torch_replace(own, expression=own.expression * 0 + 0.2, static=-own.static)
    other = face.model.assemble(face.photo, face.box, driver, (1.0, "test"))
    moved, aged, bare = (hiface.animate(face, other, mode) for mode in ("dynamic", "static", "none"))
    assert torch.equal(moved.coefficients.expression, driver.expression)
    assert torch.equal(moved.coefficients.static, face.coefficients.static)
    assert torch.equal(aged.coefficients.static, driver.static)
    assert torch.equal(aged.coefficients.expression, face.coefficients.expression)
    assert not bare.detail.displacement.any()
    with pytest.raises(ConfigError, match="static, dynamic, both, none"):
        hiface.animate(face, other, "everything")


def test_arrays_bytes_paths_and_lists_agree(model, face):
    pixels = face.photo.pixels
    single = model.reconstruct(pixels)[0]
    np.testing.assert_array_equal(single.landmarks68, face.landmarks68)
    both = model.reconstruct([PHOTO, PHOTO.read_bytes()])
    for result in both:
        np.testing.assert_allclose(result[0].landmarks68, face.landmarks68, atol=1e-3)


def test_grey_photos_work(model, face):
    grey = np.repeat(face.photo.pixels.mean(2, keepdims=True).astype(np.uint8), 3, 2)
    points = model.reconstruct(grey)[0].landmarks68
    unit = np.linalg.norm(face.landmarks68[36] - face.landmarks68[45])
    assert np.linalg.norm(points - face.landmarks68, axis=1).mean() < 0.15 * unit


def test_ipd_sets_the_size(model):
    result = model.reconstruct(PHOTO, ipd_mm=70.0)[0]
    joints = result.face.joints(result.coefficients.identity)[0]
    assert float((joints[2] - joints[3]).norm()) * result.millimetre_factor == pytest.approx(70.0, rel=1e-5)
    with pytest.raises(ConfigError, match="20 to 100"):
        model.reconstruct(PHOTO, ipd_mm=6.3)


def test_photos_that_are_none(model, tmp_path):
    empty = np.full((256, 256, 3), 127, np.uint8)
    with pytest.raises(NoFaceError, match="no face"):
        model.reconstruct(empty)
    (tmp_path / "note.jpg").write_text("this is not a picture")
    with pytest.raises(PhotoError, match=r"note\.jpg"):
        model.reconstruct(tmp_path / "note.jpg")


def run(*words, cwd):
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    return subprocess.run(
        [sys.executable, "-m", "hiface", *map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_a_folder_with_bad_photos_finishes_the_good_ones(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "good.jpg").write_bytes(PHOTO.read_bytes())
    (photos / "cut.jpg").write_bytes(PHOTO.read_bytes()[:9000])
    cv2.imwrite(str(photos / "wall.png"), np.full((200, 200, 3), 90, np.uint8))
    result = run("reconstruct", photos, "--out", tmp_path / "out", cwd=tmp_path)
    assert result.returncode == 1
    assert (tmp_path / "out" / "good" / "face.glb").is_file()
    told = " ".join(result.stderr.split())
    assert "2 of 3 photos failed" in told
    assert "cut.jpg" in told
    assert "wall.png" in told
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"good"}


@pytest.mark.slow
def test_the_command_line_says_what_is_wrong(tmp_path):
    missing = run("reconstruct", tmp_path / "nowhere", "--out", tmp_path / "out", cwd=tmp_path)
    assert missing.returncode != 0
    assert "nowhere" in missing.stderr
    assert "Traceback" not in missing.stderr
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    result = run("reconstruct", PHOTO, "--out", blocked, cwd=tmp_path)
    assert result.returncode != 0
    assert "blocked" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_readme_snippet_runs(tmp_path, monkeypatch):
    text = (ROOT / "README.md").read_text()
    (snippet,) = re.findall(r"```python\n(.*?)```", text, re.S)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    exec(compile(snippet, "README.md", "exec"), {})
    assert (tmp_path / "out" / "astronaut" / "overview.png").is_file()
