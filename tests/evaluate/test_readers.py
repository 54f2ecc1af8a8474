"""Files of the benchmarks and of other programs: what is read, and what is refused with which words."""

from __future__ import annotations

import contextlib
import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import golden_grid as golden
from hiface.errors import MeshError
from hiface.evaluate.readers import (
    read_anchors,
    read_keypoints,
    read_landmarks,
    read_mask,
    read_mesh,
    read_scale,
)
from hiface.evaluate.writers import write_mesh_obj
from hiface.geometry.surface import Mesh

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
LANDMARKS = np.arange(21.0).reshape(7, 3) + 0.25


@pytest.fixture
def write(tmp_path):
    def _write(name: str, content: str | bytes):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return _write


@pytest.mark.parametrize("corner", ["{0}", "{0}/1", "{0}//1", "{0}/1/1"])
def test_every_form_of_corner(write, corner):
    faces = "f " + " ".join(corner.format(k) for k in (1, 2, 3)) + "\n"
    mesh = read_mesh(write("a.obj", SQUARE + "vt 0 0\nvn 0 0 1\n" + faces))
    np.testing.assert_array_equal(mesh.triangles, [[0, 1, 2]])
    assert mesh.vertices.shape == (4, 3)


def test_quad_k_becomes_triangles_2k_and_2k_plus_1(write):
    mesh = read_mesh(write("a.obj", SQUARE + "f 1 2 3 4\nf 4 3 2 1\n"))
    np.testing.assert_array_equal(mesh.triangles, [[0, 1, 2], [0, 2, 3], [3, 2, 1], [3, 1, 0]])


def test_quads_and_triangles_mixed_keep_their_order(write):
    mesh = read_mesh(write("a.obj", SQUARE + "f 1/1 2/1 3/1\nf 1//2 2//2 3//2 4//2\nf 2 3 4\n"))
    np.testing.assert_array_equal(mesh.triangles, [[0, 1, 2], [0, 1, 2], [0, 2, 3], [1, 2, 3]])


def test_spaces_tabs_colours_comments_and_line_ends(write):
    text = "# v 9 9 9\r\n v   0 0  0 1 0 0\r\nv\t1e0 0 0\r\nv 1 1 0 .5 .5 .5\r\n"
    text += "o head\r\nusemtl v\r\nf  1  2\t3 \r\n"
    mesh = read_mesh(write("a.obj", text))
    np.testing.assert_array_equal(mesh.vertices, [[0, 0, 0], [1, 0, 0], [1, 1, 0]])
    np.testing.assert_array_equal(mesh.triangles, [[0, 1, 2]])


def test_single_precision_is_the_benchmarks_rounding(write):
    path = write("a.obj", "v 0.1 123.456789012 -1e-9\n")
    np.testing.assert_array_equal(read_mesh(path).vertices, [[0.1, 123.456789012, -1e-9]])
    single = read_mesh(path, single=True).vertices
    assert single.dtype == np.float64
    np.testing.assert_array_equal(single, np.array([[0.1, 123.456789012, -1e-9]], np.float32))


@pytest.mark.parametrize("coloured", [False, True])
def test_what_is_written_is_read_again(tmp_path, coloured):
    mesh = golden.prediction("E", 1.0)
    colours = np.zeros_like(mesh.vertices) if coloured else None
    path = write_mesh_obj(tmp_path / "a.obj", mesh, colours)
    again = read_mesh(path)
    np.testing.assert_allclose(again.vertices, mesh.vertices, rtol=1e-7)
    np.testing.assert_array_equal(again.triangles, mesh.triangles)
    assert len(path.read_text().splitlines()[0].split()) == (7 if coloured else 4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no vertices"),
        ("v 0 0\n", "expected vertex lines"),
        ("v 0 0 zero\n", "expected vertex lines"),
        ("v 0 0 nan\n", "1 of 1 vertices are not finite"),
        (SQUARE + "f 1 2 3 4 1\n", "some of 5; triangulate"),
        (SQUARE + "f 1 2\n", "faces of 3 or 4 corners"),
        (SQUARE + "f 0 1 2\n", "OBJ counts from 1"),
        (SQUARE + "f -3 -2 -1\n", "OBJ counts from 1"),
        (SQUARE + "f 1 2 a\n", "expected face lines"),
        (SQUARE + "f 1 2 5\n", "there are 4 vertices"),
    ],
)
def test_a_broken_obj_is_refused_by_name(write, text, said):
    path = write("broken.obj", text)
    with pytest.raises(MeshError, match=said) as caught:
        read_mesh(path)
    assert str(caught.value).startswith(str(path))


