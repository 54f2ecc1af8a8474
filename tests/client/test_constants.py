"""What a client is told is what Python has."""

import numpy as np
import pytest

from hiface.browser.constants import albedo_arrays, identity_arrays
from hiface.browser.runtime import runtime_files
from hiface.browser.site import POLICY, library, scripts
from hiface.errors import HiFaceError
from hiface.face.albedo import FULL, stored_mean
from hiface.face.model import FaceModel


def identity_of(arrays):
    """Modes as `page/head.js` puts them together."""
    skin = arrays["identity_coarse_values"].shape[1] or arrays["identity_fine_values"].shape[1]
    inner = np.tensordot(
        arrays["identity_inner_weight"],
        arrays["identity_inner_values"] * arrays["identity_inner_scale"][:, None, None], 1,
    )  # fmt: skip
    modes = np.zeros((len(inner), skin + inner.shape[1], 3), np.float32)
    modes[:, skin:] = inner
    for kind in ("fine", "coarse"):
        values = arrays[f"identity_{kind}_values"] * arrays[f"identity_{kind}_scale"][:, None, None]
        modes[arrays[f"identity_{kind}"], :skin] = values
    return modes


@pytest.mark.parametrize("shipped", [False, True])
def test_identity_modes_come_back(tiny, shipped):
    face = FaceModel.load() if shipped else tiny.face
    off = np.abs(identity_of(identity_arrays(face)) - face.identity_basis.numpy())
    assert off.max() < 2e-3  # mm at one standard deviation: 16 bits of the largest mode
    assert np.sqrt((off**2).sum(0)).max() < 4e-3  # a face of the population


def test_albedo_comes_back(tiny):
    arrays, albedo = albedo_arrays(tiny.albedo), tiny.albedo
    mean = np.moveaxis(stored_mean(arrays["face_albedo_mean"]), -1, 0)
    np.testing.assert_allclose(mean, albedo.face_mean.numpy(), atol=2e-4)
    modes = arrays["face_albedo_modes"] * arrays["face_albedo_scale"][:, None, None, None]
    np.testing.assert_allclose(modes, albedo.face_modes.numpy(), atol=1e-6)
    np.testing.assert_allclose(arrays["albedo_face_soft"] / FULL, albedo.face_soft.numpy(), atol=4e-3)


def test_modules_import_what_others_export():
    modules = scripts()
    names = set(library(modules).rsplit("{", 1)[1].split("}")[0].replace(",", " ").split())
    assert {"WebGLRenderer", "OrbitControls"} <= names
    for name, text in modules.items():
        for line in text.splitlines():
            if line.startswith("import ") and "./ort/" not in line and "three" not in line:
                source = modules[line.split('"./')[1].rstrip('";')]
                wanted = line.split("{")[1].split("}")[0].replace(" ", "").split(",")
                missing = [
                    w for w in wanted if not any(f"{kind} {w}" in source for kind in ("function", "class", "const"))
                ]
                assert not missing, (name, missing)


def test_the_policy_allows_the_pages_own_server_alone():
    rules = dict(rule.strip().split(" ", 1) for rule in POLICY.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'self'"
    assert "http" not in POLICY
    assert "unsafe-eval'" not in POLICY.replace("wasm-unsafe-eval", "")


@pytest.mark.parametrize("made", ["nothing", "folder", "file"])
def test_what_is_no_runtime_is_refused(tmp_path, made):
    source = tmp_path / "ort"
    if made == "folder":
        (source / "dist").mkdir(parents=True)
    if made == "file":
        source.write_bytes(b"no archive")
    with pytest.raises(HiFaceError, match="npm pack"):
        runtime_files(source)
