"""Detail on a frozen coarse face: nothing of the coarse face changes, everything of detail learns, in every variant."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hiface.assets.format import read_asset, write_asset
from hiface.errors import AssetError, ConfigError
from hiface.reconstructor import SCHEMA, NetworkConfig, Reconstructor, load_reconstructor, save_weights
from hiface.train.assemble import dataset
from hiface.train.config import TrainConfig
from hiface.train.frozen import is_detail, start_coarse
from hiface.train.loop import WEIGHTS, TrainingStep, Validation, train
from hiface.train.photometric import PhotometricTerm
from hiface.train.shards import ShardSet
from world import make_world

CONFIG = TrainConfig(
    network=NetworkConfig(width=0.125, crop=32, mix=16, dropout=0.3, points_width=16, detail_width=8, decoder_width=4),
    steps=4, synthetic_batch=3, photo_batch=2, warmup=1, photometric_every=2, photometric_from=0, photometric_batch=2,
    photometric_side=16, validate_every=2, precision="fp32", loaders=0, learning_rate=1e-2, freeze_coarse=True,
)  # fmt: skip
VARIANTS = ("bases", "sd1", "sd2", "sd3")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def start(world, tmp_path_factory):
    """Weights that are no fixed point of anything, statistics of normalisation included."""
    torch.manual_seed(7)
    model = Reconstructor(CONFIG.network, *world[1])
    model(torch.rand(8, 3, 32, 32))
    path = tmp_path_factory.mktemp("start") / WEIGHTS
    save_weights(model, path, {"step": 1})
    return path


def build(world, config, start=None):
    torch.manual_seed(config.seed)
    model = Reconstructor(config.network, *world[1])
    if start is not None:
        start_coarse(model, start)
    return model, dataset(config, model, ShardSet(world[0]), world[2], np.full((4, 9), 1 / 9, np.float32))


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_coarse_face_stays_bit_identical_and_detail_learns(world, start, tmp_path, variant):
    config = replace(CONFIG, network=replace(CONFIG.network, detail=variant))
    model, data = build(world, config, start)
    first = {k: v.clone() for k, v in model.trained().items()}
    photometric = PhotometricTerm(model, 2, 16)
    train(model, data, tmp_path, Validation({}, None), photometric, accelerator="cpu", devices=1)
    original, written = read_asset(start, SCHEMA).tensors, read_asset(tmp_path / WEIGHTS, SCHEMA).tensors
    coarse = [k for k in written if not is_detail(k)]
    assert any("running_var" in k for k in coarse)
    assert any("num_batches" in k for k in coarse)
    for name in coarse:
        assert torch.equal(model.trained()[name], first[name]), name
        assert np.array_equal(written[name], original[name]), name
    moved = {k for k, v in model.trained().items() if not torch.equal(v, first[k])}
    assert {"head.static.weight", "age_head.layers.0.weight"} <= moved
    assert ("decoder.finish.weight" in moved) == (variant != "bases")
    assert ("detail_model.dynamic.decode.4.weight" in moved) == (variant in ("bases", "sd3"))


def test_coarse_predictions_stay_and_static_ones_move(world, start, tmp_path):
    model, data = build(world, CONFIG, start)
    train(model, data, tmp_path, Validation({}, None), accelerator="cpu", devices=1)
    before, _ = load_reconstructor(start, *world[1])
    after, _ = load_reconstructor(tmp_path / WEIGHTS, *world[1])
    crops = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        a, b = before(crops).coefficients, after(crops).coefficients
    assert all(torch.equal(getattr(a, n), getattr(b, n)) for n in vars(a) if n != "static")
    assert not torch.equal(a.static, b.static)


@pytest.mark.parametrize(
    ("variant", "parts"),
    [*zip(VARIANTS, ["both"] * 4, strict=True), *zip(VARIANTS, ["static", "dynamic"] * 2, strict=True)],
)
def test_what_learns_is_what_the_detail_asks(world, start, variant, parts):
    """Every parameter with a gradient to come gets one, and the loss of detail falls."""
    network = replace(CONFIG.network, detail=variant, detail_parts=parts)
    config = replace(CONFIG, network=network, photometric_every=0)
    model, data = build(world, config, start)
    step = TrainingStep(model, config, None).train()
    batch, losses = data[0], []
    optimizer = torch.optim.AdamW([p for p in step.parameters() if p.requires_grad], lr=4e-2)
    for _ in range(12):
        total, terms = step(batch, 1)
        losses.append(float(terms["detail"].detach()))
        optimizer.zero_grad()
        total.backward()
        if len(losses) == 1:
            open_names = {n for n, p in model.named_parameters() if p.requires_grad}
            touched = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
        optimizer.step()
    assert all(is_detail(n) for n in open_names)
    silent = {n for n in open_names - touched if not n.startswith("decoder.")}
    assert silent == set()
    decoded_part = {"sd1": "static", "sd2": "static", "sd3": "dynamic"}.get(variant)
    if parts != decoded_part and variant != "bases":
        assert any(n.startswith("decoder.") for n in touched)
    assert losses[-1] < 0.9 * losses[0]
    assert not model.training


def test_detail_is_drawn_anew_and_the_start_must_fit(world, start, tmp_path):
    model, _ = build(world, CONFIG)
    static = model.head.static.weight.clone()
    start_coarse(model, start)
    assert torch.equal(model.head.static.weight, static)
    wider = Reconstructor(replace(CONFIG.network, mix=24), *world[1])
    with pytest.raises(AssetError, match="does not fit this network"):
        start_coarse(wider, start)
    asset = read_asset(start, SCHEMA)
    ids = {**asset.meta["asset_ids"], "face_model": "another"}
    write_asset(tmp_path / "w.safetensors", SCHEMA, asset.tensors, {**asset.meta, "asset_ids": ids})
    with pytest.raises(AssetError, match="another face model"):
        start_coarse(model, tmp_path / "w.safetensors")


def test_weights_from_before_the_variants_load_as_sd_detail(world, start, tmp_path):
    """A configuration without the fields of the ablation, as older weight files have it."""
    asset = read_asset(start, SCHEMA)
    old = {k: v for k, v in asset.meta["config"].items() if k not in ("detail", "detail_parts", "decoder_width")}
    write_asset(tmp_path / "old.safetensors", SCHEMA, asset.tensors, {**asset.meta, "config": old})
    model, _ = load_reconstructor(tmp_path / "old.safetensors", *world[1])
    assert (model.config.detail, model.config.detail_parts, model.decoder) == ("bases", "both", None)


@pytest.mark.parametrize("variant", ["sd1", "sd2", "sd3"])
def test_a_decoding_network_gives_detail_and_refuses_coefficients_alone(world, tmp_path, variant):
    model = build(world, replace(CONFIG, network=replace(CONFIG.network, detail=variant)))[0].eval()
    save_weights(model, tmp_path / WEIGHTS, {})
    model, _ = load_reconstructor(tmp_path / WEIGHTS, *world[1])
    with torch.inference_mode():
        prediction = model(torch.rand(2, 3, 32, 32))
        c = prediction.coefficients
        detail = model.detail(c, model.shape(c), prediction.decoded)
        torch.testing.assert_close(detail.displacement, detail.static + detail.dynamic)
        assert (detail.displacement[:, ~model.detail_model.basis.mask] == 0).all()
        for name in prediction.decoded.names:
            assert torch.equal(getattr(detail, name), getattr(prediction.decoded, name))
        if variant == "sd1":
            assert detail.compressed.abs().max() == detail.stretched.abs().max() == 0
        with pytest.raises(ConfigError, match="draws its detail from the picture"):
            model.detail(c, model.shape(c))


def test_images_of_one_kind_fill_the_step(world):
    kinds = {"both": (3, 2), "synthetic": (5, 0), "photos": (0, 5)}
    for images, counts in kinds.items():
        _, data = build(world, replace(CONFIG, images=images))
        assert data.counts(2) == counts
    with pytest.raises(ConfigError, match="both, photos, synthetic"):
        replace(CONFIG, images="none")
