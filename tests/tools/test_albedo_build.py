"""What `tools/albedo` computes: colour, pigments, principal modes, maps that meet."""

from __future__ import annotations

import numpy as np
import pytest
from tools.albedo.axes import colour_of, fit_axes, spectral_density
from tools.albedo.colour import ITA_CLASSES, class_shares, ita, lab
from tools.albedo.optics import WAVELENGTHS, blood_absorption, linear_rgb, melanosome_absorption, reflectance
from tools.albedo.patterns import both_sides, principal_modes
from tools.albedo.skins import blurred_where, delit
from tools.albedo.tiles import sampled

from hiface.face.albedo import density_of


def test_white_grey_and_blue_have_their_lab():
    np.testing.assert_allclose(lab(np.ones(3)), [100, 0, 0], atol=0.05)
    np.testing.assert_allclose(lab(np.full(3, 0.184187)), [50, 0, 0], atol=0.05)
    np.testing.assert_allclose(lab(np.array([0.0, 0.0, 1.0])), [32.3, 79.2, -107.9], atol=0.3)


def test_typology_angle_and_its_classes():
    assert ita(np.array([60.0, 12.0, 10.0])) == pytest.approx(45.0)
    assert ita(np.array([50.0, 12.0, 10.0])) == pytest.approx(0.0)
    shares = class_shares(np.array([-80.0, -31.0, 0.0, 20.0, 30.0, 50.0, 60.0, 70.0]))
    assert list(shares) == list(ITA_CLASSES)
    assert list(shares.values()) == pytest.approx([0.25, 0.125, 0.125, 0.125, 0.125, 0.25])


def test_a_flat_spectrum_is_grey():
    np.testing.assert_allclose(linear_rgb(np.full(len(WAVELENGTHS), 0.4)), [0.4, 0.4, 0.4], atol=2e-3)


def test_pigments_darken_and_colour_as_they_must():
    assert (np.diff(melanosome_absorption()) < 0).all()
    green, red = (blood_absorption()[w == WAVELENGTHS][0] for w in (540, 650))
    assert green > 20 * red
    assert (reflectance(0.1, 0.02) < reflectance(0.02, 0.02)).all()
    light, flushed, dark = (lab(linear_rgb(reflectance(*x))) for x in ((0.02, 0.01), (0.02, 0.03), (0.1, 0.01)))
    assert flushed[1] > light[1] + 3
    assert dark[0] < light[0] - 10
    assert (spectral_density(0.1, 0.01) > spectral_density(0.02, 0.01)).all()


def test_density_and_colour_are_inverse():
    colours = np.random.default_rng(0).uniform(0.02, 0.85, (50, 3))
    np.testing.assert_allclose(colour_of(density_of(colours)), colours, rtol=1e-6)


def test_axes_span_the_skins_they_were_given():
    skins = np.linspace([-1.6, 0.0, 0.7], [1.8, 3.1, 3.8], 9)
    axes = fit_axes(skins)
    light, dark = (lab(colour_of(axes.centre + z * axes.melanin))[0] for z in (-2.0, 2.4))
    found = lab(colour_of(skins))[:, 0]
    assert light == pytest.approx(found.max(), abs=1e-3)
    assert dark == pytest.approx(found.min(), abs=1e-3)
    redder = lab(colour_of(axes.centre + axes.haemoglobin)) - lab(colour_of(axes.centre))
    yellower = lab(colour_of(axes.centre + axes.undertone)) - lab(colour_of(axes.centre))
    assert redder[1] > 1
    assert yellower[2] > 1
    assert abs(yellower[1]) < 0.4


def test_principal_modes_have_unit_deviation():
    rng = np.random.default_rng(3)
    samples = rng.standard_normal((40, 3)) @ rng.standard_normal((3, 200))
    modes, share = principal_modes(samples, np.full(40, 1 / 40), 10)
    assert len(modes) == 3
    assert share.sum() == pytest.approx(1.0)
    coefficients = samples @ np.linalg.pinv(modes)
    np.testing.assert_allclose((coefficients**2).mean(0), 1.0, rtol=1e-6)
    np.testing.assert_allclose(coefficients @ modes, samples, atol=1e-8)


def test_mirroring_twice_gives_the_map_back():
    cut, total = 128 * 128 * 3, 128 * 128 * 3 + 64 * 64 * 3
    flat = np.random.default_rng(0).standard_normal((2, total))
    twice = both_sides(both_sides(flat, cut)[2:], cut)[2:]
    np.testing.assert_array_equal(twice, flat)


def test_a_look_up_at_texel_centres_gives_the_texels():
    maps = np.random.default_rng(1).random((8, 8, 3)).astype(np.float32)
    uv = np.array([[(2 + 0.5) / 8, 1 - (5 + 0.5) / 8], [(7 + 0.5) / 8, 1 - 0.5 / 8]])
    np.testing.assert_allclose(sampled(maps, uv), maps[[5, 0], [2, 7]], atol=1e-6)


def test_light_is_taken_out_and_colour_stays():
    side = 64
    skin = np.broadcast_to(np.array([0.5, 0.3, 0.2], np.float32), (side, side, 3))
    shade = np.exp(-0.8 * np.linspace(0, 1, side, dtype=np.float32))[:, None, None]
    none = np.zeros((side, side), np.float32)
    result = delit(skin * shade, none, none, wide=6.0)
    spread = np.ptp(np.log(result), axis=(0, 1))
    assert (spread < 0.45 * 0.8).all()
    np.testing.assert_allclose(result[..., 0] / result[..., 1], 5 / 3, rtol=1e-3)


def test_hair_is_replaced_by_the_skin_around():
    skin = np.full((64, 64, 3), 0.4, np.float32)
    hair = np.zeros((64, 64), np.float32)
    hair[20:30, 20:40] = 1
    skin[hair > 0] = 0.02
    result = delit(skin, np.zeros_like(hair), hair, wide=6.0)
    assert result[24, 30, 0] > 0.3


def test_a_blur_does_not_mix_what_has_no_weight():
    field = np.ones((32, 32), np.float32)
    weight = np.ones_like(field)
    field[:, 16:], weight[:, 16:] = 50.0, 0.0
    assert blurred_where(field, weight, 2.0)[16, 8] == pytest.approx(1.0, abs=0.01)
