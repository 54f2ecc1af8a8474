"""A tiny reconstructor, for what needs no shipped weights."""

import pytest
import torch

from hiface.reconstructor import NetworkConfig, Reconstructor
from tiny import albedo_model, detail_basis, face_model

TINY = NetworkConfig(backbone="resnet18", width=0.125, crop=64, mix=32, detail_width=16, points_width=16)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("assets")
    return Reconstructor(TINY, face_model(folder), albedo_model(folder), detail_basis()).eval()
