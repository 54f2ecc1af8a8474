"""The network as ONNX answers what torch answers."""

import builtins
import json

import numpy as np
import pytest
import torch

from hiface.errors import ConfigError, HiFaceError
from hiface.export.onnx import RawAnswers, write_network
from hiface.reconstructor import NetworkConfig, Reconstructor

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
runtime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def files(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    return {half: write_network(tiny, folder / f"{half}.onnx", half, {"weights": "abc"}) for half in (False, True)}


def answers(path, crops):
    return runtime.InferenceSession(str(path)).run(None, {"crops": crops.numpy()})


@pytest.mark.parametrize("faces", [1, 3])
def test_it_agrees_with_torch(tiny, files, faces):
    crops = torch.rand(faces, 3, 64, 64, generator=torch.Generator().manual_seed(faces))
    wrapped = RawAnswers(tiny)
    with torch.no_grad():
        expected = dict(zip(wrapped.names, wrapped(crops), strict=True))
        prediction = tiny(crops)
    found = dict(zip(wrapped.names, answers(files[False], crops), strict=True))
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value.numpy(), atol=2e-5, err_msg=name)
    np.testing.assert_allclose(found["seen_xy"], prediction.seen.xy.numpy(), atol=2e-5)
    np.testing.assert_allclose(found["expression"], prediction.coefficients.expression.numpy(), atol=2e-5)
    np.testing.assert_allclose(np.exp(found["log_age"]), tiny.age(prediction.coefficients).detach().numpy(), atol=2e-5)


def test_half_floats_halve_the_file_and_little_else(files):
    crops = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(7))
    single, half = (answers(files[kind], crops) for kind in (False, True))
    assert files[True].stat().st_size < 0.6 * files[False].stat().st_size
    for a, b in zip(single, half, strict=True):
        assert np.abs(a - b).max() < 5e-3


def test_the_file_says_what_it_is(tiny, files):
    told = {p.key: p.value for p in onnx.load(files[True]).metadata_props}
    meta = json.loads(told["hiface"])
    assert meta["config"]["crop"] == 64
    assert meta["asset_ids"] == tiny.asset_ids()
    assert meta["weights"] == "abc"


def test_a_network_that_draws_maps_is_refused(tiny, tmp_path):
    parts = tiny.face, tiny.albedo, tiny.detail_model.basis
    with pytest.raises(ConfigError, match="sd1"):
        write_network(
            Reconstructor(NetworkConfig(width=0.125, crop=64, mix=32, detail="sd1"), *parts), tmp_path / "x.onnx"
        )


def test_a_missing_package_is_named(tiny, tmp_path, monkeypatch):
    usual = builtins.__import__

    def without(name, *rest):
        if name == "onnx":
            raise ImportError(name)
        return usual(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(HiFaceError, match=r"hiface\[onnx\]"):
        write_network(tiny, tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())
