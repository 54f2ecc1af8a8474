"""Facts about the shipped detail basis: where it lives, how it is scaled, what it says of age."""

import numpy as np
import pytest
import torch

from hiface.assets.format import Asset
from hiface.detail.basis import NAMES, DetailBasis, read_basis
from hiface.detail.people import Captures, draw_detail
from hiface.detail.sddetail import SDDetail
from hiface.face.model import FaceModel


@pytest.fixture(scope="module")
def asset() -> Asset:
    return read_basis()


@pytest.fixture(scope="module")
def basis(asset) -> DetailBasis:
    return DetailBasis.from_asset(asset)


@pytest.fixture(scope="module")
def face() -> FaceModel:
    return FaceModel.load()


def test_it_lives_on_the_skin_of_its_face(asset, basis, face):
    assert basis.uv_layout == face.uv_layout
    covered = face.atlas(basis.side).mask
    assert not (basis.mask & ~covered).any()
    assert 0.3 < basis.mask.sum() / covered.sum() < 0.9


def test_coefficients_of_its_captures_are_standard_deviations(asset, basis):
    for name in NAMES:
        values = asset.tensors[f"capture_{name}"].astype(np.float64)
        assert values.shape == (asset.meta["captures"], basis.sizes[name])
        np.testing.assert_allclose(values.mean(0), 0, atol=0.2)
        np.testing.assert_allclose(values.std(0)[:80], 1, atol=0.2)
        assert values.std(0).max() < 2  # faces held out of the fit reach further in the last modes


def test_older_faces_have_deeper_lines(asset, basis):
    captures, rng = Captures.from_asset(asset), np.random.default_rng(0)

    def relief(age: float) -> float:
        drawn = np.stack([draw_detail(captures, age, rng).static for _ in range(6)])
        return float(basis.static(torch.from_numpy(drawn))[:, basis.mask].std())

    found = [relief(age) for age in (10, 35, 60, 85)]
    assert found == sorted(found)
    assert found[-1] > 3 * found[0]


def test_raised_brows_fold_the_forehead_and_nothing_else(asset, basis, face):
    """Sub-millimetre relief appears above the brows of an adult; the chin stays as it was."""
    captures = Captures.from_asset(asset)
    person = draw_detail(captures, 50, np.random.default_rng(3))
    module = SDDetail.of_face(face, basis, width=8)
    neutral = face.neutral(torch.zeros(1, face.identity_size), "skin")
    raised = torch.zeros(1, face.expression_size)
    for unit in ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"):
        raised[0, face.expression_names.index(unit)] = 1
    rows = [torch.from_numpy(getattr(person, name))[None] for name in NAMES]

    def displacement(expression: torch.Tensor) -> torch.Tensor:
        expressive = neutral + face.expression_offset(expression, "skin")
        return module.detail(*rows, module.tension_map(neutral, expressive)).displacement[0]

    change = displacement(raised) - displacement(0 * raised)
    position = face.atlas(basis.side).bake(neutral[:, : face.vertex_range("face").stop])[0]
    forehead = basis.mask & (position[..., 1] > 70) & (position[..., 0].abs() < 35)
    chin = basis.mask & (position[..., 1] < -50) & (position[..., 1] > -75)
    assert 0.1 < change[forehead].std() < 1
    assert change[chin].abs().max() < 0.05
