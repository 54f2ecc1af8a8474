"""Generated captures: repeatable, one skeleton in three maps, older is deeper, nothing where nothing may
be."""

from dataclasses import replace

import numpy as np
import pytest

from hiface.errors import AssetError, ConfigError, HiFaceError
from hiface.face.model import FaceModel
from hiface.synth.captures.anatomy import AGES, FAMILIES, at_age
from hiface.synth.captures.families import MIDLINE, PAIRED
from hiface.synth.captures.folder import read_subjects, subject_folder, write_subject
from hiface.synth.captures.generate import CaptureGenerator
from hiface.synth.captures.mesostructure import mesostructure
from hiface.synth.captures.person import Person, even_age

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
    with pytest.raises(AssetError, match="found none"):
        list(read_subjects(broken, SIDE))


def test_pores_are_finer_than_the_maps_of_the_bases(generator, adult):
    with pytest.raises(ConfigError, match="at least 1024 texels"):
        mesostructure(generator.surface, adult)
