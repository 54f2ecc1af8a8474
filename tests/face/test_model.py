"""The face model: Eqs. 1 and 2 as identities, prefixes, landmarks, and files that are wrong."""

import numpy as np
import pytest
import torch

from hiface.assets.format import write_asset
from hiface.errors import AssetError
from hiface.face.asset import ARKIT, SCHEMA
from hiface.face.expression_prior import ExpressionPrior
from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE, mirror_pairs, normalised_errors
from hiface.face.model import FaceModel
from hiface.face.points import PointModel
from hiface.geometry.camera import project
from hiface.geometry.topology import triangulate
from hiface.render.rasterise import rasterise
from tiny import SKIN, albedo_model, face_model, face_tensors


@pytest.fixture(scope="module")
def face(tmp_path_factory):
    return face_model(tmp_path_factory.mktemp("face"))


def rest(face, batch=1):
    zeros = torch.zeros
    return (
        zeros(batch, face.identity_size), zeros(batch, face.expression_size), zeros(batch, 4, 3), zeros(batch, 3)
    )  # fmt: skip


def test_zero_coefficients_give_the_mean(face):
    shape = face(*rest(face))
    for field in (shape.neutral, shape.expressive, shape.posed):
        torch.testing.assert_close(field[0], face.mean)


def test_shape_is_linear(face):
    identity = rest(face, 2)[0]
    a, b = torch.randn_like(identity), torch.randn_like(identity)
    middle = face.neutral((a + b) / 2)
    torch.testing.assert_close(middle, (face.neutral(a) + face.neutral(b)) / 2, atol=1e-4, rtol=1e-4)


def test_skin_is_a_prefix_of_all(face):
    identity, expression, rotation, translation = (torch.randn_like(x) for x in rest(face, 2))
    whole, skin = (face(identity, expression, rotation, translation, part) for part in ("all", "skin"))
    assert skin.posed.shape[1] == SKIN
    torch.testing.assert_close(whole.posed[:, :SKIN], skin.posed)


def test_turning_neck_and_head_about_one_axis_turns_the_head_rigidly(face):
    identity, expression, rotation, translation = rest(face)
    turn = torch.tensor([0.1, 0.4, -0.2])
    rotation[:, 0], rotation[:, 1] = 0.3 * turn, 0.7 * turn
    posed = face(identity, expression, rotation, translation).posed[0]
    bound = face.skin_weights[:, 1] == 1
    from hiface.geometry.rotation import matrix_from_axis_angle

    turned = face.mean[bound] @ matrix_from_axis_angle(turn).T
    difference = posed[bound] - turned
    torch.testing.assert_close(difference, difference[:1].expand_as(difference), atol=1e-4, rtol=0)


def test_eyeballs_are_rigid_under_gaze(face):
    _, expression, rotation, translation = rest(face)
    expression[0, face.expression_names.index("eyeLookOutLeft")] = 1
    rotation[:, 2:] = face.gaze(expression)
    posed = face(rest(face)[0], expression, rotation, translation).posed[0]
    ball = face.vertex_range("eyeball_left")
    before, after = torch.pdist(face.mean[ball]), torch.pdist(posed[ball])
    torch.testing.assert_close(before, after)
    assert posed[ball][0, 0] > face.mean[ball][0, 0] + 1  # the left eye's front turns to the subject's left


def test_points_alone_equal_points_of_the_whole(face):
    identity, expression, rotation, translation = (0.3 * torch.randn_like(x) for x in rest(face, 3))
    points = PointModel(face)
    posed = points(identity, expression, rotation) + translation[:, None]
    whole = face(identity, expression, rotation, translation).posed
    for name in points.names:
        torch.testing.assert_close(points.points(posed, name), face.landmarks(whole, name), atol=1e-4, rtol=1e-5)


def test_joints_follow_identity_linearly(face):
    identity = torch.randn(2, face.identity_size)
    index, weight = (torch.from_numpy(face_tensors()[0][f"joint_{k}"]) for k in ("index", "weight"))
    expected = torch.einsum("bjnx,jn->bjx", face.neutral(identity)[:, index.long()], weight)
    torch.testing.assert_close(face.joints(identity), expected, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, m: t.pop("skin_weights"), "missing fields"),
        (lambda t, m: t.update(mean=t["mean"] * np.nan), "not finite"),
        (lambda t, m: t.update(surprise=t["mean"]), "unknown fields"),
        (lambda t, m: m.update(expression_names=list(reversed(m["expression_names"]))), "ARKit"),
        (lambda t, m: t.update(polygons=t["polygons"] + 1000), "names vertex"),
    ],
)
def test_wrong_files_say_what_is_wrong(tmp_path, change, message):
    tensors, meta = face_tensors()
    change(tensors, meta)
    path = tmp_path / "broken.safetensors"
    free = SCHEMA.__class__(**{**vars(SCHEMA), "any_fields": True})
    write_asset(path, free, tensors, meta)
    with pytest.raises(AssetError, match=message) as error:
        FaceModel.load(path)
    assert str(path) in str(error.value)


def test_unknown_names_list_the_known(face):
    for call in (
        lambda: face.region("nostril"),
        lambda: face.vertex_range("tail"),
        lambda: face.landmarks(face.mean[None], "x"),
    ):
        with pytest.raises(AssetError, match="known"):
            call()


