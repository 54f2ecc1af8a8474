"""Fits of photos: shared coefficients are equal, pixels lower the objective, bad landmark files are refused."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from hiface.errors import AssetError, ConfigError, PhotoError
from hiface.fit.decorate import decorate
from hiface.fit.given import GivenPoints, read_landmarks
from hiface.fit.photometric import SIDE, FacePicture, Pixels, meet_pixels
from hiface.fit.photos import FitOptions, fit, identity_prior, view_of
from hiface.fit.points import PointField
from hiface.fit.solve import solve
from hiface.fit.start import start_alone
from hiface.model import HiFace
from hiface.photo.crop import CropBox
from hiface.photo.read import read_photo
from hiface.reconstructor import NetworkConfig, Reconstructor
from hiface.refine import Trust
from tiny import albedo_model, detail_basis, face_model

SHARED = ("identity", "albedo", "static")
OWN = ("expression", "rotation", "translation", "scale")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("assets")
    torch.manual_seed(0)
    config = NetworkConfig(width=0.125, crop=32, mix=16, points_width=16, detail_width=8)
    own = Reconstructor(config, face_model(folder), albedo_model(folder), detail_basis())
    return HiFace(own, {"weights_id": "tiny"}, torch.device("cpu"))


@pytest.fixture(autouse=True)
def whole_picture(monkeypatch):
    """The tiny face's 68 points lie anywhere, which the crop rule cannot read: the crop is the picture."""
    monkeypatch.setattr("hiface.fit.start.crop_from_landmarks", lambda _: CropBox((48.0, 48.0), 96.0, 0.0))


def picture(seed, side=96):
    return np.random.default_rng(seed).integers(0, 255, (side, side, 3), np.uint8)


def given(model, seed, side=96.0):
    """The mean face's points, turned a little, on a picture of `side` pixels."""
    field = PointField.of(model.face, "dense669")
    generator = torch.Generator().manual_seed(seed)
    rest = torch.zeros(model.face.expression_size + 6).double()
    rest[-6:-3] = 0.1 * torch.randn(3, generator=generator).double()
    rest[-3] = np.log(1 / 260)
    shape = 0.5 * torch.randn(model.face.identity_size, generator=generator).double()
    return GivenPoints(side * field(shape, rest).numpy())


def start(model, seed):
    g = given(model, seed)
    return start_alone(model, read_photo(picture(seed)), g), g


def test_photos_of_one_person_share_what_a_person_has(model):
    photos, points = [picture(k) for k in range(3)], [given(model, k) for k in range(3)]
    options = FitOptions(together=True, network=False, steps=3)
    faces = [r.coefficients for r in fit(model, photos, points, options)]
    for other in faces[1:]:
        assert all(torch.equal(getattr(faces[0], n), getattr(other, n)) for n in SHARED)
        assert not any(torch.equal(getattr(faces[0], n), getattr(other, n)) for n in OWN)


def test_photos_fitted_apart_are_photos_fitted_alone(model):
    photos, points = [picture(k) for k in range(2)], [given(model, k) for k in range(2)]
    options = FitOptions(network=False, photometric=False)
    both = fit(model, photos, points, options)
    alone = fit(model, photos[1:], points[1:], options)
    torch.testing.assert_close(both[1].coefficients.identity, alone[0].coefficients.identity)
    assert not torch.equal(both[0].coefficients.identity, both[1].coefficients.identity)


def test_landmarks_alone_bring_the_face_to_them(model):
    result = fit(model, [picture(0)], [given(model, 0)], FitOptions(network=False, photometric=False))[0]
    c = result.coefficients
    (screen,) = model.reconstructor.points(c, 1.0, ("dense669",))
    inverse = np.linalg.inv(result.photo_from_crop)
    wanted = given(model, 0).xy @ inverse[:2, :2].T + inverse[:2, 2]
    off = np.linalg.norm(screen[0, :, :2].numpy() - wanted / result.crop_side, axis=1)
    assert off.mean() < 0.004


def fitted(model, crop_of, steps=25, seed=0):
    """A fit to the pixels of a face whose colours were changed; its start, its crops, its result."""
    began, points = start(model, seed)
    views, prior = [view_of(model, began, points, Trust())], identity_prior([began], Trust())
    found = solve(views, prior, (prior.mean, [views[0].prior.mean]))
    crops = crop_of(began)
    return meet_pixels(
        model.reconstructor, crops, views, prior, found, [began.coefficients], steps, Pixels(worth=1e3, rate=0.1),
        lambda _: None,
    )  # fmt: skip


def test_pixels_lower_the_objective_and_find_the_colour(model):
    albedo = torch.tensor([[1.0, -1.0, 0.5]])

    def crop_of(began):
        with torch.no_grad():
            image, _ = FacePicture(model.reconstructor)(replace(began.coefficients, albedo=albedo))
        return image

    found, energies = fitted(model, crop_of)
    assert all(b <= a for a, b in itertools.pairwise(energies))
    assert energies[-1] < 0.8 * energies[0]
    assert (found[0].albedo - albedo).norm() < albedo.norm()


def test_hopeless_pixels_end_the_fit_early(model):
    _, energies = fitted(model, lambda _: torch.zeros(1, SIDE, SIDE, 3), steps=500)
    assert len(energies) < 400


def test_the_surer_photo_weighs_more(model):
    began = start(model, 0)[0]
    sure, unsure = (replace(began, landmark_sigma=s) for s in (0.5, 2.0))
    one, other = (torch.full_like(began.coefficients.identity, v) for v in (1.0, -1.0))
    sure = replace(sure, coefficients=replace(began.coefficients, identity=one))
    unsure = replace(unsure, coefficients=replace(began.coefficients, identity=other))
    torch.testing.assert_close(identity_prior([sure, unsure], Trust()).mean, (16 * one + other)[0].double() / 17)


