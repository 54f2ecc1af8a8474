"""Skin colour: tinted modes are what full ones of the same density would be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hiface.assets.format import quantise, write_asset
from hiface.errors import AssetError
from hiface.face.albedo import FULL, SCHEMA, AlbedoModel, integers_of


def tensors(full: int = 2, soft: int = 3, fine: int = 2, side: int = 32) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    found: dict[str, np.ndarray] = {}
    for tile in ("face", "head"):
        modes = rng.normal(0, 0.2, (full, side // 2, side // 2, 3)).astype(np.float32)
        found[f"{tile}_mean"] = integers_of(rng.normal(0.5, 0.2, (side, side, 3)))
        found[f"{tile}_modes"], found[f"{tile}_scale"] = quantise(modes, bits=8)
    sizes = {"face_soft": (soft, 8), "face_fine": (fine, 16), "head_tinted": (soft + fine, 8)}
    for name, (count, texels) in sizes.items():
        found[name] = rng.integers(-127, 128, (count, texels, texels)).astype(np.int8)
    found["tints"] = rng.normal(0, 0.3, (soft + fine, 3)).astype(np.float32)
    return found


def write(folder: Path, fields: dict[str, np.ndarray], count: int = 7) -> Path:
    path = folder / "albedo.safetensors"
    write_asset(path, SCHEMA, fields, {"mode_names": [str(k) for k in range(count)]})
    return path


def test_a_tinted_mode_is_its_map_times_its_tint(tmp_path):
    fields = tensors(soft=3, fine=0, side=16)
    model = AlbedoModel.load(write(tmp_path, fields, 5))
    full = dict(fields)
    for tile, name in (("face", "face_soft"), ("head", "head_tinted")):
        maps = fields[name].astype(np.float32)[..., None] / FULL * fields["tints"][:, None, None]
        modes = np.concatenate([getattr(model, f"{tile}_modes").permute(0, 2, 3, 1).numpy(), maps])
        full[f"{tile}_modes"], full[f"{tile}_scale"] = modes, np.ones(5, np.float32)
    for name in ("face_soft", "face_fine", "head_tinted", "tints"):
        del full[name]
    same = AlbedoModel.load(write(tmp_path, full, 5))
    z = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model.face(z), same.face(z))
    torch.testing.assert_close(model.head(z), same.head(z))
    for own, other in zip(model.middle(), same.middle(), strict=True):
        torch.testing.assert_close(own, other)


def test_sizes_come_from_the_file(tmp_path):
    model = AlbedoModel.load(write(tmp_path, tensors()))
    assert model.size == 7
    assert model.face(torch.zeros(2, 7)).shape == (2, 32, 32, 3)
    assert model.head(torch.zeros(2, 7), 64).shape == (2, 64, 64, 3)
    assert model.middle()[1].shape == (7, 3)


def test_reduced_maps_keep_the_face_s_colour(tmp_path):
    model = AlbedoModel.load(write(tmp_path, tensors()))
    z = torch.randn(2, 7, generator=torch.Generator().manual_seed(2))
    small = model.reduced(8).face(z, 8)
    large = torch.nn.functional.adaptive_avg_pool2d(model.face(z).permute(0, 3, 1, 2), 8).permute(0, 2, 3, 1)
    assert (small - large).abs().mean() < 0.03


def test_gradients_reach_every_kind_of_mode(tmp_path):
    model = AlbedoModel.load(write(tmp_path, tensors()))
    z = torch.zeros(1, 7, requires_grad=True)
    model.face(z).sum().backward()
    assert (z.grad.abs() > 0).all()


@pytest.mark.parametrize("name", ["head_modes", "head_tinted", "tints", "mode_names"])
def test_counts_that_do_not_agree_are_an_error(tmp_path, name):
    fields = tensors()
    count = 7
    if name == "mode_names":
        count = 6
    else:
        fields[name] = fields[name][:-1]
        if name == "head_modes":
            fields["head_scale"] = fields["head_scale"][:-1]
    with pytest.raises(AssetError, match=name):
        AlbedoModel.load(write(tmp_path, fields, count))
