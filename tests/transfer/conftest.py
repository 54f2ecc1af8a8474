"""The shipped face, two heads of other topologies and their correspondences, made once."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from hiface.convert.ours import Ours
from hiface.convert.register import Schedule
from hiface.convert.source import KnownPoints
from hiface.detail.basis import DetailBasis
from hiface.face.albedo import AlbedoModel
from hiface.model import HiFace, Reconstruction
from hiface.photo.crop import CropBox
from hiface.photo.read import read_photo
from hiface.reconstructor import NetworkConfig, Reconstructor
from hiface.transfer.correspond import Corresponded, correspond, ict_vertices
from hiface.transfer.decorate import mesh_detail
from hiface.transfer.marks import SEVEN
from hiface.transfer.meshes import GivenMesh
from hiface.types import Coefficients
from resampled import Resampled, bfm_like, flame_like, person

PHOTO = np.zeros((8, 8, 3), np.uint8)
QUICK = Schedule(similarity=12, modes=10, stiffness=(10.0,), ridge=10.0, points=2.0, polish=True)
TURN = np.linalg.qr(np.random.default_rng(5).standard_normal((3, 3)))[0]
TURN = TURN * np.sign(np.linalg.det(TURN))


@dataclass(frozen=True)
class Case:
    """A topology, its template and what was found between it and ours."""

    head: Resampled
    skin: np.ndarray
    """The template's shape on our topology, mm: the truth."""
    template: GivenMesh
    done: Corresponded


@pytest.fixture(scope="session")
def ours():
    return Ours.load()


def seven(ours, head, skin, template):
    """The seven landmarks as the template's nearest vertices."""
    index, weight = (x.numpy()[list(SEVEN)] for x in ours.face.landmark_weights("ibug68"))
    vertex = head.nearest(index, weight, skin)
    return KnownPoints("ibug68", np.array(SEVEN), vertex[:, None], np.ones((7, 1)))


@pytest.fixture(scope="session")
def flame(ours):
    """In metres and turned anyhow, with seven landmarks."""
    head, skin = flame_like(ours), person(ours, 1)
    template = head.of(skin, TURN, (1.0, -2.0, 0.5))
    return Case(
        head, skin, template, correspond(ours, template, marks=seven(ours, head, skin, template), schedule=QUICK)
    )


@pytest.fixture(scope="session")
def bfm(ours):
    """In centimetres, upright, without landmarks, wound inwards."""
    head, skin = bfm_like(ours), person(ours, 2)
    template = head.of(skin)
    return Case(head, skin, template, correspond(ours, template, schedule=QUICK))


class Seeing(HiFace):
    """A model that sees a known face in every photo."""

    known: Reconstruction

    def reconstruct(self, photo, *_, **__):
        return [self.known]


@pytest.fixture(scope="session")
def model(ours):
    torch.manual_seed(0)
    config = NetworkConfig(width=0.125, crop=32, mix=16, detail_width=8)
    own = Reconstructor(config, ours.face, AlbedoModel.load().reduced(16), DetailBasis.load())
    model = Seeing(own, {"weights_id": "test"}, torch.device("cpu"))
    photo = read_photo(np.full((64, 64, 3), 128, np.uint8))
    model.known = model.assemble(photo, CropBox((32.0, 32.0), 64.0, 0.0), coefficients(model), (1.03, "test"))
    return model


def coefficients(model, seed=0):
    """A smiling person who looks aside."""
    own, generator = model.reconstructor, torch.Generator().manual_seed(seed)
    face = own.face
    expression = torch.zeros(1, face.expression_size)
    for k, name in enumerate(face.expression_names[:52]):
        if name.startswith(("mouthSmile", "cheekSquint", "browDown", "eyeLookUp")):
            expression[0, k] = 0.6
    rotation = torch.zeros(1, 4, 3)
    rotation[0, :2] = torch.tensor([[0.3], [0.7]]) * torch.tensor([0.1, 0.3, -0.05])
    rotation[:, 2:] = face.gaze(expression)
    return Coefficients(
        0.5 * torch.randn(1, face.identity_size, generator=generator), expression, torch.zeros(1, own.albedo.size),
        torch.randn(1, own.detail_model.basis.sizes["static"], generator=generator), rotation,
        torch.tensor([[3.0, -2.0, 0.0]]), torch.tensor([1 / 220]), torch.zeros(1, 9, 3),
    )  # fmt: skip


@pytest.fixture(scope="session")
def seen(model):
    return model.known


def shown_by(case, seen, turn=None):
    """The face that the model sees as a mesh of another topology."""
    return case.head.of(seen.shape.posed[: len(case.skin)].astype(np.float64), turn)


@pytest.fixture(scope="session")
def on_flame(model, seen, flame):
    return mesh_detail(model, shown_by(flame, seen), PHOTO, flame.done.file)


@pytest.fixture(scope="session")
def on_bfm(model, seen, bfm):
    return mesh_detail(model, shown_by(bfm, seen), PHOTO, bfm.done.file)


def as_mesh(face, vertices, name="mine.obj"):
    """Vertices of our skin or whole head as a mesh of ours."""
    polygons, corners = face.polygons, face.uv_polygons
    if len(vertices) < len(face.mean):
        skin = face.polygon_range("skin")
        polygons, corners = polygons[skin], corners[skin]
    return GivenMesh(name, np.asarray(vertices, np.float64), polygons, face.uv.astype(np.float64), corners)


def ict_mesh(face, vertices):
    """Our vertices as ICT-FaceKit's, the others in one place."""
    index = ict_vertices(face)
    whole = np.zeros((26719, 3))
    whole[index] = vertices
    polygons = np.where(face.polygons < 0, -1, index[face.polygons])
    return GivenMesh("ict.obj", whole, polygons, np.zeros((0, 2)), np.full_like(polygons, -1))


def moved(mesh, turn=TURN, scale=0.001, shift=(4.0, 1.0, -3.0)):
    return replace(mesh, vertices=scale * mesh.vertices @ turn.T + shift)
