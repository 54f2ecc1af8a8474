"""OBJ: what is written is read back, what others write is read, what is wrong is named."""

import time

import numpy as np
import pytest

from hiface.errors import MeshError
from hiface.export.obj import ObjMaterial, read_obj, write_obj

POLYGONS = np.array([[0, 1, 2, 3], [3, 2, 4, -1], [0, 3, 4, -1], [1, 0, 4, 2]])


def arrays(seed: int = 0):
    rng = np.random.default_rng(seed)
    uv_polygons = np.where(POLYGONS < 0, -1, (POLYGONS + 1) % 6)
    return rng.normal(0, 50, (5, 3)), rng.uniform(0, 2, (6, 2)), uv_polygons, rng.normal(size=(5, 3))


def test_round_trip_keeps_order_quads_uv_and_normals(tmp_path):
    vertices, uv, uv_polygons, normals = arrays()
    path = write_obj(tmp_path / "a.obj", vertices, POLYGONS, uv, uv_polygons, normals, "texture.png")
    mesh = read_obj(path)
    assert np.abs(mesh.vertices - vertices).max() <= 0.5e-4 + 1e-12
    assert np.abs(mesh.uv - uv).max() <= 0.5e-6 + 1e-12
    assert np.abs(mesh.normals - normals).max() <= 0.5e-4 + 1e-12
    assert np.array_equal(mesh.polygons, POLYGONS)
    assert np.array_equal(mesh.uv_polygons, uv_polygons)
    assert np.array_equal(mesh.normal_polygons, POLYGONS)
    assert "map_Kd texture.png" in (tmp_path / "a.mtl").read_text()
    assert "mtllib a.mtl" in path.read_text()


@pytest.mark.parametrize("with_uv", [True, False])
@pytest.mark.parametrize("with_normals", [True, False])
def test_uv_and_normals_are_optional(tmp_path, with_uv, with_normals):
    vertices, uv, uv_polygons, normals = arrays()
    maps = (uv, uv_polygons) if with_uv else (None, None)
    path = write_obj(tmp_path / "a.obj", vertices, POLYGONS, *maps, normals if with_normals else None)
    mesh = read_obj(path)
    assert np.array_equal(mesh.polygons, POLYGONS)
    assert np.array_equal(mesh.uv_polygons, uv_polygons if with_uv else np.full_like(POLYGONS, -1))
    assert np.array_equal(mesh.normal_polygons, POLYGONS if with_normals else np.full_like(POLYGONS, -1))


def test_several_materials_follow_the_polygons(tmp_path):
    vertices, uv, uv_polygons, _ = arrays()
    materials = (ObjMaterial("skin", 0, "skin.png"), ObjMaterial("eyes", 3, colour=(0.1, 0.2, 0.3)))
    path = write_obj(tmp_path / "a.obj", vertices, POLYGONS, uv, uv_polygons, materials=materials)
    words = [line.split()[0:2] for line in path.read_text().splitlines() if line[0] in "uf"]
    assert [w[0] for w in words] == ["usemtl", "f", "f", "f", "usemtl", "f"]
    assert [w[1] for w in words if w[0] == "usemtl"] == ["skin", "eyes"]
    look = (tmp_path / "a.mtl").read_text()
    assert look.count("newmtl") == 2
    assert look.count("map_Kd skin.png") == 1
    assert "Kd 0.1 0.2 0.3" in look
    assert np.array_equal(read_obj(path).polygons, POLYGONS)


def write(tmp_path, text: str):
    path = tmp_path / "given.obj"
    path.write_bytes(text.encode())
    return path


SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvn 0 0 1\n"


@pytest.mark.parametrize(
    ("face", "uv", "normal"),
    [
        ("f 1 2 3", [-1, -1, -1, -1], [-1, -1, -1, -1]),
        ("f 1/1 2/2 3/3", [0, 1, 2, -1], [-1, -1, -1, -1]),
        ("f 1//1 2//1 3//1", [-1, -1, -1, -1], [0, 0, 0, -1]),
        ("f 1/1/1 2/2/1 3/3/1", [0, 1, 2, -1], [0, 0, 0, -1]),
        ("f -4/-3/-1 -3/-2/-1 -2/-1/-1", [0, 1, 2, -1], [0, 0, 0, -1]),
        ("f 1 2/2 3//1", [-1, 1, -1, -1], [-1, -1, 0, -1]),
        ("f 1/ 2/ 3/", [-1, -1, -1, -1], [-1, -1, -1, -1]),
    ],
)
def test_all_forms_of_corners(tmp_path, face, uv, normal):
    mesh = read_obj(write(tmp_path, SQUARE + face + "\n"))
    assert mesh.polygons.tolist() == [[0, 1, 2, -1]]
    assert mesh.uv_polygons.tolist() == [uv]
    assert mesh.normal_polygons.tolist() == [normal]


