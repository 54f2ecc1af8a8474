"""The fit to seen points: it meets points that are sure, ignores points that are not, and stays a face."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from hiface.network.points import SeenPoints
from hiface.reconstructor import NetworkConfig, Reconstructor
from hiface.refine import Trust, refine
from hiface.types import Coefficients
from tiny import albedo_model, detail_basis, face_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("assets")
    torch.manual_seed(0)
    config = NetworkConfig(width=0.125, crop=32, mix=16, points_width=16, detail_width=8)
    return Reconstructor(config, face_model(folder), albedo_model(folder), detail_basis()).eval()


@pytest.fixture(scope="module")
def first(model):
    crops = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return model(crops).coefficients


def moved(c: Coefficients) -> Coefficients:
    """A face that differs in everything that the fit may change."""
    generator = torch.Generator().manual_seed(2)
    turn = 0.05 * torch.randn(2, 1, 3, generator=generator)
    return replace(
        c,
        identity=c.identity + 0.6 * torch.randn(c.identity.shape, generator=generator),
        expression=(c.expression + 0.1).clamp(0, 1),
        rotation=torch.cat([c.rotation[:, :1] + 0.3 * turn, c.rotation[:, 1:2] + 0.7 * turn, c.rotation[:, 2:]], 1),
        translation=c.translation + torch.tensor([2.0, -1.0, 0]),
        scale=c.scale * 1.03,
    )


def points(model, c):
    return model.points(c, 1.0, ("mediapipe478",))[0][..., :2]


def seen(model, c, sigma):
    xy = points(model, c)
    return SeenPoints(xy, torch.full(xy.shape[:2], sigma).log())


def distance(model, a, b):
    return float((points(model, a) - points(model, b)).norm(dim=-1).mean())


def test_sure_points_are_met(model, first):
    truth = moved(first)
    found = refine(model, first, seen(model, truth, 1e-4))
    assert distance(model, found, truth) < 0.02 * distance(model, first, truth)
    assert ((found.expression >= 0) & (found.expression <= 1)).all()


def test_unsure_points_change_nothing(model, first):
    found = refine(model, first, seen(model, moved(first), 1e3))
    for name in ("identity", "expression", "rotation", "translation", "scale"):
        torch.testing.assert_close(getattr(found, name), getattr(first, name), atol=1e-4, rtol=1e-4)


def test_its_own_points_leave_a_face_as_it_is(model, first):
    found = refine(model, first, seen(model, first, 0.01))
    assert distance(model, found, first) < 1e-5
    torch.testing.assert_close(found.identity, first.identity, atol=1e-3, rtol=0)


def test_what_points_say_nothing_of_stays(model, first):
    found = refine(model, first, seen(model, moved(first), 0.01))
    for name in ("albedo", "static", "light"):
        assert torch.equal(getattr(found, name), getattr(first, name)), name


def test_a_batch_is_its_faces(model, first):
    both = seen(model, moved(first), 0.01)
    whole = refine(model, first, both)
    for k in range(2):
        alone = refine(model, first[k], both[k], Trust())
        torch.testing.assert_close(whole.identity[k : k + 1], alone.identity)


def test_more_sharing_means_less_change(model, first):
    target = seen(model, moved(first), 0.02)
    change = [
        float((refine(model, first, target, Trust(sharing=c)).identity - first.identity).norm()) for c in (4.0, 64.0)
    ]
    assert change[1] < change[0]


def test_a_known_person_is_held(model, first):
    truth = moved(first)
    target = replace(truth, identity=first.identity)
    found = refine(model, first, seen(model, target, 1e-4), Trust(identity=0.0))
    assert torch.equal(found.identity, first.identity)
    assert distance(model, found, target) < 0.02 * distance(model, first, target)
