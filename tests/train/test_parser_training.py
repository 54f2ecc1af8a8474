"""Training of the face parser: hints that landmarks give, batches, a run that goes on, masks for photos."""

from __future__ import annotations

import io
import tarfile

import cv2
import numpy as np
import pytest
import torch

from hiface.errors import ConfigError
from hiface.face.parts import PART_NAMES, Part
from hiface.network.parser import FaceParser, ParserConfig, load_parser
from hiface.photo.crop import MEAN68, crop_from_landmarks
from hiface.train.parser import ParserTraining, train_parser
from hiface.train.parser_batches import ParserFaces, cut, load_faces, parser_batch
from hiface.train.parser_hints import RULES, allowed, hint_loss, hints
from hiface.train.parser_report import by_group, face_share, intersections, overlay_sheet, photo_parts, table
from hiface.train.photo_masks import parsed_skin
from hiface.train.shards import ShardSet
from world import make_world, shard_members

TINY = ParserConfig(width=0.125, channels=8, crop=64)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def faces(world):
    rng = np.random.default_rng(0)
    points = np.stack([32 + MEAN68[:, :2] * [1, -1] * 64 / 320] * 6)
    pictures = rng.integers(0, 256, (6, 64, 64, 3)).astype(np.uint8)
    parts = (pictures[..., 0] > 127).astype(np.uint8)
    return ParserFaces(pictures, parts, points)


def face_points(side=64):
    """478 points with contours where a face has them."""
    from hiface.face import landmarks

    points = np.full((478, 2), side / 2)
    rings = {
        "FACE_OVAL": (0.5, 0.5, 0.35, 0.42),
        "RIGHT_EYE": (0.36, 0.42, 0.07, 0.03), "LEFT_EYE": (0.64, 0.42, 0.07, 0.03),
        "RIGHT_BROW": (0.36, 0.34, 0.09, 0.02), "LEFT_BROW": (0.64, 0.34, 0.09, 0.02),
        "OUTER_LIPS": (0.5, 0.72, 0.13, 0.08), "INNER_LIPS": (0.5, 0.72, 0.1, 0.04),
    }  # fmt: skip
    for name, (x, y, a, b) in rings.items():
        ring = list(getattr(landmarks, name))
        t = np.arange(len(ring)) / len(ring) * 2 * np.pi
        points[ring] = np.stack([x + a * np.cos(t), y + b * np.sin(t)], 1) * side
    points[33], points[263] = np.array([0.29, 0.42]) * side, np.array([0.71, 0.42]) * side
    return points


def test_hints_allow_what_is_there():
    rules = hints(face_points(), 64)
    places = {
        (27, 23): Part.EYES,
        (34, 32): Part.SKIN,
        (46, 32): Part.MOUTH,
        (3, 3): Part.BACKGROUND,
        (63, 32): Part.NECK,
    }
    for (y, x), part in places.items():
        assert part in RULES[rules[y, x]], part
    assert Part.BACKGROUND not in RULES[rules[32, 32]]
    assert Part.SKIN not in RULES[rules[63, 3]]
    assert Part.EYES not in RULES[rules[2, 2]]


def test_every_rule_forgives_hands_and_everything_is_ruled_by_the_table():
    table = allowed()
    assert table.shape == (len(RULES), len(PART_NAMES))
    assert table[0].all()
    assert table[:, Part.OTHER].all()


def test_the_hint_loss_is_the_probability_of_the_allowed():
    torch.manual_seed(0)
    logits, rules = torch.randn(2, len(PART_NAMES), 4, 4), torch.randint(0, len(RULES), (2, 4, 4)).byte()
    loss = float(hint_loss(logits, rules))
    chances, sum_, count = logits.softmax(1), 0.0, 0
    for b in range(2):
        for y in range(4):
            for x in range(4):
                if rules[b, y, x]:
                    own = [int(p) for p in RULES[int(rules[b, y, x])]]
                    sum_ -= float(chances[b, own, y, x].sum().log())
                    count += 1
    assert abs(loss - sum_ / count) < 1e-5


