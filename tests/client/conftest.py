"""A tiny reconstructor, for what needs no shipped weights."""

import pytest


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    import torch  # here, since the tests in a browser do without

    from hiface.reconstructor import NetworkConfig, Reconstructor
    from tiny import albedo_model, detail_basis, face_model

    torch.manual_seed(0)
    config = NetworkConfig(backbone="resnet18", width=0.125, crop=64, mix=32, detail_width=16, points_width=16)
    folder = tmp_path_factory.mktemp("assets")
    return Reconstructor(config, face_model(folder), albedo_model(folder), detail_basis()).eval()
