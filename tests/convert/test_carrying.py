"""A head of another topology and person, whose every vertex is known: what is carried over lies where it should."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from heads import SKIN, gnm_arrays, head, write_bfm2017
from hiface.convert.build import Options, convert_model
from hiface.convert.carry import carry_albedo, carry_detail_basis
from hiface.convert.ours import Ours
from hiface.convert.register import Schedule
from hiface.detail.basis import DetailBasis
from hiface.errors import AssetError, ConfigError
from hiface.face.albedo import AlbedoModel
from hiface.face.asset import ARKIT
from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE
from hiface.face.model import FaceModel
from hiface.reconstructor import NetworkConfig, Reconstructor
from hiface.train.assemble import check_drawn, dataset
from hiface.train.config import TrainConfig
from hiface.train.loop import WEIGHTS, Validation, train
from hiface.train.photometric import PhotometricTerm
from hiface.train.shards import ShardSet
from world import make_world

QUICK = Schedule(similarity=12, modes=5, stiffness=(30.0, 3.0))
QUICKER = Schedule(similarity=10, modes=3, stiffness=(30.0,))
NAMED = {"center.nose.tip": 30, "right.eye.corner_outer": 36, "right.eye.corner_inner": 39,
         "left.eye.corner_inner": 42, "left.eye.corner_outer": 45, "right.lips.corner": 48, "left.lips.corner": 54,
         "center.lips.lower.outer": 57}  # fmt: skip


@pytest.fixture(scope="module")
def ours():
    return Ours.load()


@pytest.fixture(scope="module")
def gnm(tmp_path_factory, ours):
    """A whole head in GNM's schema: the source, the conversion, the loaded file."""
    folder = tmp_path_factory.mktemp("gnm")
    source = head((*SKIN, "mouth_socket", "eyeball_left", "eyeball_right", "gums_tongue"))
    np.savez(folder / "gnm_head.npz", **gnm_arrays(source))
    done = convert_model(folder / "gnm_head.npz", folder / "gnm.safetensors", Options(), ours, QUICK)
    return source, done, FaceModel.load(done.path)


@pytest.fixture(scope="module")
def bfm(tmp_path_factory, ours):
    """A face without neck, eyes and joints in BFM's schema, with a few named points."""
    folder = tmp_path_factory.mktemp("bfm")
    source = head(("face",), seed=1, only="face_narrow")
    points = source.face.landmark_weights("ibug68")[0][:, 0].numpy()
    places = {name: source.mean[source.number(points[k])] for name, k in NAMED.items()}
    truth = write_bfm2017(folder / "model2017.h5", source.mean, source.polygons, places)
    done = convert_model(folder / "model2017.h5", folder / "bfm.safetensors", Options(), ours, QUICK)
    return source, done, FaceModel.load(done.path), truth


def test_mean_and_modes_are_the_sources_in_mm(gnm, bfm):
    source, _, face = gnm
    order = face.source_index
    assert len(set(order)) == len(order) == len(source.mean)
    np.testing.assert_allclose(face.mean.numpy(), source.mean[order], atol=1e-3)
    np.testing.assert_allclose(face.identity_basis.numpy(), source.modes(3)[:, order], atol=1e-3)
    arrays = gnm_arrays(source)
    np.testing.assert_allclose(
        face.expression_basis[52:].numpy(), 1000 * arrays["expression_basis"][:, order], atol=1e-3
    )
    assert face.expression_names[:52] == ARKIT
    assert face.signed.tolist() == [False] * 52 + [True] * 2
    _, _, other, truth = bfm
    np.testing.assert_allclose(other.identity_basis.numpy(), truth["shape"][:, other.source_index], atol=2e-3)
    np.testing.assert_allclose(
        other.expression_basis[52].numpy(), truth["expression_mean"][other.source_index], atol=1e-3
    )
    assert other.expression_range[52].tolist() == [0, 1]


def test_landmarks_lie_where_they_should(gnm, bfm):
    """Within the sliding that a smooth cheek allows, after the test's few rounds."""
    for source, face in ((gnm[0], gnm[2]), (bfm[0], bfm[2])):
        found = face.landmarks(face.mean[None], "mediapipe478")[0].numpy()
        on_skin = np.isin(np.arange(478), np.arange(468))
        index = face_numbers(source, "mediapipe478")
        known = (index >= 0).all(1) & on_skin
        error = np.linalg.norm(found - source.places("mediapipe478"), axis=1)[known]
        assert error.mean() < 2
        assert np.percentile(error, 95) < 5
        six = face.landmark_weights("mediapipe68")[0]
        assert torch.equal(six, face.landmark_weights("mediapipe478")[0][list(IBUG68_OF_MEDIAPIPE)])


def face_numbers(source, name):
    return source.number(source.face.landmark_weights(name)[0].numpy())