def test_missing_files_and_other_kinds_are_refused(tmp_path, write):
    with pytest.raises(MeshError, match=r"gone\.obj: no such file"):
        read_mesh(tmp_path / "gone.obj")
    with pytest.raises(MeshError, match=r"\.obj or \.ply"):
        read_mesh(write("a.stl", "solid"))


def ply(form: str, vertices: np.ndarray, faces: list[list[int]]) -> bytes:
    """A PLY file with colours, an extra element and a face property that readers must pass over."""
    header = (
        f"ply\nformat {form} 1.0\ncomment made here\nelement camera 2\nproperty double focal\n"
        f"element vertex {len(vertices)}\nproperty float x\nproperty float y\nproperty float z\n"
        f"property uchar red\nelement face {len(faces)}\nproperty list uchar int vertex_indices\n"
        "property float quality\nend_header\n"
    ).encode()
    if form == "ascii":
        rows = ["0.5", "0.75", *(f"{x:.9g} {y:.9g} {z:.9g} 7" for x, y, z in vertices)]
        rows += [" ".join(map(str, [len(f), *f, 0.5])) for f in faces]
        return header + "\n".join(rows).encode() + b"\n"
    order = "<" if "little" in form else ">"
    body = struct.pack(order + "2d", 0.5, 0.75)
    body += b"".join(struct.pack(order + "3fB", *v, 7) for v in vertices)
    return header + body + b"".join(struct.pack(f"{order}B{len(f)}if", len(f), *f, 0.5) for f in faces)


FORMS = ["ascii", "binary_little_endian", "binary_big_endian"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("faces", [[[0, 1, 2]], [[0, 1, 2, 3]], [[0, 1, 2], [0, 1, 2, 3], [1, 2, 3]], []])
def test_ply_in_every_form(write, form, faces):
    vertices = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    mesh = read_mesh(write("a.ply", ply(form, vertices, faces)))
    np.testing.assert_array_equal(mesh.vertices.astype(np.float32), vertices)
    wanted = [t for f in faces for t in ([f[:3], [f[0], f[2], f[3]]] if len(f) == 4 else [f])]
    np.testing.assert_array_equal(mesh.triangles, np.array(wanted).reshape(-1, 3))


@pytest.mark.parametrize("form", FORMS)
def test_a_cut_ply_is_refused(write, form):
    whole = ply(form, np.zeros((4, 3), np.float32), [[0, 1, 2], [1, 2, 3]])
    with pytest.raises(MeshError, match=r"a\.ply: .*cut off"):
        read_mesh(write("a.ply", whole[:-12]))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"obj", "first word `ply`"),
        (b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1\n", "x, y and z"),
        (b"ply\nelement vertex 0\nend_header\n", "names no format"),
        (
            b"ply\nformat ascii 1.0\nelement vertex 1\nproperty half x\nend_header\n",
            "not understood: 'half x'",
        ),
        (ply("ascii", np.zeros((5, 3)), [[0, 1, 2, 3, 4]]), "found one of 5"),
    ],
)
def test_another_ply_is_refused(write, content, said):
    with pytest.raises(MeshError, match=said):
        read_mesh(write("a.ply", content))


