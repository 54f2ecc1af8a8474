"""Backbones, head and the forward path on tiny sizes."""

import pytest
import torch
from safetensors.torch import save_file

from hiface.assets.format import read_asset, write_asset
from hiface.detail.sddetail import SDDetail
from hiface.errors import AssetError, ConfigError
from hiface.network.backbone import LARGEST, BoundedNorm, ResNet, load_backbone_weights
from hiface.network.head import leaky
from hiface.reconstructor import SCHEMA, NetworkConfig, Reconstructor, load_reconstructor, save_weights
from tiny import albedo_model, detail_basis, face_model


@pytest.fixture(scope="module")
def assets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("assets")
    return face_model(folder), albedo_model(folder), detail_basis()


def build(assets, **changes):
    torch.manual_seed(0)
    return Reconstructor(NetworkConfig(width=0.125, crop=64, mix=32, detail_width=16, **changes), *assets)


@pytest.mark.parametrize(
    ("name", "parameters"), [("resnet18", 11_176_512), ("resnet34", 21_284_672), ("resnet50", 23_508_032)]
)
def test_backbones_have_torchvisions_size(name, parameters):
    """Torchvision's counts without the classifier (512 or 2048 inputs, 1000 classes, and its offsets)."""
    backbone = ResNet(name)
    assert sum(p.numel() for p in backbone.parameters()) == parameters
    assert backbone(torch.zeros(1, 3, 64, 64)).shape == (1, backbone.channels, 2, 2)


def test_normalisation_is_batch_normalisation_within_its_bound():
    norm, plain = BoundedNorm(3).eval(), torch.nn.BatchNorm2d(3).eval()
    x = torch.tensor([-400.0, -4.9, 0.0, 4.9, 400.0])[None, None, None].expand(1, 3, 1, 5)
    torch.testing.assert_close(norm(x)[..., 1:4], plain(x)[..., 1:4])
    assert norm(x).abs().max() == LARGEST


def test_a_pattern_that_grows_from_block_to_block_is_held():
    """Blocks whose fixed statistics are ten times too small, as for a pattern that training never met."""
    torch.manual_seed(0)
    backbone = ResNet("resnet34", 0.125).eval()
    for module in backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.fill_(0.1)
    with torch.no_grad():
        features = backbone(torch.rand(1, 3, 64, 64))
    assert features.max() <= 4 * LARGEST  # a shortcut and three blocks


def test_backbone_weights_load_by_torchvisions_names(tmp_path):
    source, target = ResNet("resnet18", 0.125), ResNet("resnet18", 0.125)
    save_file(
        {**source.state_dict(), "fc.weight": torch.zeros(1), "fc.bias": torch.zeros(1)},
        tmp_path / "w.safetensors",
    )
    assert "layer3.0.downsample.1.running_mean" in source.state_dict()
    assert load_backbone_weights(target, tmp_path / "w.safetensors") == ["fc.bias", "fc.weight"]
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(source.eval()(x), target.eval()(x))
    with pytest.raises(AssetError, match="does not fit"):
        load_backbone_weights(ResNet("resnet34", 0.125), tmp_path / "w.safetensors")


def test_unknown_backbone_lists_the_known():
    with pytest.raises(ConfigError, match="resnet18, resnet34, resnet50"):
        ResNet("resnet20")


def test_weights_stay_in_range_and_keep_a_gradient():
    x = torch.tensor([[-0.5, 0.3, 1.7, -2.0]], requires_grad=True)
    y = leaky(x, torch.tensor([0.0, 0.0, 0.0, -3.0]), torch.tensor([1.0, 1.0, 1.0, 3.0]))
    torch.testing.assert_close(y, torch.tensor([[0.0, 0.3, 1.0, -2.0]]))
    y.sum().backward()
    torch.testing.assert_close(x.grad, torch.tensor([[0.1, 1.0, 0.1, 1.0]]))


