"""The gallery's sheets, maps and people, and its figures from one photo on the shipped model, small."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import hiface
from hiface.cli.gallery import gallery
from hiface.detail.people import Captures, aged
from hiface.errors import ConfigError
from hiface.export.sculpture import Frame, sculpture
from hiface.gallery import model_figures, photo_figures
from hiface.gallery.maps import coloured
from hiface.gallery.photos import cast_of_data, cast_of_photos
from hiface.gallery.sculptor import EXPRESSIONS, Sculptor, close_up, weights_of
from hiface.gallery.sheets import GROUND, LARGEST_BYTES, sheet, stacked, write_figure
from tiny import captures

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


@pytest.fixture(scope="module")
def model():
    return hiface.load(device="cpu")


@pytest.fixture(scope="module")
def sculptor(model):
    return Sculptor.of(model, Captures.load(), 3)


def test_a_sheet_holds_its_cells_where_they_belong():
    cells = [[np.full((20, 30, 3), 10 * (3 * i + j), np.uint8) for j in range(3)] for i in range(2)]
    picture = sheet(cells, ("a", "b", "c"), ("one", "two"), "a line")
    for i in range(2):
        for j in range(3):
            if i + j:
                found = (picture == 10 * (3 * i + j)).all(2)
                assert found.sum() >= 600
    assert stacked([picture, picture[:, :50]]).shape == (2 * len(picture), picture.shape[1], 3)
    with pytest.raises(ConfigError, match="columns"):
        sheet(cells, ("a",))
    with pytest.raises(ConfigError, match="rows"):
        sheet([])


def test_a_figure_is_a_small_jpeg_whatever_is_in_it(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (900, 900, 3), np.uint8)
    path = write_figure(tmp_path / "noise.jpg", noise)
    assert path.stat().st_size <= LARGEST_BYTES
    assert cv2.imread(str(path)).shape[2] == 3


def test_heights_are_red_depths_blue_and_the_rest_is_ground():
    mask = np.zeros((64, 64), bool)
    mask[8:56, 8:56] = True
    heights = np.zeros((64, 64))
    heights[:32], heights[32:] = 1, -1
    picture = coloured(heights, mask, 1.0, 180, "mm").astype(int)
    up, down = picture[40, 90], picture[120, 90]
    assert up[0] > up[2] + 50
    assert down[2] > down[0] + 50
    assert (picture[2, 2] == GROUND).all()


def test_at_their_own_age_people_are_themselves_and_lines_grow():
    known = captures()
    person = 30
    own = aged(known, person, float(known.age[person]))
    np.testing.assert_allclose(own.static, known.static[person], atol=1e-5)
    size = [np.abs(aged(known, person, age).static).sum() for age in (55.0, 75.0, 90.0)]
    assert size == sorted(size)


def test_expressions_are_even_and_use_no_unit_twice(model):
    names = model.face.expression_names
    for expression in EXPRESSIONS:
        weights = weights_of(model.face, expression)[0]
        worn = {names[k]: float(weights[k]) for k in weights.nonzero()[:, 0].tolist()}
        assert "browInnerUpLeft" not in worn
        for name, weight in worn.items():
            if name.endswith("Left") and name.replace("Left", "Right") in names:
                assert worn[name.replace("Left", "Right")] == weight


def test_a_close_up_is_a_part_of_the_picture(model):
    whole, none = Frame((0.0, 0.0), 240.0), torch.zeros(1, 4, 3)
    face = model.face
    zeros = torch.zeros(1, face.identity_size), torch.zeros(1, face.expression_size)
    posed = face(*zeros, none, none[:, 0], "all").posed[0].numpy()
    large = sculpture(face, posed, None, whole, 96).astype(float)
    part = sculpture(face, posed, None, Frame((0.0, 60.0), 120.0), 48).astype(float)
    assert np.abs(large[0:48, 24:72] - part).mean() < 6
    assert close_up(whole, "") == whole
    assert close_up(whole, "brow").width_mm < whole.width_mm


def test_static_detail_alone_ages_a_face_and_dynamic_detail_is_none_at_rest(sculptor):
    young, old = (sculptor.worn(years, "at rest", "static") for years in (20, 80))
    np.testing.assert_array_equal(young.posed, old.posed)
    assert old.detail.displacement.std() > 2 * young.detail.displacement.std()
    rest, frown = (sculptor.worn(60, name, "dynamic").detail for name in ("at rest", "frown"))
    assert rest.displacement.abs().max() < 1e-3
    assert frown.displacement.abs().max() > 0.05
    torch.testing.assert_close(rest.static, frown.static, rtol=0, atol=0)


def test_figures_without_a_photo(sculptor, monkeypatch):
    monkeypatch.setattr(model_figures, "AGES", (20, 80))
    for figure in (model_figures.composition, model_figures.ages):
        picture = figure(sculptor, side=40)
        assert picture.dtype == np.uint8
        assert picture.std() > 20


def test_figures_of_one_photo(model):
    cast = cast_of_photos([PHOTO])
    assert cast.source is None
    assert not cast.fitted
    row = photo_figures.reconstructed(model, cast.faces, 48)
    assert row.std() > 20
    transfer = photo_figures.transferred(model, cast.faces[0], cast.faces[:1], 32)
    assert transfer.shape[1] > 7 * 32
    with pytest.raises(ConfigError, match="needs photos"):
        cast_of_photos([])


def test_a_folder_without_the_pack_is_named(tmp_path):
    with pytest.raises(ConfigError, match="portraits"):
        cast_of_data(tmp_path)


def test_the_verb_writes_its_figures_and_credits(tmp_path, monkeypatch):
    for name in ("composition", "ages", "expressions"):
        monkeypatch.setattr(model_figures, name, lambda *_: np.zeros((8, 8, 3), np.uint8))
    monkeypatch.setattr(photo_figures, "animated", lambda *_: np.zeros((8, 8, 3), np.uint8))
    monkeypatch.setattr(photo_figures, "reconstructed", lambda *_: np.zeros((8, 8, 3), np.uint8))
    gallery([PHOTO], out=tmp_path)
    found = {p.name for p in tmp_path.iterdir()}
    assert found == {
        "detail_composition.jpg", "detail_ages.jpg", "detail_expressions.jpg", "gallery_animated.jpg",
        "gallery_faces.jpg", "credits.txt",
    }  # fmt: skip
