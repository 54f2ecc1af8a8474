"""Fits to points: exact derivatives, exact recovery, a falling objective, one identity for all photos."""

import pytest
import torch

from hiface.fit.points import POSE, PointField
from hiface.fit.solve import Gaussian, View, solve
from hiface.geometry.camera import project
from tiny import face_model


@pytest.fixture(scope="module")
def face(tmp_path_factory):
    return face_model(tmp_path_factory.mktemp("face"))


@pytest.fixture(scope="module", params=["mediapipe68", "mediapipe478", "dense669"])
def field(face, request):
    return PointField.of(face, request.param)


def person(face, seed, photos=1):
    """A face in photos: identity, and expression, pose and camera of each; double precision."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*size):
        return torch.randn(*size, generator=generator, dtype=torch.float64)

    rest = [
        torch.cat([
            0.05 + 0.3 * normal(face.expression_size).abs().clamp(max=3), 0.2 * normal(3),
            torch.tensor([1 / 220]).double().log(), 0.03 * normal(2),
        ])
        for _ in range(photos)
    ]  # fmt: skip
    return normal(face.identity_size), rest


def loose(x, deviation):
    return Gaussian(x, torch.full_like(x, deviation**-2))


def test_the_points_are_the_models_own(face, field):
    identity, (rest,) = person(face, 0)
    expression, turn, scale, shift = rest[:-POSE], rest[-6:-3], rest[-3].exp(), rest[-2:]
    gaze = face.gaze(expression[None].float())
    rotation = torch.cat([torch.stack([0.3 * turn, 0.7 * turn])[None].float(), gaze], 1)
    translation = torch.cat([shift / scale, scale.new_zeros(1)])[None].float()
    posed = face(identity[None].float(), expression[None].float(), rotation, translation).posed
    name = {68: "mediapipe68", 478: "mediapipe478", 669: "dense669"}[len(field)]
    wanted = project(face.landmarks(posed, name), scale[None].float(), 1.0)[0, :, :2]
    torch.testing.assert_close(field(identity, rest).float(), wanted, atol=1e-5, rtol=0)


def test_derivatives_are_finite_differences(face, field):
    identity, (rest,) = person(face, 1)
    _, jacobian = field.linearised(identity, rest)
    x, count, step = torch.cat([identity, rest]), len(identity), 1e-6
    for k in range(len(x)):
        way = torch.zeros_like(x)
        way[k] = step
        there, back = (field((x + s * way)[:count], (x + s * way)[count:]) for s in (1, -1))
        torch.testing.assert_close(jacobian[..., k], (there - back) / (2 * step), atol=1e-7, rtol=1e-5)


def test_noiseless_points_give_the_face_back(face):
    """With a flat prior two photos hold more equations than unknowns, and the minimum is the truth."""
    field = PointField.of(face, "dense669")
    identity, rest = person(face, 2, photos=2)
    rest = [torch.cat([r[:-POSE].clamp(0.05, 0.95), r[-POSE:]]) for r in rest]
    rest = [torch.cat([r[:-POSE] * (torch.arange(len(r) - POSE) != 51), r[-POSE:]]) for r in rest]  # tongueOut is zero
    start = [r + 0.02 * torch.randn(len(r), generator=torch.Generator().manual_seed(3)).double() for r in rest]
    views = [
        View(field, field(identity, own), torch.full((669,), 1e8).double(), loose(begin, 100.0))
        for own, begin in zip(rest, start, strict=True)
    ]
    nothing = torch.zeros_like(identity)
    found = solve(views, loose(nothing, 100.0), (nothing, start), steps=200, settled=0)
    for own, view, (k, true) in zip(found.rest, views, enumerate(rest), strict=True):
        off = (field(found.identity, own) - view.points).norm(dim=1).max()
        assert off < 1e-5, (k, off)
        torch.testing.assert_close(own[-6:-3], true[-6:-3], atol=2e-2, rtol=0)


def test_the_objective_only_falls(face):
    field = PointField.of(face, "mediapipe68")
    identity, rest = person(face, 4, photos=3)
    views = [
        View(field, field(identity, r), torch.full((68,), 1e5).double(), loose(torch.zeros_like(r), 1.0)) for r in rest
    ]
    flat = [torch.zeros_like(r) for r in rest]
    for r in flat:
        r[-3] = -5.0
    found = solve(views, loose(torch.zeros_like(identity), 1.0), (torch.zeros_like(identity), flat))
    assert len(found.energies) > 3
    assert all(b <= a for a, b in zip(found.energies, found.energies[1:], strict=False))
    assert found.energies[-1] < 1e-2 * found.energies[0]
    for own in found.rest:
        assert ((own[:-POSE] >= 0) & (own[:-POSE] <= 1)).all()


def test_the_eliminated_system_is_the_whole_one(face):
    """Schur's complement gives the step that the normal equations of all unknowns give."""
    from hiface.fit.solve import _Step

    field = PointField.of(face, "mediapipe68")
    identity, rest = person(face, 5, photos=2)
    rest = [torch.cat([r[:-POSE].clamp(0.3, 0.7), r[-POSE:]]) for r in rest]
    target = [field(identity + 0.01, r) for r in rest]
    prior = loose(identity, 1.0)
    views = [View(field, t, torch.full((68,), 1e3).double(), loose(r, 0.01)) for t, r in zip(target, rest, strict=True)]
    shared, moved = _Step(views, prior, identity, rest).damped(0.0)
    count, size = len(identity), len(rest[0])
    left, right = torch.zeros(count + 2 * size, count + 2 * size).double(), torch.zeros(count + 2 * size).double()
    left[:count, :count] = torch.diag(prior.precision)
    for k, (view, own) in enumerate(zip(views, rest, strict=True)):
        points, jacobian = field.linearised(identity, own)
        rows = list(range(count)) + list(range(count + k * size, count + (k + 1) * size))
        j = jacobian.flatten(0, 1)
        left[torch.tensor(rows)[:, None], torch.tensor(rows)] += 1e3 * j.T @ j
        right[torch.tensor(rows)] += 1e3 * j.T @ (view.points - points).flatten()
        own_rows = torch.tensor(rows[count:])
        left[own_rows, own_rows] += view.prior.precision
    step = torch.linalg.solve(left, right)
    torch.testing.assert_close(shared - identity, step[:count], atol=1e-8, rtol=1e-5)
    torch.testing.assert_close(moved[1] - rest[1], step[count + size :], atol=1e-8, rtol=1e-5)


def test_unseen_points_do_not_pull(face):
    field = PointField.of(face, "mediapipe68")
    identity, (rest,) = person(face, 6)
    rest = torch.cat([rest[:-POSE].clamp(0, 1), rest[-POSE:]])
    points, weight = field(identity, rest), torch.full((68,), 1e5).double()
    points[10], weight[10] = 1e3, 0.0
    found = solve([View(field, points, weight, loose(rest, 1.0))], loose(identity, 1.0), (identity, [rest]))
    torch.testing.assert_close(found.identity, identity)
