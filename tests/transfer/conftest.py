"""The shipped face, two heads of other topologies and their correspondences, made once."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from hiface.convert.ours import Ours
from hiface.convert.register import Schedule
from hiface.detail.basis import DetailBasis
from hiface.face.albedo import AlbedoModel
from hiface.model import HiFace, Reconstruction
from hiface.photo.crop import CropBox
from hiface.photo.read import read_photo
from hiface.reconstructor import NetworkConfig, Reconstructor
from hiface.transfer.correspond import Corresponded, correspond
from hiface.transfer.decorate import mesh_detail
from hiface.transfer.meshes import GivenMesh
from hiface.types import Coefficients
from resampled import PHOTO, TURN, Resampled, bfm_like, flame_like, person, seven, shown_by

QUICK = Schedule(similarity=12, modes=10, stiffness=(10.0,), ridge=10.0, points=2.0, polish=True)


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


@pytest.fixture(scope="session")
def on_flame(model, seen, flame):
    return mesh_detail(model, shown_by(flame, seen), PHOTO, flame.done.file)


@pytest.fixture(scope="session")
def on_bfm(model, seen, bfm):
    return mesh_detail(model, shown_by(bfm, seen), PHOTO, bfm.done.file)
