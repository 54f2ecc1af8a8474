"""Generated captures: repeatable, one skeleton in three maps, older is deeper, nothing where nothing may
be."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from hiface.errors import AssetError, ConfigError, HiFaceError
from hiface.face.model import FaceModel
from hiface.synth.captures.anatomy import AGES, FAMILIES, at_age
from hiface.synth.captures.families import MIDLINE, PAIRED
from hiface.synth.captures.folder import read_subjects, subject_folder, write_subject
from hiface.synth.captures.generate import Capture, CaptureGenerator
from hiface.synth.captures.grain import DEPTH_MM, photographic_grain, skin_pictures
from hiface.synth.captures.mesostructure import mesostructure
from hiface.synth.captures.person import Person, even_age
from hiface.synth.captures.surface import Surface

SIDE = 64


@pytest.fixture(scope="module")
def generator() -> CaptureGenerator:
    return CaptureGenerator(FaceModel.load(), SIDE)


@pytest.fixture(scope="module")
def adult() -> Person:
    return Person(3, 60.0, "female")


def test_a_person_is_the_same_every_time(generator, adult):
    first, again = generator.capture(adult), generator.capture(Person(3, 60.0, "female"))
    np.testing.assert_array_equal(first.neutral, again.neutral)
    np.testing.assert_array_equal(first.compressed, again.compressed)
    other = generator.capture(replace(adult, seed=4))
    assert np.abs(other.neutral - first.neutral).max() > 0.1


def test_maps_are_finite_and_of_skin_deep_size(generator, adult):
    capture = generator.capture(adult)
    for values in (capture.neutral, capture.compressed, capture.stretched):
        assert np.isfinite(values).all()
        assert -4 < values.min() < 0 < values.max() < 6
        assert np.abs(values[generator.surface.window == 0]).max() == 0


def test_contraction_deepens_and_extension_smooths(generator, adult):
    capture = generator.capture(adult)
    relief = [values.std() for values in (capture.stretched, capture.neutral, capture.compressed)]
    assert relief == sorted(relief)
    same_places = np.corrcoef(capture.stretched.ravel(), capture.neutral.ravel())[0, 1]
    assert same_places > 0.9


def test_relief_grows_with_age(generator, adult):
    relief = [generator.capture(replace(adult, age=age)).neutral.std() for age in (8.0, 30.0, 50.0, 75.0)]
    assert relief == sorted(relief)
    assert relief[0] < 0.25 * relief[-1]


def test_forehead_lines_run_across_and_glabella_lines_upright(generator):
    """The orientation field: skin of the forehead is squeezed upwards, between the brows sideways."""
    surface, across = generator.surface, np.abs(generator.flow.across)

    def direction(x: float, y: float) -> np.ndarray:
        near = np.linalg.norm(surface.position[..., :2] - [x, y], axis=-1) + 100 * ~surface.mask
        return across[np.unravel_index(near.argmin(), near.shape)]

    assert direction(20, 85)[1] > 0.8
    assert direction(0, 57)[0] > 0.8
    assert np.abs((across * surface.normal).sum(-1)[surface.mask]).mean() < 1


def test_every_family_has_depths_and_every_depth_a_family():
    assert set(FAMILIES) == set(MIDLINE) | set(PAIRED)
    for row in FAMILIES.values():
        assert len(row.neutral) == len(row.contracted) == len(AGES)
        assert (np.diff(row.neutral) >= 0).all()
        assert (np.array(row.contracted) > row.neutral).all()
    assert at_age((0, 1, 2, 3, 5), 50) == 2.5
    assert at_age((0, 1, 2, 3, 5), 90) == 5.5


def test_people_are_spread_over_ages_and_sexes():
    people = [Person.draw(seed, even_age(seed)) for seed in range(300)]
    ages = np.array([p.age for p in people])
    assert np.histogram(ages, 10, (5, 90))[0].min() >= 25
    assert 100 < sum(p.sex == "male" for p in people) < 200
    assert Person.draw(7) == Person.draw(7)


def test_a_folder_gives_the_captures_back_and_names_the_unusable(tmp_path, generator, adult):
    capture = generator.capture(adult)
    write_subject(subject_folder(tmp_path, adult), adult, capture)
    broken = subject_folder(tmp_path, replace(adult, seed=9))
    broken.mkdir()
    found = list(read_subjects(tmp_path, SIDE))
    np.testing.assert_allclose(found[0].capture.compressed, capture.compressed, atol=1e-4)
    assert found[0].age == 60
    assert isinstance(found[1], HiFaceError)
    assert "no neutral map" in str(found[1])
    assert next(iter(read_subjects(tmp_path, SIDE // 2))).capture.neutral.shape == (SIDE // 2, SIDE // 2)
    too_deep = subject_folder(tmp_path, replace(adult, seed=10))
    write_subject(too_deep, adult, Capture(capture.neutral * 1000, capture.compressed, capture.stretched))
    assert "expected millimetres" in str(list(read_subjects(tmp_path, SIDE))[2])
    with pytest.raises(AssetError, match="found none"):
        list(read_subjects(broken, SIDE))


def test_lines_lie_at_the_same_anatomy_of_another_skull(generator):
    """A chart point is lifted to one UV whoever wears the skin, and to the person's own position."""
    surface = generator.surface
    count = len(surface.vertices)
    wide = surface.worn_by(surface.vertices * [1.2, 1.0, 1.0])
    chart = np.array([[20.0, 85.0], [-30.0, -10.0]])
    (uv, here), (same_uv, there) = surface.lift(chart), wide.lift(chart)
    np.testing.assert_allclose(same_uv, uv, atol=1e-12)
    np.testing.assert_allclose(there, here * [1.2, 1, 1], atol=1e-6)
    assert wide.texel_area.sum() > 1.05 * surface.texel_area.sum()
    assert wide.vertices.shape == (count, 3)


