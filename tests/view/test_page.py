"""The page as a file: whole, closed to the network, and true to the face it was made of."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from hiface.cli import reconstruct, view
from hiface.errors import HiFaceError, MeshError
from hiface.face.asset import ARKIT
from hiface.geometry.topology import unique_edges
from hiface.view import html
from hiface.view.face_data import sparse_offsets
from hiface.view.pack import unpacked

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
MODULES = [path for path in html.SOURCES.glob("*.js") if path.name != html.LIBRARY]


def element(text, name):
    return re.search(rf'<script type="[^"]+" id="{name}">(.*?)</script>', text, re.S).group(1)


@pytest.fixture(scope="session")
def meta(text):
    return json.loads(element(text, "face-meta"))


@pytest.fixture(scope="session")
def arrays(text, meta):
    return unpacked(element(text, "face-data"), meta["arrays"])


def test_the_page_forbids_itself_every_request(text):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text).group(1)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "blob:"
    assert set(rules) == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.S)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"


def test_nothing_in_it_lies_elsewhere(text):
    assert not re.search(r'(?:src|href|action|data)\s*=\s*["\']?(?:https?:)?//', text)
    for way in (r"@import|url\(", r"\bfetch\(|\bimport\s*\(|importScripts", "XMLHttpRequest|WebSocket|sendBeacon"):
        assert not re.search(way, text)
    assert set(re.findall(r"https?://[\w.]+", text)) <= {"http://www.w3.org"}  # a namespace


def test_all_units_are_there_by_name(text):
    assert len(ARKIT) == 52
    assert not [name for name in ARKIT if f'"{name}"' not in text]


def test_what_a_file_name_holds_is_text(text):
    assert "a &lt;b&gt;photo&lt;/b&gt;.jpg" in text
    assert "<b>photo</b>" not in text


def test_no_path_of_the_machine_is_in_it(text, face):
    told = text[: text.index('id="face-data"')]
    assert str(html.SOURCES.parent) not in told
    assert os.path.dirname(str(face.photo.name)) not in told or not os.path.dirname(str(face.photo.name))


def test_it_is_of_a_size_to_send(text):
    assert len(text.encode()) < 12e6


def test_shapes_come_back(face, meta, arrays):
    np.testing.assert_array_equal(arrays["neutral"], face.shape.neutral.astype(np.float32))
    basis = face.face.expression_basis.numpy()
    ends = np.cumsum(arrays["offset_counts"].astype(int))
    for e, (end, count) in enumerate(zip(ends, arrays["offset_counts"], strict=True)):
        again = np.zeros_like(basis[e])
        rows = slice(end - count, end)
        again[arrays["offset_rows"][rows]] = arrays["offset_values"][rows] * arrays["offset_scale"][e]
        np.testing.assert_allclose(again, basis[e], atol=1e-6)
    assert meta["millimetre_factor"] == face.millimetre_factor


def test_corners_draw_the_model(face, meta, arrays):
    triangles = arrays["source"][arrays["triangles"]]
    first = meta["pieces"][0]
    assert first["name"] == "face"
    np.testing.assert_array_equal(triangles[: first["triangles"]], face.face.part_triangles("face"))
    assert sum(p["triangles"] for p in meta["pieces"]) == len(triangles)
    edges = unique_edges(face.face.polygons[face.face.polygon_range("face")])
    np.testing.assert_array_equal(arrays["edges"], edges)


def test_detail_comes_back(face, arrays):
    basis = face.model.reconstructor.detail_model.basis
    mask = np.unpackbits(arrays["mask"]).reshape(basis.side, basis.side).astype(bool)
    np.testing.assert_array_equal(mask, basis.mask.numpy())
    np.testing.assert_array_equal(arrays["static_map"], face.detail.static[mask])
    for name in ("compressed", "stretched"):
        modes = arrays[f"{name}_modes"] * arrays[f"{name}_scale"][:, None]
        np.testing.assert_allclose(modes, basis.get_buffer(f"{name}_modes").numpy(), atol=1e-6)
    weight = face.model.reconstructor.detail_model.dynamic.state_dict()["style.0.weight"].numpy()
    np.testing.assert_array_equal(arrays["dynamic.style.0.weight"].astype(np.float32), weight)


def test_the_photos_own_expression_and_pose_are_in_it(face, meta):
    np.testing.assert_allclose(meta["expression"], face.coefficients.expression[0])
    np.testing.assert_allclose(meta["rotation"], face.coefficients.rotation[0])
    model = face.face
    still = (model.expression_basis.numpy() == 0).all((1, 2)) & (model.gaze_map.numpy() == 0).all((1, 2))
    assert meta["empty"] == [name for name, none in zip(model.expression_names, still, strict=True) if none]


def test_pictures_are_pictures(arrays):
    sides = {"photo": 512, "face": 1024, "head": 512, "eyes": 512, "face_albedo": 512, "head_albedo": 512}
    for name, side in sides.items():
        assert cv2.imdecode(arrays[f"picture.{name}"], cv2.IMREAD_COLOR).shape == (side, side, 3)
    assert cv2.imdecode(arrays["picture.lashes"], cv2.IMREAD_UNCHANGED).shape[2] == 4


def test_every_module_gets_what_it_imports():
    for path in MODULES:
        for names, module in html._IMPORT.findall(path.read_text()):
            source = (html.SOURCES / module).read_text()
            if names.startswith("{"):
                wanted = {name.strip() for name in names.strip("{} ").split(",")}
                assert wanted <= set(html._EXPORT.findall(source)), (path.name, module)
            else:
                assert module == html.LIBRARY
        assert "import " not in html._IMPORT.sub("", path.read_text()), path.name


def test_what_is_taken_of_three_is_in_the_library():
    entry = (html.SOURCES.parents[3] / "tools" / "page" / "three_entry.js").read_text()
    brought = set(re.findall(r"\b[A-Z]\w+", "".join(re.findall(r"export \{(.*?)\}", entry, re.S))))
    used = {name for path in MODULES for name in re.findall(r"THREE\.(\w+)", path.read_text())}
    assert used == brought
    library = (html.SOURCES / html.LIBRARY).read_text()
    assert all(re.search(rf"\b{name}:\(\)=>", library) for name in brought)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_the_script_is_javascript(tmp_path):
    script = tmp_path / "page.js"
    script.write_text(html.linked_script(), encoding="utf-8")
    told = subprocess.run(["node", "--check", script], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr


def test_a_model_too_large_is_refused():
    with pytest.raises(MeshError, match="65535 vertices"):
        sparse_offsets(np.zeros((1, 65536, 3), np.float32))


def test_the_command_line_writes_and_opens_pages(face, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("hiface.model.load", lambda *_, **__: face.model)
    monkeypatch.setattr(view, "load", lambda *_: face.model)
    monkeypatch.setattr(view.webbrowser, "open", opened.append)
    assert reconstruct.reconstruct([PHOTO], out=tmp_path, html=True) == 0
    folder = tmp_path / "astronaut"
    page = folder / "face.html"
    first = page.read_text()
    view.view(folder)
    assert opened == [page.resolve().as_uri()]
    for text in (first, page.read_text()):
        assert f"<title>{PHOTO.name} · HiFace</title>" in text
        again = json.loads(element(text, "face-meta"))
        np.testing.assert_allclose(again["expression"], face.coefficients.expression[0], atol=1e-4)
    stored = np.full((1024, 1024, 3), (10, 200, 90), np.uint8)
    cv2.imwrite(str(folder / "texture.png"), stored)
    view.view(folder, out=tmp_path / "elsewhere.html", open_page=False)
    text = (tmp_path / "elsewhere.html").read_text()
    own = unpacked(element(text, "face-data"), json.loads(element(text, "face-meta"))["arrays"])["picture.face"]
    assert np.abs(cv2.imdecode(own, cv2.IMREAD_COLOR).astype(int) - stored).max() < 4
    assert len(opened) == 1


def test_what_cannot_be_viewed(face, tmp_path, monkeypatch):
    monkeypatch.setattr(view, "load", lambda *_: face.model)
    with pytest.raises(HiFaceError, match="nowhere"):
        view.view(tmp_path / "nowhere", open_page=False)
    with pytest.raises(HiFaceError, match=r"crop\.png"):
        view.view(tmp_path, open_page=False)
    assert not list(tmp_path.iterdir())