def test_cut_parts_lie_on_the_crop(faces):
    """Both come from one picture, so they agree but where the crop mixes pixels."""
    wide = ParserFaces(
        np.kron(faces.pictures, np.ones((1, 8, 8, 1), np.uint8)), np.kron(faces.parts, np.ones((1, 8, 8), np.uint8)),
        faces.points68 * 8,
    )  # fmt: skip
    box = crop_from_landmarks(wide.points68[0])
    crop, parts = cut(wide, 0, box, 96, 96)
    assert ((crop[..., 0] > 127) == (parts == 1)).mean() > 0.8


def test_batches_follow_their_seed(faces, world):
    both = [parser_batch(faces, world[2], np.random.default_rng(5), 64, 3, 2) for _ in range(2)]
    assert both[0].crops.shape == (5, 3, 64, 64)
    assert both[0].parts.shape == (3, 32, 32)
    assert both[0].rules.shape == (2, 32, 32)
    assert (both[0].crops == both[1].crops).all()
    assert (both[0].parts == both[1].parts).all()
    assert len(parser_batch(faces, None, np.random.default_rng(5), 64, 3, 2).rules) == 0


def test_a_cut_run_goes_on_exactly(faces, world, tmp_path):
    options = ParserTraining(steps=4, drawn=2, photos=1)
    whole = train_parser(faces, world[2], tmp_path / "a.safetensors", options, TINY)
    train_parser(faces, world[2], tmp_path / "b.safetensors", options, TINY, minutes=0)
    train_parser(faces, world[2], tmp_path / "b.safetensors", options, TINY, minutes=0)
    again = train_parser(faces, world[2], tmp_path / "b.safetensors", options, TINY)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    assert load_parser(tmp_path / "a.safetensors").config == TINY


def test_training_learns_bright_from_dark(tmp_path):
    """Halves of plain pictures: a few steps tell them apart."""
    pictures = np.full((4, 64, 64, 3), 30, np.uint8)
    pictures[:, :, 32:] = 220
    parts = np.where(pictures[..., 0] > 127, Part.SKIN, Part.HAIR).astype(np.uint8)
    points = np.stack([32 + MEAN68[:, :2] * [1, -1] * 64 / 320] * 4)
    faces = ParserFaces(pictures, parts, points)
    options = ParserTraining(steps=30, drawn=8, rate=1e-2, average=0.8)
    parser = train_parser(faces, None, tmp_path / "p.safetensors", options, TINY)
    overlap = intersections(parser, faces)
    assert overlap.iou()[Part.SKIN] > 0.6
    assert "skin" in table(overlap)


def test_a_set_without_part_maps_says_so(world):
    with pytest.raises(ConfigError, match="--truth parts"):
        load_faces(ShardSet(world[0]), range(1))


def test_part_maps_are_read_from_shards(world, tmp_path):
    rng = np.random.default_rng(0)
    parts = rng.integers(0, 15, (64, 64)).astype(np.uint8)
    members = shard_members(rng, world[1][0]) | {"parts.png": cv2.imencode(".png", parts)[1].tobytes()}
    with tarfile.open(tmp_path / "000000.tar", "w") as archive:
        for suffix, data in members.items():
            entry = tarfile.TarInfo(f"000000.{suffix}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    assert (load_faces(ShardSet(tmp_path), range(1)).parts[0] == parts).all()


def test_photos_are_masked_by_landmarks_and_parser_together(world):
    parser, photos = FaceParser(TINY).eval(), world[2]
    with torch.no_grad():
        parser.answer.weight.zero_()
        parser.answer.bias.copy_(torch.eye(len(PART_NAMES))[Part.HAIR] * 20)
    assert not parsed_skin(parser, photos).any()
    parser.answer.bias.data.copy_(torch.eye(len(PART_NAMES))[Part.SKIN] * 20)
    masks = parsed_skin(parser, photos)
    assert masks.shape == photos.pictures.shape[:3]
    assert set(np.unique(masks)) <= {0, 255}


def test_the_report_counts_the_face(world):
    parser, photos = FaceParser(TINY).eval(), world[2]
    parser.answer.weight.data.zero_()
    parser.answer.bias.data.copy_(torch.eye(len(PART_NAMES))[Part.SKIN] * 20)
    crops, parts, points = photo_parts(parser, photos)
    shares = face_share(parts, points)
    assert np.allclose(shares, 1)
    assert "100.0" in by_group(shares, photos.race)
    assert overlay_sheet(crops, parts, 2).shape == (2 * 64, 4 * 64, 3)