def test_albedo_is_a_colour_for_any_coefficients(tmp_path):
    albedo = albedo_model(tmp_path)
    maps = albedo.face(torch.randn(4, albedo.size) * 30)
    assert maps.shape == (4, 16, 16, 3)
    assert 0 <= maps.min() < maps.max() <= 0.9
    reduced = albedo.reduced(4).face(torch.zeros(1, albedo.size), 4)
    assert reduced.shape == (1, 4, 4, 3)


def test_shipped_face_has_what_the_package_promises():
    face = FaceModel.load()
    assert face.expression_names[:52] == ARKIT
    assert face.vertex_count("skin") == 11248
    assert len(face.landmark_weights("dense669")[0]) == 669
    np.testing.assert_array_equal(face.symmetry[face.symmetry], np.arange(face.vertex_count()))
    mean = face.mean.numpy()
    face_part = face.vertex_range("face")
    mirrored = mean[face.symmetry[face_part]] * [-1, 1, 1]
    assert np.abs(mirrored - mean[face_part]).max() < 0.06
    for side in ("left", "right"):
        ball = mean[face.vertex_range(f"eyeball_{side}")]
        radius = (ball[:, 0].max() - ball[:, 0].min()) / 2
        assert radius == pytest.approx(12.6, abs=0.5)
    six, own = face.landmark_weights("mediapipe68")[0], face.landmark_weights("mediapipe478")[0]
    assert torch.equal(six, own[list(IBUG68_OF_MEDIAPIPE)])


def eyeball_pixels(face, blink, identity):
    """How many pixels of a front view show an eyeball."""
    expression = torch.zeros(1, face.expression_size)
    expression[0, [face.expression_names.index(f"eyeBlink{s}") for s in ("Left", "Right")]] = blink
    posed = face(identity, expression, torch.zeros(1, 4, 3), torch.zeros(1, 3)).posed
    lashes = face.polygon_range("eyelashes_left").start
    triangles = torch.from_numpy(triangulate(face.polygons[:lashes]))
    first = len(triangulate(face.polygons[: face.polygon_range("eyeball_left").start]))
    raster = rasterise(project(posed, torch.tensor([1 / 230]), 512), triangles, 512, 512)
    return int((raster.face_id >= first).sum())


@pytest.mark.parametrize(("deviation", "share"), [(0.0, 0.06), (0.7, 0.15)])
def test_lids_close_over_the_eyeballs(deviation, share):
    """The source's blink is one offset for everybody: lids that identity draws apart keep a slit."""
    face = FaceModel.load()
    identity = deviation * torch.randn(1, face.identity_size, generator=torch.Generator().manual_seed(0))
    opened, closed = eyeball_pixels(face, 0.0, identity), eyeball_pixels(face, 1.0, identity)
    assert opened > 500
    assert closed <= share * opened


def test_normalised_errors_and_mirrors():
    truth = np.zeros((1, 68, 2))
    truth[0, 36], truth[0, 45] = (0, 0), (50, 0)
    points = truth + np.array([1.0, 0])
    np.testing.assert_allclose(normalised_errors(points, truth), 2.0)
    cloud = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 2, 1]])
    assert mirror_pairs(cloud).tolist() == [1, 0, 2]


def test_correctives_follow_from_the_units_that_they_mend(tmp_path):
    tensors, meta = face_tensors()
    meta["correctives"] = [
        {"unit": "cheekRaiserLeft", "of": ["jawOpen", "mouthSmileLeft"], "between": False, "share": 0.5},
        {"unit": "cheekRaiserLeft", "of": ["eyeBlinkLeft"], "between": True, "share": 1.0},
    ]
    write_asset(tmp_path / "face.safetensors", SCHEMA, tensors, meta)
    face = FaceModel.load(tmp_path / "face.safetensors")
    at = face.expression_names.index
    weights = torch.zeros(3, face.expression_size)
    weights[0, [at("jawOpen"), at("mouthSmileLeft")]] = torch.tensor([0.5, 0.8])
    weights[1, at("eyeBlinkLeft")] = 0.5
    weights[2, at("eyeBlinkLeft")] = 1.0
    found = face.with_correctives(weights)
    torch.testing.assert_close(found[:, at("cheekRaiserLeft")], torch.tensor([0.2, 1.0, 0.0]))
    untouched = [k for k in range(face.expression_size) if k != at("cheekRaiserLeft")]
    torch.testing.assert_close(found[:, untouched], weights[:, untouched])


def test_the_expression_prior_draws_faces_that_people_make():
    prior = ExpressionPrior.load()
    drawn = prior.draw(np.random.default_rng(0), 4000)
    assert drawn.shape == (4000, 52)
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    at = ARKIT.index
    smiles = np.corrcoef(drawn[:, at("mouthSmileLeft")], drawn[:, at("mouthSmileRight")])[0, 1]
    assert smiles > 0.9  # both corners go up together
    assert not drawn[:, at("tongueOut")].any()  # the tracker has no such score
    again = prior.draw(np.random.default_rng(0), 4000)
    np.testing.assert_array_equal(drawn, again)
