"""The whole truth of drawn faces: it costs the picture nothing, and its pieces agree with one another."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from made_sources import made_sources
from safetensors.numpy import load

from hiface.detail.sddetail import SDDetail
from hiface.errors import ConfigError
from hiface.face.parts import SKIN_PARTS, Part, among
from hiface.synth.generate import Generator
from hiface.synth.part_kernels import pool_of_part, pool_parts
from hiface.synth.recipe import sample_detail, sample_points, sample_shape
from hiface.synth.wrinkles import MAPS

COUNT = 6


@pytest.fixture(scope="module")
def generator():
    return Generator(made_sources(), seed=3, truth="full")


@pytest.fixture(scope="module")
def samples(generator):
    return [generator.sample(k) for k in range(COUNT)]


def without(generator, *ingredients):
    other = replace(generator, without=frozenset(ingredients), truth="parts")
    return [other.sample(k) for k in range(COUNT)]


def test_more_truth_changes_no_byte_of_the_picture(generator, samples):
    plain = replace(generator, truth="mask").sample(1).files()
    whole = samples[1].files()
    assert set(plain) == {"jpg", "mask.png", "safetensors"} < set(whole)
    assert plain["jpg"] == whole["jpg"]
    assert plain["mask.png"] == whole["mask.png"]
    fields, others = load(plain["safetensors"]), load(whole["safetensors"])
    assert all((fields[k] == others[k]).all() for k in fields)


def test_points_of_the_recipe_are_the_stored_ones(generator, samples):
    model = generator.sources.model
    for sample in samples:
        shape = sample_shape(model, sample.tensors)
        for name in ("dense669", "mediapipe478"):
            assert np.abs(sample_points(model, shape, name) - sample.tensors[name]).max() < 0.01


def test_vertices_of_the_recipe_are_the_generators(generator):
    sample = generator.sample(COUNT)
    shape, figures = sample_shape(generator.sources.model, sample.tensors), generator._figures
    assert np.abs(shape.posed - figures.posed[COUNT]).max() < 2e-3
    assert np.abs(shape.neutral[: figures.neutral.shape[1]] - figures.neutral[COUNT]).max() < 2e-3


def test_detail_of_the_recipe_is_the_stored_maps(generator, samples):
    wrinkles = generator.sources.wrinkles
    if wrinkles.captures is None:
        pytest.skip("no detail basis")
    assert isinstance(wrinkles.detail, SDDetail)
    sample = samples[2]
    detail = sample_detail(wrinkles.detail, sample_shape(generator.sources.model, sample.tensors), sample.tensors)
    for name in MAPS:
        values, stored = getattr(detail, name)[0].numpy(), sample.maps[name]
        block = len(values) // len(stored)
        means = values.reshape(len(stored), block, len(stored), block).mean((1, 3))
        assert np.abs(means - stored).max() < 1e-4


def test_a_recipe_needs_its_own_model(generator, samples):
    fields = dict(samples[0].tensors)
    with pytest.raises(ConfigError, match="drew it"):
        sample_shape(generator.sources.model, fields | {"identity": np.zeros(3, np.float32)})
    del fields["camera"]
    with pytest.raises((ConfigError, KeyError)):
        sample_shape(generator.sources.model, fields)


def test_parts_agree_with_the_skin_mask(samples):
    """But where hair and dark lenses let half of the samples through."""
    for sample in samples:
        apart = sample.skin != among(sample.parts, SKIN_PARTS)
        apart &= ~among(sample.parts, (Part.HAIR, Part.BEARD, Part.GLASSES))
        assert apart.sum() < 0.02 * sample.skin.sum()


def test_parts_lie_where_the_points_say(generator, samples):
    """Seen points of eyes, mouth and brows on the part map, most of them."""
    places = {Part.LIPS: (0, 17, 61, 291), Part.SKIN: (4, 5, 50, 280, 151), Part.BROWS: (52, 282)}
    hits = {part: [] for part in places}
    for sample in samples:
        for part, points in places.items():
            for k in points:
                if sample.tensors["mediapipe478_hidden"][k] == 0:
                    x, y = np.floor(sample.tensors["mediapipe478"][k]).astype(int)
                    hits[part].append((sample.parts[y - 2 : y + 3, x - 2 : x + 3] == part).any())
    assert all(np.mean(found) > 0.8 for found in hits.values() if found)


def test_depth_at_seen_points_is_theirs(generator, samples):
    model = generator.sources.model
    for sample in samples:
        shape = sample_shape(model, sample.tensors)
        index, weight = (w.numpy() for w in model.landmark_weights("dense669"))
        screen = shape.camera.project(np.einsum("lnc,ln->lc", shape.posed[index], weight))
        x, y = np.clip(np.floor(screen[:, :2]).astype(int), 0, sample.parts.shape[0] - 1).T
        seen = (sample.tensors["dense669_hidden"] == 0) & (sample.parts[y, x] == Part.SKIN)
        apart = np.abs(sample.surface.depth_mm[y, x] - 1 / screen[:, 2])[seen]
        assert seen.sum() < 20 or np.median(apart) < 1.0


def test_normals_are_units_and_look_at_the_camera(samples):
    for sample in samples:
        seen = sample.parts == Part.SKIN
        normals = sample.surface.normals[seen]
        assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-4)
        assert (normals[:, 2] > -0.35).mean() > 0.98
        assert ((sample.surface.depth_mm > 0) == (np.abs(sample.surface.normals).sum(2) > 0)).all()


def test_stored_layers_come_back(samples):
    files, surface = samples[0].files(), samples[0].surface
    depth = cv2.imdecode(np.frombuffer(files["depth.png"], np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.abs(depth / 10 - surface.depth_mm).max() <= 0.051
    normals = cv2.imdecode(np.frombuffer(files["normals.png"], np.uint8), cv2.IMREAD_UNCHANGED)[..., ::-1]
    seen = depth > 0
    assert np.abs(normals[seen] / 32767 - 1 - surface.normals[seen]).max() < 2e-5
    parts = cv2.imdecode(np.frombuffer(files["parts.png"], np.uint8), cv2.IMREAD_UNCHANGED)
    assert (parts == samples[0].parts).all()


def test_what_is_left_out_is_gone_and_all_else_stays(generator, samples):
    bare = without(generator, "hair", "occluders")
    gone = (Part.HAIR, Part.GLASSES, Part.HAT, Part.MASK, Part.OTHER)
    assert any(among(s.parts, gone).any() for s in samples)
    for sample, other in zip(samples, bare, strict=True):
        assert not among(other.parts, gone).any()
        for name in ("identity", "expression", "rotation", "camera", "static", "dense669"):
            assert (sample.tensors[name] == other.tensors[name]).all()


def test_plain_light_has_the_main_lights_harmonics_alone(generator, samples):
    """From one direction l, the terms of y, z and x stand as its components do."""
    for plain in without(generator, "hdri"):
        y, z, x = plain.tensors["light"][1:4, 1]
        spread = np.ptp(plain.tensors["light"][1:4], axis=1)
        assert spread.max() < 1e-4  # without a colour
        second = plain.tensors["light"][4, 1]
        assert np.sign(second) == np.sign(x * y) or abs(second) < 1e-5
        assert np.isfinite(z)


def test_an_undegraded_picture_keeps_its_geometry(generator, samples):
    for sample, sharp in zip(samples, without(generator, "degradation"), strict=True):
        assert (sample.parts == sharp.parts).all()
        assert not (sample.picture == sharp.picture).all()


def test_pooling_is_what_counting_gives():
    rng = np.random.default_rng(0)
    fine = rng.integers(0, 4, (12, 12)).astype(np.uint8)
    values = rng.normal(0, 1, (12, 12, 2)).astype(np.float32)
    parts, means = np.zeros((6, 6), np.uint8), np.zeros((6, 6, 2), np.float32)
    pool_parts(fine, parts)
    pool_of_part(values, fine, means)
    for row in range(6):
        for column in range(6):
            block = fine[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].ravel()
            counts = np.bincount(block, minlength=4)
            most = np.flatnonzero(counts == counts.max()).max()
            assert parts[row, column] == most
            own = values[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].reshape(4, 2)[block == most]
            assert np.allclose(means[row, column], own.mean(0), atol=1e-6)
