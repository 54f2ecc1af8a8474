"""The direction in which expressions squeeze the shipped face, and the oriented tension that follows it."""

import pytest
import torch

import hiface
from hiface.detail.basis import read_basis
from hiface.detail.squeeze import squeeze_direction, unit_offsets
from hiface.errors import AssetError
from hiface.face.front import front_chart
from hiface.face.model import FaceModel
from hiface.geometry.normals import vertex_normals
from hiface.geometry.tension import ORIENTED_GAIN
from tiny import detail_basis, face_model


@pytest.fixture(scope="module")
def face():
    return FaceModel.load()


@pytest.fixture(scope="module")
def direction(face):
    return squeeze_direction(face)


def test_it_is_a_unit_vector_in_the_skin(face, direction):
    count = len(direction)
    assert count == face.vertex_range("face").stop
    torch.testing.assert_close(direction.norm(dim=1), torch.ones(count))
    normals = vertex_normals(face.mean[None, :count], torch.from_numpy(face.part_triangles("face")))[0]
    assert (direction * normals).sum(1).abs().median() < 0.01


def test_it_runs_up_the_forehead_and_across_the_glabella_and_the_upper_lip(face, direction):
    chart = torch.from_numpy(front_chart(face))
    x, y = chart.abs()[:, 0], chart[:, 1]
    front = face.mean[: len(chart), 2] > 60
    sites = {
        (0, 1): front & (x < 25) & (y > 72) & (y < 100),
        (1, 0): front & (x < 6) & (y > 52) & (y < 60),
    }
    for (across, up), inside in sites.items():
        wanted = torch.tensor([across, up, 0.0])
        assert (direction[inside] @ wanted).abs().median() > 0.9
    lip = front & (x > 4) & (x < 14) & (y > -21) & (y < -15)
    assert direction[lip][:, 0].abs().median() > 0.8


def test_the_stored_direction_is_that_of_the_faces_own_units(direction):
    """The asset's was measured on a former state of the face model."""
    stored = torch.from_numpy(read_basis().tensors["squeeze_direction"]).float()
    cosine = torch.nn.functional.cosine_similarity(direction, stored).abs()
    assert cosine.median() > 0.99
    assert cosine.quantile(0.05) > 0.9


def test_the_chart_of_the_shipped_face_is_its_own_front(face):
    own = face.mean[: face.vertex_range("face").stop, :2].double()
    assert (torch.from_numpy(front_chart(face)) - own).abs().max() < 0.5


def test_a_model_whose_eyes_are_no_eyes_is_named(tmp_path):
    model = face_model(tmp_path)
    model.landmark_mediapipe68_index.zero_()
    with pytest.raises(AssetError, match="outer eye corners"):
        squeeze_direction(model)


def test_sddetail_alone_sees_a_pucker_with_the_oriented_tension(face):
    """`hiface.SDDetail` without the network (Fig. 6). A basis without a direction takes the face's own."""
    basis = detail_basis(64)
    kinds = {kind: hiface.SDDetail.of_face(face, basis, tension=kind, width=8) for kind in ("plain", "oriented")}
    assert kinds["oriented"].tension.gain == ORIENTED_GAIN
    count = kinds["plain"].vertex_count
    neutral = face.mean[None, :count]
    moved = neutral + torch.from_numpy(unit_offsets(face, "mouthPucker", count))[None].float()
    chart = torch.from_numpy(front_chart(face))
    lip = (chart[:, 0].abs() < 14) & ((chart[:, 1] + 18).abs() < 5) & (neutral[0, :, 2] > 60)
    found = {kind: detail.tension(moved, neutral)[0, lip].mean() for kind, detail in kinds.items()}
    assert found["oriented"] > found["plain"] + 0.15
    zeros = torch.zeros(1, face.expression_size)
    maps = kinds["oriented"](neutral, moved, zeros, torch.zeros(1, basis.sizes["static"]))
    assert maps.displacement.shape == (1, 64, 64)
    assert (maps.displacement != maps.static).any()