@settings(max_examples=40, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"ply\nformat ascii 1.0\nelement vertex 2\n", b"v 0 0 0\n"]),
)
def test_rubbish_is_refused_and_never_crashes(tmp_path_factory, rubbish, start):
    for suffix in (".obj", ".ply"):
        path = tmp_path_factory.mktemp("rubbish") / f"a{suffix}"
        path.write_bytes(start + rubbish)
        with contextlib.suppress(MeshError):
            assert isinstance(read_mesh(path), Mesh)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_files_are_refused_and_never_crash(tmp_path_factory, data):
    vertices = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    kinds = [*FORMS, "obj"]
    kind = data.draw(st.sampled_from(kinds))
    faces = [[0, 1, 2], [0, 1, 2, 3]]
    whole = bytearray((SQUARE + "f 1/1 2/1 3/1\nf 1 2 3 4\n").encode() if kind == "obj" else ply(kind, vertices, faces))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / ("a.obj" if kind == "obj" else "a.ply")
    path.write_bytes(whole[: data.draw(st.integers(len(whole) // 2, len(whole)))])
    with contextlib.suppress(MeshError):
        assert isinstance(read_mesh(path), Mesh)


def test_keypoints_are_85_vertices(write):
    lines = [f"v {k} {k / 2} 0\n" for k in range(85)]
    np.testing.assert_array_equal(read_keypoints(write("1.obj", "".join(lines)))[:, 0], np.arange(85))
    with pytest.raises(MeshError, match="expected 85 keypoints, found 84"):
        read_keypoints(write("1.obj", "".join(lines[1:])))


@pytest.fixture
def template(tmp_path):
    return write_mesh_obj(tmp_path / "template.obj", golden.prediction("A", 1.0))


def test_anchors_are_weighted_corners(write, template):
    table = golden.keypoint_table(1.0).astype(float)
    table[0] = [5, 0.2, 0.3]
    anchors = read_anchors(template, write("k.txt", json.dumps(table.tolist())))
    mesh = read_mesh(template)
    a, b, c = mesh.vertices[mesh.triangles[5]]
    points = anchors.on(mesh.vertices)
    np.testing.assert_allclose(points[0], 0.2 * a + 0.3 * b + 0.5 * c)
    np.testing.assert_allclose(points[1:], golden.anchors(1.0).on(mesh.vertices)[1:], atol=1e-6)
    assert anchors.vertex_count == len(mesh.vertices)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table[:-1], r"85 finite triples, found shape \(84, 3\)"),
        (lambda table: [[10_000, 0.5, 0.5], *table[1:]], "belong to another template"),
        (lambda table: [[0.5, 0.5, 0.5], *table[1:]], "expected triangles 0 to"),
        (lambda table: [[0, 1.4, 0.1], *table[1:]], "keypoint 0 lies outside"),
        (lambda table: [[0, "x", 0.1], *table[1:]], "JSON array"),
    ],
)
def test_other_keypoint_files_are_refused(write, template, change, said):
    path = write("k.txt", json.dumps(change(golden.keypoint_table(1.0).tolist())))
    with pytest.raises(MeshError, match=said):
        read_anchors(template, path)


def test_keypoint_files_that_are_no_json_are_refused(write, template):
    with pytest.raises(MeshError, match="JSON array"):
        read_anchors(template, write("k.txt", "not json"))


def test_scale_is_one_number_a_line(write):
    np.testing.assert_array_equal(read_scale(write("s.txt", "8.754064\n8.516394\n")), [8.754064, 8.516394])
    for text in ("", "8.7\nnine\n", "8.7\n-1\n", "8.7\nnan\n"):
        with pytest.raises(MeshError, match=r"s\.txt: expected"):
            read_scale(write("s.txt", text))


def test_masks_are_zeros_and_ones(write):
    np.testing.assert_array_equal(read_mask(write("m.txt", "1,0,1"), 3), [True, False, True])
    for text in ("1,0", "1,0,2", "1,0,x"):
        with pytest.raises(MeshError, match=r"m\.txt: expected"):
            read_mask(write("m.txt", text), 3)


def test_landmarks_in_every_form(tmp_path, write):
    np.save(tmp_path / "a.npy", LANDMARKS[None])
    text = "\n".join(" ".join(map(str, row)) for row in LANDMARKS)
    points = [f' <point y="{y}" x="{x}" active="1" z="{z}" name="{k}"/>' for k, (x, y, z) in enumerate(LANDMARKS)]
    picked = "<!DOCTYPE PickedPoints>\n<PickedPoints>\n" + "\n".join([*points, points[0]]) + "\n</PickedPoints>\n"
    for path in (tmp_path / "a.npy", write("a.txt", text), write("a.pp", picked)):
        np.testing.assert_array_equal(read_landmarks(path), LANDMARKS)


def test_other_landmarks_are_refused(tmp_path, write):
    np.save(tmp_path / "six.npy", LANDMARKS[:6])
    np.save(tmp_path / "object.npy", np.array([{"a": 1}]), allow_pickle=True)
    nan = write("nan.txt", "\n".join(["0 0 nan"] * 7))
    short = write("a.pp", '<point x="1" y="2" z="3"/>')
    for path, said in (
        (tmp_path / "six.npy", r"found \(6, 3\)"),
        (tmp_path / "object.npy", "array of numbers"),
        (nan, "7 finite landmarks"),
        (short, "7 finite landmarks"),
        (write("a.json", "[]"), r"\.npy, \.txt or \.pp"),
        (tmp_path / "gone.npy", "gone"),
    ):
        with pytest.raises(MeshError, match=said):
            read_landmarks(path)
