"""L_detail of decoded maps is that of the bases' where both draw the same maps."""

from dataclasses import replace

import pytest
import torch

from hiface.reconstructor import NetworkConfig, Reconstructor
from hiface.train.assemble import dataset
from hiface.train.config import TrainConfig
from hiface.train.detail_loss import DetailLoss
from hiface.train.drawn import MAPS, _Ruler
from hiface.train.shards import ShardSet
from hiface.types import DecodedMaps
from world import make_world

NETWORK = NetworkConfig(width=0.125, crop=32, mix=16, detail_width=8, decoder_width=4)
CONFIG = TrainConfig(network=NETWORK, synthetic_batch=4, photo_batch=0, loaders=0)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("world"))


def build(world, **changes):
    torch.manual_seed(0)
    config = replace(CONFIG, network=replace(NETWORK, **changes))
    model = Reconstructor(config.network, *world[1]).eval()
    return model, DetailLoss(model), dataset(config, model, ShardSet(world[0]), None)[0]


def wrong(batch):
    return batch.static + 0.3, (batch.compressed - 0.2, batch.stretched + 0.1)


def true_detail(model, batch):
    face = model.face
    neutral = face.neutral(batch.identity, "skin")
    tension = model.detail_model.tension_map(neutral, neutral + face.expression_offset(batch.expression, "skin"))
    return model.detail_model.detail(batch.static, batch.compressed, batch.stretched, tension)


def test_decoded_maps_cost_what_the_same_maps_of_the_bases_cost(world):
    model, loss, batch = build(world)
    basis = model.detail_model.basis
    static, dynamic = wrong(batch)
    expected = loss(static, dynamic, DecodedMaps(), batch)
    assert expected > 0.05
    sd3 = DecodedMaps(static=basis.static(static))
    sd2 = DecodedMaps(compressed=basis.compressed(dynamic[0]), stretched=basis.stretched(dynamic[1]))
    for decoded in (sd2, sd3):
        torch.testing.assert_close(loss(static, dynamic, decoded, batch), expected, rtol=1e-3, atol=1e-4)


def test_the_truth_costs_nothing(world):
    model, loss, batch = build(world)
    truth = true_detail(model, batch)
    for decoded in (
        DecodedMaps(),
        DecodedMaps(static=truth.static),
        DecodedMaps(compressed=truth.compressed, stretched=truth.stretched),
        DecodedMaps(dynamic=truth.dynamic),
    ):
        assert loss(batch.static, (batch.compressed, batch.stretched), decoded, batch) < 1e-3


def test_parts_left_out_cost_nothing_and_the_rest_adds_up(world):
    costs = {}
    for parts in ("both", "static", "dynamic"):
        _, loss, batch = build(world, detail_parts=parts)
        costs[parts] = loss(*wrong(batch), DecodedMaps(), batch)
    torch.testing.assert_close(costs["both"], costs["static"] + costs["dynamic"])


def test_only_variants_that_blend_bases_ask_for_dynamic_coefficients(world):
    asking = set()
    for variant in ("bases", "sd1", "sd2", "sd3"):
        for parts in ("both", "static"):
            _, loss, batch = build(world, detail=variant, detail_parts=parts)
            if loss.dynamic(batch.static, batch):
                asking.add((variant, parts))
    assert asking == {("bases", "both"), ("sd3", "both")}


def test_map_errors_are_zero_at_the_truth_and_not_of_the_coarse_face(world):
    """With the true maps the first three errors vanish whatever identity says; the fourth has the own tension in it."""
    model, _, batch = build(world, detail="sd2")
    real = true_detail(model, batch)
    decoded = DecodedMaps(compressed=real.compressed, stretched=real.stretched)
    with torch.no_grad():
        c = model(torch.rand(4, 3, 32, 32)).coefficients
        c = replace(c, static=batch.static, identity=batch.identity + 1.0)
        truth = {k: getattr(batch, k) for k in ("identity", "expression", "turn", "static", "compressed", "stretched")}
        found = _Ruler(model).errors(c, truth, decoded)
    errors = dict(zip(MAPS, found["maps"].T, strict=True))
    assert max(errors[k].max() for k in MAPS[:3]) < 1e-5
    assert errors["drawn"].min() > 1e-3
    none = dict(zip(MAPS, found["no_maps"].T, strict=True))
    mask = model.detail_model.basis.mask
    torch.testing.assert_close(none["static"], real.static[:, mask].square().mean(1).sqrt())


def test_a_network_without_a_part_has_no_error_of_it(world):
    for parts, column in (("dynamic", 0), ("static", 1)):
        model, _, batch = build(world, detail_parts=parts)
        truth = {k: getattr(batch, k) for k in ("identity", "expression", "turn", "static", "compressed", "stretched")}
        with torch.no_grad():
            prediction = model(torch.rand(4, 3, 32, 32))
            found = _Ruler(model).errors(prediction.coefficients, truth, prediction.decoded)
        assert found["maps"][:, column].isnan().all()
        assert found["maps"][:, 1 - column].isfinite().all()
        assert found["no_maps"].isfinite().all()
        assert (found["no_maps"][:, 2] != found["no_maps"][:, 0]).all()  # the truth has both parts all the same
