"""The rows that are shipped say what the study asks, and files that do not fit together are named."""

from dataclasses import asdict
from pathlib import Path

import pytest

from hiface.errors import ConfigError
from hiface.evaluate.ablation.rows import GROUPS, effective, read_rows, read_scale, started
from hiface.reconstructor import NetworkConfig

FOLDER = Path(__file__).parents[2] / "experiments" / "ablation"
FILES = sorted(FOLDER.glob("*.toml"))
SCALES = sorted((FOLDER / "scale").glob("*.toml"))


def flat(config, prefix=""):
    for name, value in asdict(config).items():
        if isinstance(value, dict):
            yield from ((f"{name}.{k}", v) for k, v in value.items())
        else:
            yield name, value


def changes(row, other):
    theirs = dict(flat(other.config))
    return {k: v for k, v in flat(row.config) if theirs[k] != v}


@pytest.mark.parametrize("scale", SCALES, ids=lambda p: p.stem)
def test_every_row_differs_from_its_reference_in_what_it_says_alone(scale):
    rows = {r.name: r for r in read_rows(FILES, read_scale(scale))}
    expected = {
        "without_synthetic": {"images": "photos"},
        "synthetic_only": {"images": "synthetic"},
        "without_shape": {f"weights.{n}": 0.0 for n in ("vertex", "shape", "expression", "divergence")},
        "without_kl": {"weights.divergence": 0.0},
        "detail_without_synthetic": {"images": "photos"},
        "without_detail": {"weights.detail": 0.0},
        "without_kd": {"weights.age": 0.0},
        "without_static": {"network.detail_parts": "dynamic"},
        "without_dynamic": {"network.detail_parts": "static"},
        "sd1": {"network.detail": "sd1"},
        "sd2": {"network.detail": "sd2"},
        "sd3": {"network.detail": "sd3"},
        "standard_form": {"network.detail_form": "standard"},
    }
    assert set(rows) == {*expected, "full", "detail"}
    for name, wanted in expected.items():
        assert changes(rows[name], rows[rows[name].facts.against]) == wanted, name
    assert {g for r in rows.values() for g in r.groups} == set(GROUPS)
    for name in ("full", "detail"):
        assert rows[name].facts.against == ""
        assert rows[name].config.freeze_coarse == (name == "detail")
    assert all(r.facts.start == "full" for r in rows.values() if r.config.freeze_coarse)


def test_references_come_first_in_their_tables():
    rows = read_rows(FILES, read_scale(None))
    for group in GROUPS:
        first, *others = [r for r in rows if group in r.groups]
        assert first.facts.against == ""
        assert {r.facts.against for r in others} == {first.name}


def test_other_lengths_keep_the_shape_of_a_run(tmp_path):
    path = tmp_path / "scale.toml"
    path.write_text("steps = 1000\nwarmup = 100\nphotometric_from = 300\n[frozen]\nsteps = 500\n")
    scale = read_scale(path)
    assert (scale.whole.steps, scale.frozen.steps, scale.frozen.warmup) == (1000, 500, 100)
    short = read_scale(path, steps=50)
    assert (short.whole.steps, short.whole.warmup, short.whole.photometric_from) == (50, 5, 15)
    assert (short.frozen.steps, short.frozen.warmup) == (50, 10)
    with pytest.raises(ConfigError, match="at least 1"):
        read_scale(path, steps=0)


def test_without_photos_only_rows_that_photos_tell_apart_are_refused():
    rows = read_rows(FILES, read_scale(None))
    with pytest.raises(ConfigError, match="trains on photos alone"):
        effective(rows, photos=False)
    drawn = [r for r in rows if r.config.images != "photos"]
    with pytest.raises(ConfigError, match="full and synthetic_only would be the same run; give --photos"):
        effective(drawn, photos=False)
    left = [r for r in drawn if r.name not in ("synthetic_only", "without_kd")]
    assert all(r.config.images == "synthetic" and r.config.weights.age == 0 for r in effective(left, photos=False))
    assert effective(rows, photos=True)[0].config.weights.age > 0


def test_weights_to_start_from_bring_their_coarse_network_and_free_the_rows():
    rows = read_rows(FILES, read_scale(SCALES[0]))
    given = NetworkConfig(backbone="resnet34", width=0.625, crop=96, points_width=7, detail_width=3)
    found = {r.name: r for r in started(rows, given)}
    assert found["full"].config.network == rows[0].config.network
    sd2 = found["sd2"].config.network
    assert (sd2.backbone, sd2.crop, sd2.points_width, sd2.detail) == ("resnet34", 96, 7, "sd2")
    assert sd2.detail_width == rows[0].config.network.detail_width
    assert all(r.facts.start == "" for r in found.values())
    with pytest.raises(ConfigError, match=r"unknown row to start from 'full'.*--start"):
        started([r for r in rows if r.name != "full"], None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps = 5\n", "groups are ''"),
        ('[row]\ngroups = "coarse fine"\n', "expected one or more of coarse, static, dynamic"),
        ('[row]\ngroups = "static"\n', "freeze_coarse"),
        ('[row]\ngroups = "coarse"\ncolour = "red"\n', "unknown setting 'colour'"),
        ('[row]\ngroups = "coarse"\nagainst = "nobody"\n', "'nobody', which is not among the rows"),
        ("[row\n", "not a readable TOML file"),
    ],
)
def test_files_that_do_not_fit_are_named(tmp_path, text, message):
    path = tmp_path / "odd.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_rows([path], read_scale(None))
    with pytest.raises(ConfigError, match="odd"):
        read_rows([path], read_scale(None))
