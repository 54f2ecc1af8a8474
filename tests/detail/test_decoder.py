"""Decoders of detail: right maps in the right place, nothing outside the mask, gradients, features looked up in UV."""

import numpy as np
import pytest
import torch

from hiface.detail.decoder import DECODED, MapDecoder, _looked_up
from hiface.errors import ConfigError
from hiface.geometry.camera import project
from tiny import detail_basis, face_model

VARIANTS = ("sd1", "sd2", "sd3")
WIDTHS = (8, 8, 16, 32)


@pytest.fixture(scope="module")
def face(tmp_path_factory):
    return face_model(tmp_path_factory.mktemp("face"))


def decoder(face, variant="sd2", side=16):
    torch.manual_seed(0)
    return MapDecoder(variant, detail_basis(side), face.atlas(side), WIDTHS, 12, width=4)


def inputs(face, batch=2, side=32):
    rng = torch.Generator().manual_seed(1)
    stages = [torch.randn(batch, w, side >> (k + 2), side >> (k + 2), generator=rng) for k, w in enumerate(WIDTHS)]
    posed = face.mean[: face.vertex_count("skin")].expand(batch, -1, -1)
    crops, code = torch.randn(batch, 3, side, side, generator=rng), torch.randn(batch, 12, generator=rng)
    return crops, stages, code, posed, torch.full((batch,), 1 / 220)


@pytest.mark.parametrize("variant", VARIANTS)
def test_maps_have_their_names_shape_and_mask(face, variant):
    net = decoder(face, variant)
    with torch.no_grad():
        net.finish.weight.normal_()
        maps = net(*inputs(face))
    assert maps.names == DECODED[variant]
    for name in maps.names:
        found = getattr(maps, name)
        assert found.shape == (2, 16, 16)
        assert (found[:, net.mask == 0] == 0).all()
        assert found[:, net.mask > 0].abs().min() > 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_untrained_decoder_answers_about_the_mean(face, variant):
    basis = detail_basis()
    with torch.no_grad():
        maps = decoder(face, variant)(*inputs(face))
    for name in maps.names:
        mean = 0.0 if name == "dynamic" else getattr(basis, name)(torch.zeros(1, basis.sizes[name]))
        assert (getattr(maps, name) - mean).abs().max() < 0.01


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_parameter_and_every_feature_is_used_and_the_mesh_stays(face, variant):
    net = decoder(face, variant)
    crops, stages, code, posed, scale = inputs(face)
    leaves = [x.requires_grad_() for x in (crops, *stages, code)]
    posed = posed.clone().requires_grad_()
    maps = net(crops, stages, code, posed, scale)
    sum(getattr(maps, n).square().sum() for n in maps.names).backward()
    assert all(x.grad.abs().sum() > 0 for x in leaves)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
    assert posed.grad is None


def test_one_face_of_a_batch_is_that_face_alone(face):
    net = decoder(face)
    with torch.no_grad():
        net.finish.weight.normal_()
        crops, stages, code, posed, scale = inputs(face)
        both = net(crops, stages, code, posed, scale)
        alone = net(crops[1:], [s[1:] for s in stages], code[1:], posed[1:], scale[1:])
    torch.testing.assert_close(both.compressed[1:], alone.compressed, atol=1e-5, rtol=1e-4)


def test_texels_lie_where_the_mesh_shows_their_vertices(face):
    """A vertex at a texel's UV lies in the crop where the texel is said to lie."""
    net = decoder(face, side=64)
    _, _, _, posed, scale = inputs(face, batch=1)
    places = net.places(posed, scale)[0]
    vertex = 6 * 13 + 4
    uv = face.uv[vertex]
    column, row = uv[0] * 64 - 0.5, (1 - uv[1]) * 64 - 0.5
    expected = 2 * project(posed[:, [vertex]], scale, 1.0)[0, 0, :2] - 1
    found = places[round(float(row)), round(float(column))]
    assert (found - expected).abs().max() < 0.02  # half a texel of a tile that spans about 1.4
    assert (places[1] - places[-2])[:, 1].mean() < -0.5  # row 0 is v = 1: the forehead, up in the crop


@pytest.mark.parametrize("side", [2, 16, 64])
def test_what_a_picture_shows_at_a_place_comes_to_its_texel(face, side):
    """A picture that says where each pixel lies, looked up: every texel hears its own place."""
    places = decoder(face, side=16).places(*inputs(face, batch=1)[3:])
    axis = (torch.arange(256) + 0.5) / 128 - 1
    picture = torch.stack([axis.expand(256, 256), axis[:, None].expand(256, 256)])[None]
    found = _looked_up(picture, places, side)[0]
    pooled = places.permute(0, 3, 1, 2)
    wanted = torch.nn.functional.interpolate(pooled, size=(side, side), mode="area" if side < 16 else "bilinear")[0]
    assert wanted.abs().max() < 0.95  # the face lies inside the crop
    torch.testing.assert_close(found, wanted, atol=0.005, rtol=0)


def test_unknown_decoders_list_the_known(face):
    with pytest.raises(ConfigError, match="sd1, sd2, sd3"):
        decoder(face, "bases")


def test_sides_are_the_basis(face):
    maps = decoder(face, side=32)
    with torch.no_grad():
        assert maps(*inputs(face)).stretched.shape == (2, 32, 32)
    assert np.isclose(float(maps.mask.mean()), 30 / 32)
