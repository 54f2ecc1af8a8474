"""Weights carried to other assets: the same faces in other numbers."""

import numpy as np
import pytest
import torch

from hiface.assets.format import quantise, write_asset
from hiface.errors import AssetError
from hiface.face.asset import SCHEMA
from hiface.face.model import FaceModel
from hiface.reconstructor import NetworkConfig, Reconstructor, save_weights
from hiface.train.carry import Assets, carry_over, identity_change, static_change
from tiny import albedo_model, detail_basis, face_model, face_tensors

CONFIG = NetworkConfig(width=0.125, crop=32, mix=16, points_width=16, detail_width=8)


@pytest.fixture
def former(tmp_path):
    basis = detail_basis()
    return Assets(face_model(tmp_path), albedo_model(tmp_path), basis)


def turned(path, mix):
    """The tiny face with its identity modes mixed, one unit more, and another place in space."""
    tensors, meta = face_tensors()
    modes = np.einsum("ij,jvc->ivc", mix, tensors["identity"] * tensors["identity_scale"][:, None, None])
    tensors["identity"], tensors["identity_scale"] = quantise(modes.astype(np.float32))
    units = tensors["expression"] * tensors["expression_scale"][:, None, None]
    tensors["expression"], tensors["expression_scale"] = quantise(
        np.concatenate([units, units[:1] * 0.5]).astype(np.float32)
    )
    tensors["mean"] = tensors["mean"] + np.array([1, 2, 3], np.float32)
    write_asset(path, SCHEMA, tensors, {**meta, "expression_names": [*meta["expression_names"], "more"]})
    return FaceModel.load(path)


def test_identities_are_the_same_faces_wherever_they_sit(former, tmp_path):
    mix = 3.0 * np.linalg.qr(np.random.default_rng(3).normal(size=(4, 4)))[0]
    other = turned(tmp_path / "other.safetensors", mix)
    change = identity_change(former.face, other)
    beta = torch.randn(6, 4)
    own, old = other.neutral(beta @ change.linear.T + change.constant), former.face.neutral(beta)
    apart = (own - old)[:, : former.face.vertex_count("skin")]
    still = apart - apart.mean(1, keepdim=True)
    assert float(still.norm(dim=-1).mean()) < 0.1
    assert float((other.neutral(beta) - old).norm(dim=-1).mean()) > 3


def test_a_carried_network_answers_with_the_same_face(former, tmp_path):
    torch.manual_seed(1)
    model = Reconstructor(CONFIG, former.face, former.albedo, former.basis).eval()
    torch.nn.init.normal_(model.head.identity.weight, std=0.3)
    save_weights(model, tmp_path / "weights.safetensors", {})
    other = turned(tmp_path / "other.safetensors", np.diag([2.0, 3.0, -2.0, 4.0]))
    carried = Reconstructor(CONFIG, other, former.albedo, former.basis).eval()
    left = carry_over(carried, tmp_path / "weights.safetensors", former)
    assert all(name.startswith(("detail_model.dynamic.", "age_head.")) for name in left)
    crops = torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        a, b = model(crops).coefficients, carried(crops).coefficients
    old, own = former.face.neutral(a.identity, "skin"), other.neutral(b.identity, "skin")
    apart = (own - old) - (own - old).mean(1, keepdim=True)
    assert float(apart.norm(dim=-1).mean()) < 0.15
    torch.testing.assert_close(b.expression[:, :-1], a.expression, atol=2e-3, rtol=0)
    torch.testing.assert_close(b.static, a.static, atol=2e-2, rtol=0)
    torch.testing.assert_close(b.albedo, a.albedo, atol=2e-2, rtol=2e-2)


def test_weights_of_other_assets_are_refused(former, tmp_path):
    model = Reconstructor(CONFIG, former.face, former.albedo, former.basis)
    save_weights(model, tmp_path / "weights.safetensors", {})
    other = turned(tmp_path / "other.safetensors", np.eye(4))
    with pytest.raises(AssetError, match="face_model"):
        carry_over(model, tmp_path / "weights.safetensors", Assets(other, former.albedo, former.basis))


def test_bases_of_other_sides_are_refused():
    with pytest.raises(AssetError, match="texels a side"):
        static_change(detail_basis(16), detail_basis(8))