def test_given_points_are_taken_as_they_are(bfm):
    source, _, face, _ = bfm
    own = face.landmarks(face.mean[None], "ibug68")[0].numpy()
    numbers = list(NAMED.values())
    np.testing.assert_allclose(own[numbers], source.places("ibug68")[numbers], atol=1e-3)


def test_irises_lie_on_the_eyeballs(gnm):
    _, _, face = gnm
    for first, eye in ((468, "eyeball_right"), (473, "eyeball_left")):
        index = face.landmark_weights("mediapipe478")[0][first : first + 5].numpy()
        ball = face.vertex_range(eye)
        assert ((index >= ball.start) & (index < ball.stop)).all()
        points = face.landmarks(face.mean[None], "mediapipe478")[0, first : first + 5].numpy()
        assert points[1, 0] > points[0, 0] > points[3, 0]
        assert points[2, 1] > points[0, 1] > points[4, 1]


def test_parts_come_in_order_and_skin_is_a_prefix(gnm, bfm):
    for face in (gnm[2], bfm[2]):
        assert face.skin.vertices[0] == face.parts["face"].vertices[0] == 0
        assert face.skin.vertices[1] == face.parts["head_neck"].vertices[1]
        used = face.polygons[face.polygon_range("face")]
        assert used.max() < face.parts["face"].vertices[1]
        rest = (
            torch.zeros(1, face.identity_size),
            torch.zeros(1, face.expression_size),
            torch.zeros(1, 4, 3),
            torch.zeros(1, 3),
        )
        torch.testing.assert_close(face(*rest, part="skin").posed[0], face.mean[: face.skin.vertices[1]])
    assert {"eyeball_left", "eyeball_right", "mouth_socket", "gums_tongue"} <= set(gnm[2].parts)


def test_regions_cover_what_they_name(gnm):
    source, _, face = gnm
    for name in ("nose", "lips", "eyes", "face"):
        found = face.region(name)
        truth = source.face.region(name)[source.ours][face.source_index]
        assert (found & truth).sum() / (found | truth).sum() > 0.8, name


def test_joints_are_the_sources_or_near_ours(gnm, bfm):
    source, done, face = gnm
    asset_joints = gnm_arrays(source)["joint_regressor"] @ source.mean
    np.testing.assert_allclose(face.joint_mean.numpy(), asset_joints, atol=0.01)
    assert done.meta["conversion"]["joints"] == "the source's"
    source, done, face, _ = bfm
    assert "estimated" in done.meta["conversion"]["joints"]
    identity = source.face.joints(torch.zeros(1, source.face.identity_size))
    assert identity.shape == (1, 4, 3)
    eyes = face.joint_mean[2:].numpy()
    contour = source.places("ibug68")[[36, 39, 42, 45]]
    middle = [contour[2:].mean(0), contour[:2].mean(0)]  # left first
    assert np.linalg.norm((eyes - middle)[:, :2], axis=1).max() < 4
    assert (np.array(middle)[:, 2] - eyes[:, 2] > 2).all()  # behind the lids


def test_arkit_units_move_what_ours_move(gnm):
    source, done, face = gnm
    assert done.meta["conversion"]["arkit_zero"] == []
    truth = source.face.expression_basis[:, source.ours][:, face.source_index]
    skin = slice(*face.skin.vertices)
    for name in ("jawOpen", "mouthSmileLeft", "eyeBlinkRight", "browInnerUp"):
        k = ARKIT.index(name)
        wanted, found = truth[k, skin], face.expression_basis[k, skin]
        assert (found - wanted).norm() < 0.35 * wanted.norm(), name
    ball = slice(*face.parts["eyeball_left"].vertices)
    assert face.expression_basis[:52, ball].abs().max() == 0


def test_our_maps_fit_the_carried_layout(gnm, bfm):
    basis = DetailBasis.load()
    for face, share in ((gnm[2], 0.97), (bfm[2], 0.7)):  # the second is a mask of the narrow face
        assert face.uv_layout == basis.uv_layout
        covered = face.atlas(basis.side).mask
        assert (covered & basis.mask).sum() > share * basis.mask.sum()
    source, _, face = gnm
    uv = face.uv[face.uv_polygons[face.polygon_range("face")][:, 0]]
    vertex = face.source_index[face.polygons[face.polygon_range("face")][:, 0]]
    ours = source.face
    corner = np.zeros((len(ours.mean), 2))
    corner[ours.polygons[ours.polygon_range("face")]] = ours.uv[ours.uv_polygons[ours.polygon_range("face")]]
    assert np.median(np.linalg.norm(uv - corner[source.ours[vertex]], axis=1)) < 0.01


def test_mirrored_vertices_pair_up(gnm):
    face = gnm[2]
    np.testing.assert_array_equal(face.symmetry[face.symmetry], np.arange(len(face.mean)))


