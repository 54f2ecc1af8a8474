"""Displacement maps through 16-bit files."""

import cv2
import numpy as np
import pytest

from hiface.detail.maps import read_displacement, write_displacement
from hiface.errors import AssetError


def test_a_map_survives_its_file(tmp_path):
    wanted = np.random.default_rng(0).normal(size=(32, 32))
    write_displacement(tmp_path / "map.png", wanted)
    found = read_displacement(tmp_path / "map.png")
    assert found.dtype == np.float32
    assert np.abs(found - wanted).max() < 1e-4
    write_displacement(tmp_path / "flat.png", np.full((8, 8), 0.3))
    np.testing.assert_allclose(read_displacement(tmp_path / "flat.png"), 0.3, atol=1e-6)


def test_tiff_of_floats_needs_no_range(tmp_path):
    wanted = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    assert cv2.imwrite(str(tmp_path / "map.tif"), wanted)
    np.testing.assert_array_equal(read_displacement(tmp_path / "map.tif"), wanted)


def test_what_is_wrong_is_named(tmp_path):
    with pytest.raises(AssetError, match="no such"):
        read_displacement(tmp_path / "none.png")
    cv2.imwrite(str(tmp_path / "bits8.png"), np.zeros((4, 4), np.uint8))
    with pytest.raises(AssetError, match="8 bits are too coarse"):
        read_displacement(tmp_path / "bits8.png")
    cv2.imwrite(str(tmp_path / "bare.png"), np.zeros((4, 4), np.uint16))
    with pytest.raises(AssetError, match="min_mm"):
        read_displacement(tmp_path / "bare.png")
    cv2.imwrite(str(tmp_path / "wide.png"), np.zeros((4, 8), np.uint16))
    with pytest.raises(AssetError, match="square"):
        read_displacement(tmp_path / "wide.png")


def test_16_bit_tiff_takes_its_range_from_the_file_beside_it(tmp_path):
    cv2.imwrite(str(tmp_path / "map.tif"), np.array([[0, 65535], [65535, 0]], np.uint16))
    (tmp_path / "map.json").write_text('{"min_mm": -1, "max_mm": 2}')
    np.testing.assert_allclose(read_displacement(tmp_path / "map.tif"), [[-1, 2], [2, -1]], atol=1e-6)


def test_exr_holds_millimetres(tmp_path):
    openexr = pytest.importorskip("OpenEXR", reason="EXR is an extra")
    wanted = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    openexr.File({"type": openexr.scanlineimage}, {"Y": wanted}).write(str(tmp_path / "map.exr"))
    np.testing.assert_array_equal(read_displacement(tmp_path / "map.exr"), wanted)
    (tmp_path / "broken.exr").write_bytes(b"no image")
    with pytest.raises(AssetError, match="not an EXR image"):
        read_displacement(tmp_path / "broken.exr")