def test_contradictions_are_told(model):
    with pytest.raises(ConfigError, match="needs landmarks"):
        fit(model, [picture(0)], None, FitOptions(network=False))
    with pytest.raises(ConfigError, match="2 photos"):
        fit(model, [picture(0), picture(1)], [given(model, 0)])
    with pytest.raises(ConfigError, match="no photo"):
        fit(model, [])


def test_landmark_files_of_every_kind(tmp_path):
    xy = np.random.default_rng(0).uniform(0, 99, (2, 68, 2))
    np.save(tmp_path / "one.npy", xy[0])
    np.save(tmp_path / "two.npy", np.concatenate([xy, np.ones((2, 68, 1))], 2))
    (tmp_path / "list.json").write_text(json.dumps(xy[0].tolist()))
    (tmp_path / "named.json").write_text(json.dumps([{"points": p.tolist(), "sigma": [2.0] * 68} for p in xy]))
    for name, count in (("one.npy", 1), ("two.npy", 2), ("list.json", 1), ("named.json", 2)):
        read = read_landmarks(tmp_path / name, count)
        np.testing.assert_allclose(read[-1].xy, xy[count - 1])
        assert read[0].name == "mediapipe68"
    assert (read_landmarks(tmp_path / "named.json", 2)[0].sigma == 2).all()


def _bad(tmp_path):
    xy = np.random.default_rng(0).uniform(0, 99, (68, 2))
    np.save(tmp_path / "short.npy", xy[:67])
    np.save(tmp_path / "flat.npy", xy.ravel())
    np.save(tmp_path / "text.npy", np.array([["a", "b"]] * 68))
    np.save(tmp_path / "objects.npy", np.array([None] * 68), allow_pickle=True)
    np.save(tmp_path / "nan.npy", np.full((68, 2), np.nan))
    np.save(tmp_path / "sigma.npy", np.concatenate([xy, -np.ones((68, 1))], 1))
    np.save(tmp_path / "many.npy", np.stack([xy, xy]))
    (tmp_path / "broken.json").write_text("[[1, 2], ")
    (tmp_path / "ragged.json").write_text("[[1, 2], [3]]")
    (tmp_path / "nopoints.json").write_text('{"sigma": [1]}')
    (tmp_path / "points.txt").write_text("1 2")
    return [
        "short.npy", "flat.npy", "text.npy", "objects.npy", "nan.npy", "sigma.npy", "many.npy", "broken.json",
        "ragged.json", "nopoints.json", "points.txt", "absent.npy",
    ]  # fmt: skip


def test_bad_landmark_files_are_named(tmp_path):
    for name in _bad(tmp_path):
        with pytest.raises(PhotoError, match=name):
            read_landmarks(tmp_path / name, 1)


def test_points_on_one_line_are_no_face(model):
    with pytest.raises(PhotoError, match="line"):
        start_alone(model, read_photo(picture(0)), GivenPoints(np.stack([np.arange(68.0), np.zeros(68)], 1)))


def test_detail_on_coefficients_of_another_size_is_refused(model, tmp_path, monkeypatch):
    from safetensors.torch import save_file

    began = start(model, 0)[0]
    seen = torch.full((478, 2), 0.5)
    began = replace(began, seen_xy=seen, seen_sigma=torch.full((478,), 0.01))
    monkeypatch.setattr("hiface.fit.decorate.start_of_network", lambda *_: began)
    save_file({"identity": torch.zeros(7), "expression": torch.zeros(53)}, tmp_path / "c.safetensors")
    with pytest.raises(AssetError, match="7 numbers"):
        decorate(model, tmp_path / "c.safetensors", picture(0))
    save_file({"identity": torch.zeros(4)}, tmp_path / "c.safetensors")
    with pytest.raises(AssetError, match="missing"):
        decorate(model, tmp_path / "c.safetensors", picture(0))
    with pytest.raises(AssetError, match="cannot be read"):
        decorate(model, tmp_path / "absent.safetensors", picture(0))


def test_detail_goes_onto_given_coefficients(model, tmp_path, monkeypatch):
    """β and ξ stay to the last bit; φ is the network's; the face lies where the network saw its points."""
    from safetensors.torch import save_file

    static = torch.randn(1, 5, generator=torch.Generator().manual_seed(1))
    began = start(model, 0)[0]
    field = PointField.of(model.face, "mediapipe478")
    identity, expression = 0.5 * torch.ones(4), torch.full((model.face.expression_size,), 0.25)
    truth = began.rest()
    truth[: len(expression)] = expression.double()
    truth[-6:-3] = truth.new_tensor([0.1, -0.1, 0.05])
    seen = field(identity.double(), truth)
    began = replace(
        began, coefficients=replace(began.coefficients, static=static), seen_xy=seen,
        seen_sigma=torch.full((478,), 0.01), box=CropBox((48.0, 48.0), 96.0, 0.0),
    )  # fmt: skip
    monkeypatch.setattr("hiface.fit.decorate.start_of_network", lambda *_: began)
    save_file({"identity": identity[None], "expression": expression[None]}, tmp_path / "c.safetensors")
    result = decorate(model, tmp_path / "c.safetensors", picture(0)).coefficients
    assert torch.equal(result.static, static)
    torch.testing.assert_close(result.identity[0], identity)
    torch.testing.assert_close(result.expression[0], expression)
    turn = (result.rotation[0, 0] + result.rotation[0, 1]).double()
    torch.testing.assert_close(turn, truth[-6:-3], atol=1e-3, rtol=0)
