"""Maps: round trips to half a step, and normals that a viewer decodes to those of the displaced surface."""

import cv2
import numpy as np
import pytest

from hiface.errors import AssetError, OutputError
from hiface.export.maps import MapRange, SurfaceSteps, normal_map, read_map16, write_map16, write_png8


def test_maps_come_back_to_half_a_step(tmp_path):
    values = np.random.default_rng(2).normal(0, 1, (16, 16)).astype(np.float32)
    limits = write_map16(tmp_path / "d.png", values)
    assert (limits.min_mm, limits.max_mm) == (values.min(), values.max())
    step = (limits.max_mm - limits.min_mm) / 65535
    assert np.abs(read_map16(tmp_path / "d.png", limits) - values).max() <= 0.5 * step + 1e-6
    stored = cv2.imread(str(tmp_path / "d.png"), cv2.IMREAD_UNCHANGED)
    assert (stored.dtype, stored.min(), stored.max()) == (np.uint16, 0, 65535)


def test_a_constant_map_comes_back(tmp_path):
    limits = write_map16(tmp_path / "flat.png", np.full((8, 8), 0.25, np.float32))
    assert limits == MapRange(0.25, 0.25)
    assert (read_map16(tmp_path / "flat.png", limits) == 0.25).all()


def test_pictures_keep_their_channels(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    write_png8(tmp_path / "c.png", picture)
    assert np.array_equal(cv2.imread(str(tmp_path / "c.png"))[:, :, ::-1], picture)
    write_png8(tmp_path / "g.png", picture[:, :, 0])
    assert np.array_equal(cv2.imread(str(tmp_path / "g.png"), cv2.IMREAD_UNCHANGED), picture[:, :, 0])


def test_what_is_no_map_is_refused(tmp_path):
    write_png8(tmp_path / "c.png", np.zeros((4, 4, 3), np.uint8))
    for name in ("c.png", "missing.png"):
        with pytest.raises(AssetError, match=name):
            read_map16(tmp_path / name, MapRange(0, 1))
    for values in (np.full((4, 4), np.nan), np.zeros(4)):
        with pytest.raises(OutputError, match="finite"):
            write_map16(tmp_path / "x.png", values)
    with pytest.raises(OutputError, match="uint8"):
        write_png8(tmp_path / "x.png", np.zeros((4, 4, 3)))


def decoded(picture: np.ndarray) -> np.ndarray:
    """As glTF has it."""
    return 2 * picture.astype(float) / 255 - 1


def texel_uv(side: int) -> tuple[np.ndarray, np.ndarray]:
    i, j = np.mgrid[0:side, 0:side]
    return (j + 0.5) / side, 1 - (i + 0.5) / side


@pytest.mark.parametrize("turn", [0.0, 1.1])
@pytest.mark.parametrize("skew", [0.0, 0.6, -0.8])
def test_normals_of_a_slope_on_a_skewed_anisotropic_plane(skew, turn):
    """P = Pu u + Pv v in a plane, D = a u + b v: the lifted plane's own normal, in the viewer's (t, b, n)."""
    c, s = np.cos(turn), np.sin(turn)
    world = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    pu = world @ [200.0, 0, 0]
    pv = world @ [300 * np.sin(skew), 300 * np.cos(skew), 0]
    u, v = texel_uv(16)
    a, b = 30.0, -45.0
    n, t = world[:, 2], world[:, 0]
    lifted = np.cross(pu + a * n, pv + b * n)
    expected = np.array([t, np.cross(n, t), n]) @ (lifted / np.linalg.norm(lifted))
    frame = np.broadcast_to(np.stack([pu, pv], -1), (16, 16, 3, 2))
    found = decoded(normal_map(a * u + b * v, SurfaceSteps.of(frame)))
    assert np.abs(found - expected).max() < 0.005


def test_a_wave_on_a_cylinder():
    """Radius 80 mm, u along the turn (90 degrees), v along the axis (120 mm), D = 0.4 sin(2π 5 u) cos(2π 3 v)."""
    side, radius, height, amplitude = 256, 80.0, 120.0, 0.4
    u, v = texel_uv(side)
    angle = np.pi / 2 * u
    zero = np.zeros_like(u)
    n = np.stack([np.sin(angle), zero, np.cos(angle)], -1)
    t = np.stack([np.cos(angle), zero, -np.sin(angle)], -1)
    b = np.broadcast_to([0.0, 1.0, 0.0], n.shape)
    waves = (10 * np.pi * u, 6 * np.pi * v)
    d = amplitude * np.sin(waves[0]) * np.cos(waves[1])
    d_u = amplitude * 10 * np.pi * np.cos(waves[0]) * np.cos(waves[1])
    d_v = -amplitude * 6 * np.pi * np.sin(waves[0]) * np.sin(waves[1])
    frame = np.stack([radius * np.pi / 2 * t, height * b], -1)
    along_u = (radius + d)[..., None] * np.pi / 2 * t + d_u[..., None] * n
    along_v = height * b + d_v[..., None] * n
    truth = np.cross(along_u, along_v)
    truth /= np.linalg.norm(truth, axis=-1, keepdims=True)
    seen = decoded(normal_map(d, SurfaceSteps.of(frame)))
    seen = seen[..., :1] * t + seen[..., 1:2] * b + seen[..., 2:] * n
    cosine = (seen * truth).sum(-1)[2:-2, 2:-2] / np.linalg.norm(seen, axis=-1)[2:-2, 2:-2]
    assert np.degrees(np.arccos(cosine.clip(-1, 1))).max() < 0.6
    assert np.degrees(np.arccos((n * truth).sum(-1).clip(-1, 1))).max() > 5  # what a flat map would miss


def test_directions_of_the_channels():
    frame = np.broadcast_to(np.stack([np.eye(3)[0] * 200, np.eye(3)[1] * 300], -1), (32, 32, 3, 2))
    u, v = texel_uv(32)
    red, green, _ = normal_map(20 * u, SurfaceSteps.of(frame))[16, 16].astype(int)
    assert red < 128  # rising towards +u faces away from it
    assert green == 128
    red, green, _ = normal_map(20 * v, SurfaceSteps.of(frame))[16, 16].astype(int)
    assert red == 128
    assert green < 128


def test_flat_maps_and_flat_triangles_are_upright():
    frame = np.array(np.broadcast_to(np.stack([np.eye(3)[0] * 200, np.eye(3)[1] * 300], -1), (8, 8, 3, 2)))
    assert (normal_map(np.zeros((8, 8), np.float32), SurfaceSteps.of(frame)) == [128, 128, 255]).all()
    frame[:, :4] = 0
    picture = normal_map(np.random.default_rng(0).normal(size=(8, 8)), SurfaceSteps.of(frame))
    assert (picture[:, :4] == [128, 128, 255]).all()
    assert (picture[:, 4:] != [128, 128, 255]).any()
