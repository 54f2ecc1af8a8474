"""OBJ and maps: round trips, orientation, wrong files."""

import numpy as np
import pytest

from hiface.errors import MeshError, PhotoError
from hiface.export.maps import MapRange, normal_map, read_map16, write_map16, write_png8
from hiface.export.obj import read_obj, write_obj

POLYGONS = np.array([[0, 1, 2, 3], [3, 2, 4, -1], [0, 3, 4, -1], [1, 0, 4, 2]])


def test_obj_round_trip_keeps_order_quads_and_uv(tmp_path):
    vertices, uv = np.random.default_rng(0).normal(0, 50, (5, 3)), np.random.default_rng(1).uniform(0, 2, (6, 2))
    uv_polygons = np.where(POLYGONS < 0, -1, (POLYGONS + 1) % 6)
    path = write_obj(tmp_path / "a.obj", vertices, POLYGONS, uv, uv_polygons, texture="texture.png")
    mesh = read_obj(path)
    np.testing.assert_allclose(mesh.vertices, vertices, atol=1e-4)
    np.testing.assert_allclose(mesh.uv, uv, atol=1e-6)
    np.testing.assert_array_equal(mesh.polygons, POLYGONS)
    np.testing.assert_array_equal(mesh.uv_polygons, uv_polygons)
    assert "map_Kd texture.png" in (tmp_path / "a.mtl").read_text()
    assert "mtllib a.mtl" in path.read_text()


def test_obj_reads_what_others_write(tmp_path):
    path = tmp_path / "b.obj"
    path.write_text("# x\nv 0 0 0\nv 1 0 0 .5 .5 .5\nv  0 1 0\nvn 0 0 1\nf 1//1 2//1 3//1\nf -3 -2 -1\n")
    mesh = read_obj(path)
    assert mesh.polygons.tolist() == [[0, 1, 2, -1], [0, 1, 2, -1]]
    assert mesh.uv_polygons.max() == -1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("v 0 0 0\n", "expected vertices and faces"),
        ("v 0 0 x\n", "line 1"),
        ("v 0 0 0\nf 1 2 3\n", "not in the file"),
        ("v 0 0 0\nf 1 1 1 1 1\n", "5 corners"),
    ],
)
def test_wrong_obj_files_are_named(tmp_path, text, message):
    path = tmp_path / "wrong.obj"
    path.write_text(text)
    with pytest.raises(MeshError, match=message) as error:
        read_obj(path)
    assert "wrong.obj" in str(error.value)


def test_maps_round_trip_to_half_a_step(tmp_path):
    values = np.random.default_rng(2).normal(0, 1, (16, 16)).astype(np.float32)
    limits = write_map16(tmp_path / "d.png", values)
    step = (limits.max_mm - limits.min_mm) / 65535
    assert np.abs(read_map16(tmp_path / "d.png", limits) - values).max() <= 0.51 * step
    flat = write_map16(tmp_path / "flat.png", np.full((8, 8), 0.25, np.float32))
    np.testing.assert_allclose(read_map16(tmp_path / "flat.png", flat), 0.25, atol=1e-6)
    write_png8(tmp_path / "c.png", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(PhotoError, match="16-bit"):
        read_map16(tmp_path / "c.png", MapRange(0, 1))


def ramp(side, along_u, along_v):
    i, j = np.mgrid[0:side, 0:side]
    return along_u * (j + 0.5) / side + along_v * (1 - (i + 0.5) / side)


@pytest.mark.parametrize("skew", [0.0, 0.6])
def test_normals_of_a_slope_on_a_skewed_anisotropic_plane(skew):
    """A plane with Pu = (200, 0, 0), Pv = 300 (sin, cos, 0): the displaced plane's own normal, in (t, b, n)."""
    pu = np.array([200.0, 0, 0])
    pv = 300 * np.array([np.sin(skew), np.cos(skew), 0])
    frame = np.broadcast_to(np.stack([pu, pv], -1), (32, 32, 3, 2))
    du, dv = 30.0, -45.0
    lifted = np.cross(pu + [0, 0, du], pv + [0, 0, dv])
    lifted /= np.linalg.norm(lifted)
    found = (normal_map(ramp(32, du, dv), frame)[16, 16].astype(float) - 128) / 127
    np.testing.assert_allclose(found, lifted, atol=0.006)  # t = x, b = n × t = y


def test_a_flat_map_has_upright_normals():
    frame = np.broadcast_to(np.stack([np.eye(3)[0] * 200, np.eye(3)[1] * 300], -1), (8, 8, 3, 2))
    picture = normal_map(np.zeros((8, 8), np.float32), frame)
    assert (picture == [128, 128, 255]).all()