def test_an_untrained_network_answers_the_mean_face_in_the_middle(assets):
    model = build(assets).eval()
    with torch.inference_mode():
        prediction = model(torch.rand(3, 3, 64, 64))
        (screen,) = model.points(prediction.coefficients, 64.0)
    assert prediction.coefficients.identity.abs().max() < 1
    assert (screen[..., :2].mean(1) - 32).abs().max() < 6


def test_batching_changes_nothing(assets):
    model = build(assets).eval()
    crops = torch.rand(3, 3, 64, 64)
    with torch.inference_mode():
        together, alone = model(crops).coefficients, model(crops[1:2]).coefficients
    for name in ("identity", "expression", "rotation", "translation", "scale", "light", "static"):
        torch.testing.assert_close(getattr(together, name)[1:2], getattr(alone, name), atol=2e-4, rtol=1e-3)


def test_the_centre_of_the_points_lies_where_the_head_says(assets):
    model = build(assets).eval()
    with torch.inference_mode():
        features = model.backbone((torch.rand(2, 3, 64, 64) - model._mean) / model._deviation)
        raw = model.head(features)
        (screen,) = model.points(model.absolute(raw), 1.0)
    centre = screen[..., :2].mean(1)
    expected = torch.stack([0.5 + raw.shift[:, 0], 0.5 - raw.shift[:, 1]], 1)
    torch.testing.assert_close(centre, expected, atol=1e-4, rtol=0)


def test_weight_files_round_trip_and_know_their_assets(tmp_path, assets):
    model = build(assets).eval()
    path = tmp_path / "weights.safetensors"
    save_weights(model, path, {"licence": "Apache-2.0"})
    loaded, meta = load_reconstructor(path, *assets)
    assert meta["licence"] == "Apache-2.0"
    assert loaded.config == model.config
    crops = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        a, b = model(crops).coefficients, loaded(crops).coefficients
    torch.testing.assert_close(a.translation, b.translation, atol=0.5, rtol=0.01)  # stored as half floats
    other = albedo_model(tmp_path, modes=4)
    with pytest.raises(AssetError, match="belong to albedo"):
        load_reconstructor(path, assets[0], other, assets[2])


def test_the_kind_of_tension_is_stored_with_the_weights(tmp_path, assets):
    basis = detail_basis()
    skin = len(assets[0].mean[assets[0].vertex_range("face")])
    basis.squeeze_direction = torch.nn.functional.normalize(torch.randn(skin, 3), dim=1)
    assets = *assets[:2], basis
    path = tmp_path / "weights.safetensors"
    save_weights(build(assets, tension="oriented"), path, {})
    kept, plain = (load_reconstructor(path, *assets, tension=kind)[0] for kind in (None, "plain"))
    assert (kept.config.tension, plain.config.tension) == ("oriented", "plain")
    neutral = assets[0].mean[None, :skin]
    moved = neutral + assets[0].expression_basis[:1, :skin]
    tension = SDDetail.of_face(assets[0], basis, tension="oriented").tension_map(neutral, moved)
    torch.testing.assert_close(kept.detail_model.tension_map(neutral, moved), tension)
    assert not torch.allclose(plain.detail_model.tension_map(neutral, moved), tension, atol=0.01)


def test_weights_from_before_the_choice_of_tension_are_plain(tmp_path, assets):
    model, path = build(assets), tmp_path / "old.safetensors"
    save_weights(model, path, {})
    old = read_asset(path, SCHEMA)
    config = {k: v for k, v in old.meta["config"].items() if k != "tension"}
    write_asset(path, SCHEMA, old.tensors, {**old.meta, "config": config})
    loaded, _ = load_reconstructor(path, *assets)
    assert loaded.config == model.config
    assert loaded.detail_model.tension.end_weights is None


def test_an_unknown_kind_of_tension_lists_the_known_ones(assets):
    with pytest.raises(ConfigError, match="oriented, plain"):
        build(assets, tension="twisted")
