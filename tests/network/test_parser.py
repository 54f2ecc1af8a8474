"""The face parser as a network and as a file."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hiface.assets.format import read_asset, write_asset
from hiface.assets.store import shipped_names
from hiface.errors import AssetError
from hiface.face.parts import COLOURS, OF_THE_FACE, PART_NAMES, Part, among, painted
from hiface.network.parser import SCHEMA, SHIPPED, FaceParser, ParserConfig, load_parser, parse_crops, save_parser
from hiface.photo.crop import CropBox
from hiface.photo.parse import ParsedFace, parse_face, sampled

TINY = ParserConfig(width=0.125, channels=8, crop=64)


@pytest.fixture(scope="module")
def parser():
    torch.manual_seed(0)
    return FaceParser(TINY).eval()


def crops(count=3, side=64):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3)).astype(np.uint8)


def test_answers_are_probabilities_whatever_the_batch(parser):
    answers = parse_crops(parser, crops())
    assert answers.shape == (3, len(PART_NAMES), 64, 64)
    assert np.allclose(answers.sum(1), 1, atol=1e-5)
    assert np.allclose(answers[1:2], parse_crops(parser, crops()[1:2]), atol=1e-5)


def test_a_mirrored_crop_has_the_mirrored_answer(parser):
    straight, mirrored = parse_crops(parser, crops()), parse_crops(parser, crops()[:, :, ::-1])
    assert np.allclose(straight, mirrored[..., ::-1], atol=1e-5)


def test_a_file_gives_the_same_network(parser, tmp_path):
    save_parser(parser, tmp_path / "p.safetensors", {})
    again = load_parser(tmp_path / "p.safetensors")
    assert again.config == TINY
    assert np.abs(parse_crops(parser, crops()) - parse_crops(again, crops())).max() < 0.02  # half floats


def test_a_file_of_other_classes_is_refused(parser, tmp_path):
    save_parser(parser, tmp_path / "p.safetensors", {})
    asset = read_asset(tmp_path / "p.safetensors", SCHEMA)
    write_asset(tmp_path / "q.safetensors", SCHEMA, asset.tensors, {**asset.meta, "parts": ["skin"]})
    with pytest.raises(AssetError, match="classes"):
        load_parser(tmp_path / "q.safetensors")
    broken = {k: v for k, v in asset.tensors.items() if "answer" not in k}
    write_asset(tmp_path / "r.safetensors", SCHEMA, broken, asset.meta)
    with pytest.raises(AssetError, match="does not fit"):
        load_parser(tmp_path / "r.safetensors")


def test_the_default_network_is_small():
    assert sum(p.numel() for p in FaceParser().parameters()) < 1_000_000


@pytest.mark.skipif(SHIPPED not in shipped_names(), reason="no parser in this installation")
def test_the_shipped_parser_is_small_and_loads():
    assert sum(p.numel() for p in load_parser().parameters()) < 1_000_000


def test_parts_have_colours_of_their_own():
    assert len(COLOURS) == len(Part) == len({tuple(c) for c in COLOURS.tolist()})
    parts = np.arange(len(Part), dtype=np.uint8)
    assert (painted(parts) == COLOURS).all()
    assert np.flatnonzero(among(parts, OF_THE_FACE)).tolist() == sorted(OF_THE_FACE)


def test_places_in_a_parsed_face_go_with_its_crop(parser):
    photo = np.random.default_rng(1).integers(0, 256, (90, 120, 3)).astype(np.uint8)
    parsed = parse_face(parser, photo, CropBox((60.0, 45.0), 40.0, 0.0))
    assert np.allclose(parsed.places(np.array([[60.0, 45.0], [40.0, 25.0]])), [[32, 32], [0, 0]])
    assert np.allclose(parsed.of(tuple(Part)), 1, atol=1e-5)


def test_maps_are_sampled_at_centres_and_known_beyond():
    values = np.arange(16, dtype=np.float32).reshape(4, 4)
    places = np.array([[[0.5, 0.5], [1.0, 0.5], [2.5, 3.5], [-3.0, 2.0]]])
    assert np.allclose(sampled(values, places, beyond=9.0), [[0, 0.5, 14, 9]])


def test_a_parsed_face_of_nothing_has_no_share():
    shares = np.zeros((len(Part), 8, 8), np.float32)
    shares[Part.BACKGROUND] = 1
    assert ParsedFace(shares, CropBox((4, 4), 8, 0)).of(OF_THE_FACE).max() == 0