def test_negative_numbers_count_from_where_the_face_stands(tmp_path):
    mesh = read_obj(write(tmp_path, "v 0 0 0\nv 1 0 0\nv 1 1 0\nf -3 -2 -1\nv 5 5 5\nf -4 -3 -1\n"))
    assert mesh.polygons.tolist() == [[0, 1, 2, -1], [0, 1, 3, -1]]


def test_longer_polygons_become_fans_in_place(tmp_path):
    text = "".join(f"v {k} {k * k} 0\n" for k in range(6)) + "f 1 2 3\nf 1 2 3 4 5 6\nf 3 4 5 6\n"
    fan = [[0, 1, 2, -1], [0, 2, 3, -1], [0, 3, 4, -1], [0, 4, 5, -1]]
    assert read_obj(write(tmp_path, text)).polygons.tolist() == [[0, 1, 2, -1], *fan, [2, 3, 4, 5]]


def test_what_other_programs_write(tmp_path):
    text = (
        "# made elsewhere\r\no head\r\ng skin\r\n  v  1 2 3 0.5 0.5 0.5\r\nv\t4 5 6\r\nv 7e-1 8 9 1.0\r\n"
        "vt 0.1 0.2 0.0\r\nusemtl skin\r\ns off\r\nf 1/1 \\\r\n2/1 3/1\r\n"
    )
    mesh = read_obj(write(tmp_path, text))
    assert mesh.vertices.tolist() == [[1, 2, 3], [4, 5, 6], [0.7, 8, 9]]
    assert mesh.uv.tolist() == [[0.1, 0.2]]
    assert mesh.polygons.tolist() == [[0, 1, 2, -1]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no vertices or no faces"),
        ("v 0 0 0\n", "no vertices or no faces"),
        ("v 0 0 0\nv 0 0 x\nf 1 1 2\n", "line 2"),
        ("v 0 0 0\nv 0 0\nf 1 1 2\n", "line 2"),
        (SQUARE + "f 1 2 q\n", "line 9"),
        ("v 0 0 0\nf 1 2 3\n", "number 3 of 1"),
        ("v 0 0 0\nf -1 -2 -1\n", "of 1 values"),
        (SQUARE + "f 0 1 2\n", "without a vertex"),
        (SQUARE + "f 1 2\n", "fewer than three"),
        ("\x89PNG\r\n\x1a\n", "no vertices"),
    ],
)
def test_wrong_files_are_named(tmp_path, text, words):
    with pytest.raises(MeshError, match=words) as error:
        read_obj(write(tmp_path, text))
    assert "given.obj" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MeshError, match=r"nothing.obj"):
        read_obj(tmp_path / "nothing.obj")


def test_arrays_that_do_not_fit_are_refused_and_nothing_is_written(tmp_path):
    vertices, uv, uv_polygons, normals = arrays()
    bad = [
        (vertices[:4], POLYGONS, uv, uv_polygons, normals),
        (vertices, POLYGONS[:, :3], uv, uv_polygons, normals),
        (vertices, POLYGONS, uv[:3], uv_polygons, normals),
        (vertices, POLYGONS, uv, uv_polygons[:2], normals),
        (vertices, POLYGONS, uv, uv_polygons, normals[:2]),
        (np.where(vertices > 0, np.nan, vertices), POLYGONS, uv, uv_polygons, normals),
    ]
    for given in bad:
        with pytest.raises(MeshError):
            write_obj(tmp_path / "a.obj", *given)
    assert not list(tmp_path.iterdir())


def test_a_detail_mesh_takes_seconds_at_most(tmp_path):
    n = 150  # 22,500 vertices; measured at 0.3 s, the bound is for a busy machine
    rows, columns = np.mgrid[0 : n - 1, 0 : n - 1]
    first = (rows * n + columns).ravel()
    quads = np.stack([first, first + 1, first + n + 1, first + n], axis=1)
    vertices = np.random.default_rng(0).normal(0, 100, (n * n, 3))
    start = time.process_time()
    path = write_obj(tmp_path / "a.obj", vertices, quads, vertices[:, :2] % 1, quads)
    mesh = read_obj(path)
    assert time.process_time() - start < 3
    assert np.array_equal(mesh.polygons, quads)