def test_a_low_forehead_is_squeezed_more(generator):
    """Factors are 1 on the mean face; with heights above the brows halved, raised brows fold more."""
    vertices = generator.surface.vertices
    assert all(factor == pytest.approx(1) for factor in generator.squeeze(vertices).values())
    low = vertices.copy()
    low[:, 1] = np.where(low[:, 1] > 60, 60 + 0.8 * (low[:, 1] - 60), low[:, 1])
    factors = generator.squeeze(low)
    assert factors["forehead"] > 1.05
    assert factors["perioral"] == pytest.approx(1, abs=0.02)


def test_dark_skin_wrinkles_later_and_folds_all_the_same(adult):
    light, dark = replace(adult, skin=1), replace(adult, skin=6)
    assert dark.depth("crow").neutral < 0.95 * light.depth("crow").neutral
    assert dark.depth("marionette") == light.depth("marionette")
    child = replace(adult, age=8.0)
    assert replace(child, skin=1).depth("forehead") == replace(child, skin=6).depth("forehead")


def test_sexes_differ_as_reported(adult):
    man = replace(adult, sex="male")
    assert man.depth("forehead").neutral > adult.depth("forehead").neutral
    assert man.depth("perioral").neutral < adult.depth("perioral").neutral


def test_pores_are_finer_than_the_maps_of_the_bases(generator, adult):
    with pytest.raises(ConfigError, match="at least 1024 texels"):
        mesostructure(generator.surface, adult)


def test_grain_is_fine_dark_is_deep_and_lips_are_left_out(generator, tmp_path):
    """A picture with fine dark spots on a slow shade: spots become pits, the shade nothing."""
    side = 256
    surface = Surface.of_face(generator.face, side)
    rng = np.random.default_rng(0)
    spots = rng.random((side, side)) > 0.9
    shade = np.linspace(120, 200, side)[None, :] - 40 * spots
    cv2.imwrite(str(tmp_path / "drawn_face.png"), np.repeat(shade[..., None], 3, 2).astype(np.uint8))
    grain = photographic_grain(skin_pictures(tmp_path)[0], surface)
    cheek = (surface.blob(40, -5, 16, 18) > 0.5) & (surface.window > 0.99)
    assert grain[cheek & spots].mean() < -0.5 * DEPTH_MM
    assert abs(grain[cheek].mean()) < 0.3 * DEPTH_MM
    assert np.abs(grain[surface.blob(0, -34, 8, 4, paired=False) > 0.9]).max() < 0.05 * DEPTH_MM
    with pytest.raises(AssetError, match="found none"):
        skin_pictures(tmp_path / "nowhere")
