"""Detail bases: linear in the coefficients, zero outside the mask, whole through a file."""

import numpy as np
import pytest
import torch

from hiface.detail.basis import NAMES, DetailBasis, read_basis, write_basis
from hiface.errors import AssetError, ConfigError

SIDE = 16
COUNTS = {"static": 5, "compressed": 3, "stretched": 2}


def arrays(seed: int = 0):
    rng = np.random.default_rng(seed)
    mask = rng.random((SIDE, SIDE)) < 0.6
    texels = int(mask.sum())
    means = {n: rng.normal(size=texels) for n in NAMES}
    modes = {n: rng.normal(size=(COUNTS[n], texels)) * 0.3 for n in NAMES}
    return mask, means, modes


@pytest.fixture
def basis() -> DetailBasis:
    return DetailBasis.from_arrays(*arrays())


def test_zero_coefficients_give_the_mean(basis):
    mask, means, _ = arrays()
    for name in NAMES:
        found = getattr(basis, name)(torch.zeros(1, COUNTS[name]))[0].numpy()
        np.testing.assert_allclose(found[mask], means[name], rtol=1e-6)
        assert np.abs(found[~mask]).max() == 0


def test_maps_are_linear_and_independent_of_the_batch(basis):
    a, b = torch.randn(4, 5), torch.randn(4, 5)
    middle = basis.static((a + b) / 2)
    torch.testing.assert_close(middle, (basis.static(a) + basis.static(b)) / 2)
    torch.testing.assert_close(basis.static(a)[2:3], basis.static(a[2:3]))


def test_one_mode_lands_at_its_texels(basis):
    mask, means, modes = arrays()
    coefficients = torch.zeros(1, 3)
    coefficients[0, 1] = 2
    found = basis.compressed(coefficients)[0].numpy()
    np.testing.assert_allclose(found[mask], means["compressed"] + 2 * modes["compressed"][1], rtol=1e-5, atol=1e-6)


def test_gradients(basis):
    basis = basis.double()
    assert torch.autograd.gradcheck(basis.stretched, torch.randn(2, 2, dtype=torch.float64, requires_grad=True))


def test_projection_finds_the_coefficients(basis):
    wanted = torch.randn(3, 5)
    found = basis.project("static", basis.static(wanted), ridge=1e-6)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("bits", "tolerance"), [(8, 0.03), (16, 2e-4)])
def test_it_survives_a_file(tmp_path, basis, bits, tolerance):
    mask, means, modes = arrays()
    extra = {"capture_age": np.array([20, 60], np.float32)}
    path = tmp_path / "basis.safetensors"
    write_basis(path, mask, means, modes, {"units": "mm"}, extra, bits)
    loaded = DetailBasis.load(path)
    assert loaded.sizes == COUNTS
    coefficients = torch.randn(8, 5)
    torch.testing.assert_close(loaded.static(coefficients), basis.static(coefficients), rtol=0, atol=tolerance)
    np.testing.assert_array_equal(read_basis(path).tensors["capture_age"], extra["capture_age"])


def test_wrong_coefficients_and_wrong_files_are_named(tmp_path, basis):
    with pytest.raises(ConfigError, match=r"static detail takes coefficients \(B, 5\), got \(1, 6\)"):
        basis.static(torch.zeros(1, 6))
    mask, means, modes = arrays()
    with pytest.raises(AssetError, match="do not fit"):
        DetailBasis.from_arrays(mask, {**means, "static": means["static"][:-1]}, modes)
    (tmp_path / "nothing.safetensors").write_bytes(b"not an asset")
    with pytest.raises(AssetError, match="build detail-bases"):
        read_basis(tmp_path / "nothing.safetensors")