def test_own_uvs_need_their_own_maps(tmp_path, gnm, ours):
    source, _, _ = gnm
    np.savez(tmp_path / "head.npz", **gnm_arrays(source))
    options = Options(uv="cylinder", identity=2, expression=1)
    done = convert_model(tmp_path / "head.npz", tmp_path / "own.safetensors", options, ours, QUICKER)
    face, albedo, basis = FaceModel.load(done.path), AlbedoModel.load(), DetailBasis.load()
    assert (face.identity_size, face.expression_size) == (2, 53)
    config = NetworkConfig(width=0.125, crop=32, mix=16, detail_width=8)
    with pytest.raises(AssetError, match=r"UV layout is own-.*--detail-basis|--albedo"):
        Reconstructor(config, face, albedo, basis)
    carry_detail_basis(done.found, face, tmp_path / "basis.safetensors")
    carried = DetailBasis.load(tmp_path / "basis.safetensors")
    assert carried.sizes == basis.sizes
    assert not (carried.mask & ~face.atlas(carried.side).mask).any()
    assert 0.7 < float(carried.static_modes.std() / basis.static_modes.std()) < 1.3
    small = reduced_albedo(tmp_path)
    assert carry_albedo(done.found, face, tmp_path / "albedo.safetensors", small)
    colours = AlbedoModel.load(tmp_path / "albedo.safetensors")
    Reconstructor(config, face, colours, carried)
    ours_middle, theirs = (a.face(torch.zeros(1, a.size), 64)[0, 16:48, 20:44].mean((0, 1)) for a in (albedo, colours))
    torch.testing.assert_close(ours_middle, theirs, rtol=0.25, atol=0.05)


def reduced_albedo(folder):
    """The shipped albedo with fewer texels and modes: the test's time, not its point."""
    from hiface.assets.format import dequantise, quantise, read_asset, write_asset
    from hiface.assets.store import locate
    from hiface.face import albedo

    asset, tensors = read_asset(locate("albedo.safetensors"), albedo.SCHEMA), {}
    for tile in ("face", "head"):
        tensors[f"{tile}_mean"] = asset.tensors[f"{tile}_mean"][2::4, 2::4]
        modes = dequantise(asset.tensors[f"{tile}_modes"][:2], asset.tensors[f"{tile}_scale"][:2])[:, 2::4, 2::4]
        tensors[f"{tile}_modes"], tensors[f"{tile}_scale"] = quantise(modes, 8)
    write_asset(folder / "small.safetensors", albedo.SCHEMA, tensors, {"mode_names": ["a", "b"]})
    return folder / "small.safetensors"


def test_photos_alone_train_a_converted_model(tmp_path, gnm):
    """Landmarks and pictures for a few steps: every term is finite and the mesh moves towards the points."""
    _, _, photos = make_world(tmp_path)
    config = TrainConfig(
        network=NetworkConfig(width=0.125, crop=32, mix=16, points_width=8, detail_width=8), steps=4,
        synthetic_batch=0, photo_batch=2, warmup=1, photometric_every=2, photometric_from=0, photometric_batch=2,
        photometric_side=32, validate_every=4, precision="fp32", loaders=0,
    )  # fmt: skip
    torch.manual_seed(0)
    model = Reconstructor(config.network, gnm[2], AlbedoModel.load().reduced(32), DetailBasis.load())
    data = dataset(config, model, None, photos)
    term = PhotometricTerm(model, 2, 32)
    train(model, data, tmp_path / "run", Validation({}, None), term, accelerator="cpu")
    assert (tmp_path / "run" / WEIGHTS).is_file()
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_faces_drawn_with_another_model_are_refused(tmp_path, gnm):
    folder, _, _ = make_world(tmp_path)
    model = Reconstructor(
        NetworkConfig(width=0.125, crop=32, mix=16, detail_width=8),
        gnm[2],
        AlbedoModel.load().reduced(16),
        DetailBasis.load(),
    )
    with pytest.raises(ConfigError, match=r"drawn with another face model.*use_synthetic_truth"):
        check_drawn(TrainConfig(), model, ShardSet(folder), False)
    points_only = replace(TrainConfig(), use_synthetic_truth=False)
    check_drawn(points_only, model, ShardSet(folder), False)
    with pytest.raises(ConfigError, match="--held-out"):
        check_drawn(points_only, model, ShardSet(folder), True)


@pytest.mark.parametrize(
    ("factor", "message"), [((-1, -1, 1), "--landmarks"), ((0.1, 0.1, 0.1), "scale it to the unit")]
)
def test_what_does_not_come_to_lie_is_refused(tmp_path, ours, factor, message):
    """A face upside down, without landmarks to say so, and one in centimetres."""
    source = head(("face",), seed=1, only="face_narrow")
    write_bfm2017(tmp_path / "turned.h5", source.mean * np.array(factor), source.polygons, {})
    with pytest.raises(AssetError, match=message):
        convert_model(tmp_path / "turned.h5", tmp_path / "out.safetensors", Options("bfm2017"), ours, QUICKER)
    assert not (tmp_path / "out.safetensors").exists()
