"""Drawn faces in the mirror: their numbers make the mirrored face, twice mirrored is the face itself."""

import numpy as np
import pytest
import torch

from hiface.face.mirror import FaceMirror, mirror_of_units
from hiface.face.model import FaceModel
from hiface.train.mirror import SampleMirror
from hiface.train.shards import Sample
from tiny import face_model


@pytest.fixture(scope="module")
def face():
    return FaceModel.load()


@pytest.fixture(scope="module")
def mirror(face):
    return SampleMirror.of(face)


@pytest.fixture
def sample(face):
    rng = np.random.default_rng(4)
    weights = np.zeros(face.expression_size, np.float32)
    for name in ("mouthSmileLeft", "browDownRight", "jawOpen", "eyeLookInLeft", "eyeLookOutRight"):
        weights[face.expression_names.index(name)] = rng.uniform(0.3, 0.9)
    truth = {
        "identity": rng.normal(0, 1, face.identity_size).astype(np.float32),
        "expression": weights,
        "rotation": rng.normal(0, 0.2, (4, 3)).astype(np.float32),
        "light": rng.normal(0, 1, (9, 3)).astype(np.float32),
        **{n: rng.uniform(10, 50, (k, 2)).astype(np.float32) for n, k in (("dense669", 669), ("mediapipe478", 478))},
        **{f"{n}_visible": rng.integers(0, 2, k) for n, k in (("dense669", 669), ("mediapipe478", 478))},
    }
    return Sample(rng.integers(0, 255, (8, 64, 3), np.uint8), rng.integers(0, 255, (8, 64), np.uint8), truth)


def posed(face, truth):
    groups = (torch.from_numpy(truth[k])[None] for k in ("identity", "expression", "rotation"))
    return face(*groups, torch.zeros(1, 3), "skin").posed[0]


def test_the_numbers_of_a_mirrored_face_make_its_mirror_image(face, mirror, sample):
    order = torch.from_numpy(face.symmetry[: face.vertex_count("skin")].astype(np.int64))
    wanted = (posed(face, sample.truth) * torch.tensor([-1.0, 1, 1]))[order]
    found = posed(face, mirror(sample).truth)
    assert float((wanted - found).norm(dim=-1).mean()) < 0.05
    assert float((wanted - posed(face, sample.truth)).norm(dim=-1).mean()) > 1  # the face is far from symmetric


def test_every_landmark_has_a_mirror_image_of_its_own(mirror):
    for pairs in (mirror.points478, mirror.dense):
        assert np.array_equal(pairs[pairs], np.arange(len(pairs)))


def test_twice_mirrored_is_the_face(mirror, sample):
    back = mirror(mirror(sample))
    for name, value in sample.truth.items():
        np.testing.assert_allclose(back.truth[name], value, atol=2e-3, err_msg=name)
    assert np.array_equal(back.picture, sample.picture)
    assert np.array_equal(back.mask, sample.mask)


def test_a_half_that_has_no_mirror_image_is_left_alone(face, mirror, sample):
    """The mirror image of browInnerUpLeft alone is browInnerUp less it: a negative weight."""
    sample.truth["expression"][face.expression_names.index("browInnerUpLeft")] = 0.8
    assert mirror(sample) is None


def test_a_face_model_without_mirror_images_has_no_mirror(tmp_path):
    face = face_model(tmp_path)
    assert FaceMirror.of(face) is None
    assert SampleMirror.of(face) is None


def test_units_swap_sides_by_name():
    names = ("jawOpen", "smileLeft", "smileRight", "pout", "poutLeft", "oddLeft")
    matrix, known = mirror_of_units(names)
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.0])
    assert torch.allclose(weights @ matrix, torch.tensor([0.1, 0.3, 0.2, 0.9, -0.5, 0.0]))
    assert known.tolist() == [True] * 5 + [False]
