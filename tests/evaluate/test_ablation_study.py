"""A study of the tiny face: finished runs are kept, a cut one goes on exactly, frozen rows keep their start's face."""

import csv
import shutil
from dataclasses import replace

import pytest

from hiface.assets.format import read_asset
from hiface.errors import ConfigError
from hiface.evaluate.ablation import study as module
from hiface.evaluate.ablation.material import Sources
from hiface.evaluate.ablation.study import Study, resolved_rows, run_study
from hiface.reconstructor import SCHEMA
from hiface.train.frozen import is_detail
from hiface.train.loop import CHECKPOINT, WEIGHTS
from world import make_world

SCALE = """
steps = 4
warmup = 1
synthetic_batch = 3
photo_batch = 0
photometric_every = 0
validate_every = 2
loaders = 0
precision = "fp32"
learning_rate = 1e-2
[network]
width = 0.125
crop = 32
mix = 16
detail_width = 8
decoder_width = 4
"""
ROWS = {
    "full": '[row]\ngroups = "coarse"\nplace = 1\n',
    "no_kl": '[row]\ntitle = "w/o L_kl"\ngroups = "coarse"\nagainst = "full"\nplace = 2\n[weights]\ndivergence = 0.0\n',
    "detail": 'freeze_coarse = true\n[row]\ngroups = "static dynamic"\nstart = "full"\nplace = 3\n',
    "sd1": 'freeze_coarse = true\n[row]\ngroups = "dynamic"\nagainst = "detail"\nstart = "full"\nplace = 4\n'
    '[network]\ndetail = "sd1"\n',
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    world, assets, _ = make_world(folder)
    for name, text in ROWS.items():
        (folder / f"{name}.toml").write_text(text)
    (folder / "scale").mkdir()
    (folder / "scale" / "scale.toml").write_text(SCALE)
    return folder, assets, Sources(world, world, count=4, accelerator="cpu")


def make_study(place, out, names=tuple(ROWS), **changes):
    folder = place[0]
    rows = [folder / f"{n}.toml" for n in names]
    return replace(Study(rows, out, folder / "scale" / "scale.toml", seeds=2), **changes)


@pytest.fixture(scope="module")
def finished(place, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    assert run_study(make_study(place, out), place[2], place[1])
    return out


def figures(out):
    with (out / "table.csv").open(newline="") as file:
        return {(r["row"], int(r["seed"]), r["figure"]): float(r["value"]) for r in csv.DictReader(file)}


def test_all_rows_and_seeds_are_in_the_tables(finished):
    found = figures(finished)
    assert {k[:2] for k in found} == {(name, seed) for name in ROWS for seed in (1, 2)}
    text = (finished / "table.md").read_text()
    assert text.count("8 of 8 runs") == 3
    assert "| w/o L_kl |" in text
    assert "±" in text
    latex = (finished / "table.tex").read_text()
    assert latex.count(r"\begin{table}") == 3
    assert "w/o L\\_kl" in latex


def test_rows_of_detail_have_their_starts_coarse_face(finished):
    found = figures(finished)
    for seed in (1, 2):
        for figure in ("shape", "rigid", "expression", "coarse", "rotation", "points_median"):
            of_full = found["full", seed, figure]
            assert found["detail", seed, figure] == found["sd1", seed, figure] == of_full
            assert found["no_kl", seed, figure] != of_full
        assert found["detail", seed, "map_static"] != found["full", seed, "map_static"]
        assert found["sd1", seed, "map_dynamic"] != found["detail", seed, "map_dynamic"]
        weights = {n: read_asset(next(finished.glob(f"runs/{n}-{seed}-*")) / WEIGHTS, SCHEMA) for n in ("full", "sd1")}
        coarse = {k for k in weights["sd1"].tensors if not is_detail(k)}
        assert all((weights["full"].tensors[k] == weights["sd1"].tensors[k]).all() for k in coarse)
    assert found["full", 1, "shape"] != found["full", 2, "shape"]


def test_finished_runs_are_not_run_again(place, finished, monkeypatch):
    def never(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(module, "train", never)
    monkeypatch.setattr(module, "figures", never)
    assert run_study(make_study(place, finished), place[2], place[1])
    assert not list(finished.glob(f"runs/*/{CHECKPOINT}"))


def test_a_cut_study_ends_as_an_uncut_one(place, finished, tmp_path, monkeypatch):
    """Every call is stopped after a step, every run in its middle."""
    real = module.train

    def cut(*arguments, **keywords):
        arguments = list(arguments)
        arguments[7] = 0.0  # seconds
        return real(*arguments, **keywords)

    monkeypatch.setattr(module, "train", cut)
    study = make_study(place, tmp_path, names=("full", "detail"), seeds=1)
    calls = 1
    while not run_study(study, place[2], place[1]):
        assert calls < 20
        text = (tmp_path / "table.md").read_text()
        calls += 1
    assert calls == 7  # four steps a run, the last of which ends it
    assert "1 of 2 runs" in text
    whole = figures(finished)
    cut_figures = figures(tmp_path)
    assert len(cut_figures) > 30
    assert all(whole[k] == v for k, v in cut_figures.items())


def test_processes_share_a_study_by_seed(place, finished, tmp_path):
    study = make_study(place, tmp_path, names=("full",))
    assert not run_study(replace(study, only_seed=2), place[2], place[1])
    assert {k[1] for k in figures(tmp_path)} == {2}
    assert run_study(replace(study, only_seed=1), place[2], place[1])
    assert figures(tmp_path).items() <= figures(finished).items()


def test_other_settings_data_or_starts_are_other_runs(place, finished, tmp_path):
    folder, assets, sources = place
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    names = ("full", "detail")

    def folders():
        return {p.name for p in (out / "runs").iterdir()}

    before = folders()
    run_study(make_study(place, out, names=names, seeds=1, steps=2), sources, assets)
    assert {n.rsplit("-", 1)[0] for n in folders() - before} == {"full-1", "detail-1"}
    before = folders()
    other = tmp_path / "shards"
    other.mkdir()
    shutil.copy(folder / "000000.tar", other / "000001.tar")
    run_study(make_study(place, out, names=("full",), seeds=1), replace(sources, shards=other), assets)
    assert {n.rsplit("-", 1)[0] for n in folders() - before} == {"full-1"}
    before = folders()
    start = next(out.glob("runs/full-2-*")) / WEIGHTS
    run_study(make_study(place, out, names=("detail",), seeds=1, start=start), sources, assets)
    assert {n.rsplit("-", 1)[0] for n in folders() - before} == {"detail-1"}
    found = figures(out)
    assert found["detail", 1, "shape"] == figures(finished)["full", 2, "shape"]


def test_other_test_faces_measure_without_training(place, finished, tmp_path, monkeypatch):
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    monkeypatch.setattr(module, "train", None)
    assert run_study(make_study(place, out, seeds=1), replace(place[2], count=2), place[1])
    assert figures(out)["full", 1, "shape"] != figures(finished)["full", 1, "shape"]


def test_seeds_are_checked_and_photos_asked_for(place, tmp_path):
    for bad in ({"seeds": 0}, {"seeds": 2, "only_seed": 3}):
        with pytest.raises(ConfigError, match="seeds"):
            make_study(place, tmp_path, **bad)
    rows = resolved_rows(make_study(place, tmp_path), photos=False)
    assert [r.name for r in rows] == list(ROWS)
