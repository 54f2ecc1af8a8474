"""A crop and its mirror image: one answer for both, in the frame of each."""

import pytest
import torch

from hiface.reconstructor import load_reconstructor


@pytest.fixture(scope="module")
def model():
    return load_reconstructor()[0]


@pytest.fixture(scope="module")
def crops():
    return torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(3))


@torch.no_grad()
def test_a_crop_and_its_mirror_image_get_one_face(model, crops):
    """The answer to the mirrored crop is the mirror image of the answer to the crop."""
    own, other = model(crops, twice=True), model(crops.flip(-1), twice=True)
    mirror, c, d = model.mirror, own.coefficients, other.coefficients
    torch.testing.assert_close(d.identity, c.identity * mirror.identity, atol=2e-4, rtol=1e-3)
    torch.testing.assert_close(d.rotation[:, :2], c.rotation[:, :2] * torch.tensor([1.0, -1, -1]), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(d.scale, c.scale, atol=1e-6, rtol=1e-4)
    back = torch.stack([1 - other.seen.xy[..., 0], other.seen.xy[..., 1]], -1)[:, mirror.points478]
    torch.testing.assert_close(back, own.seen.xy, atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_one_look_is_left_as_it_was(model, crops):
    once, twice = model(crops), model(crops, twice=True)
    assert not torch.allclose(once.coefficients.identity, twice.coefficients.identity)
    assert torch.equal(once.coefficients.static, model(crops).coefficients.static)
    torch.testing.assert_close(once.coefficients.static, twice.coefficients.static, atol=1e-3, rtol=1e-2)
