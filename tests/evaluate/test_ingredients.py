"""The study of ingredients: rows differ in their faces alone, sets of a wrong size are named, half is half."""

from __future__ import annotations

import csv
import shutil
import tarfile
from dataclasses import asdict
from pathlib import Path

import pytest
from test_ablation_study import SCALE

from hiface.errors import ConfigError
from hiface.evaluate.ablation.ingredients import ROWS, ingredient_rows
from hiface.evaluate.ablation.material import Material, Sources
from hiface.evaluate.ablation.study import Study, run_study
from world import make_world

SHIPPED = Path(__file__).parents[2] / "experiments" / "ingredients"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Sets of five faces, hair's missing; double holds ten."""
    folder = tmp_path_factory.mktemp("ingredients")
    _, assets, _ = make_world(folder / "world")
    for name in ("full", "occluders", "hdri", "degradation", "double"):
        (folder / "sets" / name).mkdir(parents=True)
        shutil.copy(folder / "world" / "000000.tar", folder / "sets" / name)
    _renumbered(folder / "world" / "000000.tar", folder / "sets" / "double" / "000001.tar", 5)
    (folder / "scale.toml").write_text(SCALE)
    return folder, assets


def _renumbered(source, target, by):
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for member in old:
            data = old.extractfile(member)
            key, _, suffix = member.name.partition(".")
            member.name = f"{int(key) + by:06d}.{suffix}"
            new.addfile(member, data)


def test_rows_differ_in_their_faces_alone(place):
    rows = ingredient_rows(place[0] / "sets", place[0] / "scale.toml")
    assert [r.name for r in rows] == [name for name, *_ in ROWS if name != "without_hair"]
    assert len({str(asdict(r.config)) for r in rows}) == 1
    assert {r.config.images for r in rows} == {"synthetic"}
    assert len({(r.facts.faces, r.facts.share) for r in rows}) == len(rows)
    assert [r.name for r in rows if not r.facts.against] == ["full"]


def test_half_is_the_first_half_and_double_twice(place):
    rows = {r.name: r for r in ingredient_rows(place[0] / "sets", place[0] / "scale.toml")}
    material = Material(Sources(place[0] / "sets" / "full", place[0] / "world"), place[1])
    sizes = {name: len(material.faces(row)) for name, row in rows.items()}
    assert (sizes["half"], sizes["full"], sizes["double"]) == (2, 5, 10)
    stamps = {str(material.inputs(rows[name])) for name in ("full", "half", "double")}
    assert len(stamps) == 3


def test_a_set_of_another_size_is_named(place, tmp_path):
    shutil.copytree(place[0] / "sets", tmp_path / "sets")
    shutil.copy(place[0] / "sets" / "double" / "000001.tar", tmp_path / "sets" / "hdri")
    with pytest.raises(ConfigError, match="hdri: holds 10 faces, expected 5"):
        ingredient_rows(tmp_path / "sets", None)


def test_a_set_without_room_is_named(place, tmp_path):
    (tmp_path / "scale.toml").write_text("resident = 7\n" + SCALE)
    with pytest.raises(ConfigError, match="double: 10 faces, resident has room for 7"):
        ingredient_rows(place[0] / "sets", tmp_path / "scale.toml")


def test_the_study_runs_and_finished_runs_are_kept(place, tmp_path):
    folder, assets = place
    rows = ingredient_rows(folder / "sets", folder / "scale.toml")[:2]
    sources = Sources(folder / "sets" / "full", folder / "world", count=4, accelerator="cpu", train_on_photos=False)
    study = Study(rows, tmp_path, seeds=2)
    assert run_study(study, sources, assets)
    with (tmp_path / "table.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert {(r["row"], r["seed"]) for r in found} == {(r.name, s) for r in rows for s in ("1", "2")}
    text = (tmp_path / "table.md").read_text()
    assert "4 of 4 runs" in text
    assert "neutral shape: change" in text
    before = {p: p.stat().st_mtime_ns for p in tmp_path.glob("runs/*/weights.safetensors")}
    assert run_study(study, sources, assets)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.glob("runs/*/weights.safetensors")} == before


def test_shipped_scales_are_readable():
    for path in SHIPPED.glob("*.toml"):
        assert path.is_file()
        from hiface.evaluate.ablation.rows import read_scale

        assert read_scale(path).whole.photo_batch == 0
