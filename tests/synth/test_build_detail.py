"""The commands that make captures and bases, on folders of a few small maps."""

import json

import numpy as np
import pytest

from hiface.cli import app
from hiface.detail.basis import NAMES, read_basis
from hiface.detail.maps import read_displacement
from hiface.errors import AssetError, ConfigError
from hiface.synth.captures.bases import BasisOptions, build_bases
from hiface.synth.captures.build import CaptureOptions, make_captures

SIDE = 48


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("captures")
    app(["build", "captures", "--out", str(out), "--count", "7", "--side", str(SIDE)], result_action="return_value")
    return out


def test_captures_are_kept_and_missing_ones_made_again(folder):
    assert len(list(folder.iterdir())) == 7
    victim = folder / "subject_00003"
    before = read_displacement(victim / "neutral.png")
    for file in victim.iterdir():
        file.unlink()
    heard = []
    assert make_captures(CaptureOptions(folder, 7, SIDE), lambda done, total: heard.append((done, total))) == 1
    assert heard == [(7, 7)]
    np.testing.assert_array_equal(read_displacement(victim / "neutral.png"), before)
    assert make_captures(CaptureOptions(folder, 7, SIDE)) == 0
    person = json.loads((victim / "subject.json").read_text())
    assert {"age", "sex", "skin", "seed"} <= set(person)


def test_bases_come_with_their_measure(folder, tmp_path):
    out, report = tmp_path / "basis.safetensors", tmp_path / "report.json"
    words = ["build", "detail-bases", str(folder), "--out", str(out), "--report", str(report)]
    app(
        [*words, "--static", "3", "--dynamic", "2", "--side", str(SIDE), "--held-out", "2"],
        result_action="return_value",
    )
    asset = read_basis(out)
    assert asset.meta["captures"] == 7
    assert asset.meta["fitted_on"] == 7
    assert [len(asset.tensors[f"{n}_modes"]) for n in NAMES] == [3, 2, 2]
    assert asset.tensors["capture_static"].shape == (7, 3)
    measured = json.loads(report.read_text())
    assert measured["unusable"] == []
    assert measured["apart_mm"] > 0.01
    for name in NAMES:
        assert measured["quantisation_rms_mm"][name] < 0.02
        shares = measured["shares"][name]
        assert 0.3 < max(shares["fitted"].values()) <= 1
        assert max(shares["held_out"].values()) <= 1


def test_unusable_subjects_are_named_and_too_few_refused(folder, tmp_path):
    import shutil

    copy = tmp_path / "captures"
    shutil.copytree(folder, copy)
    (copy / "subject_00002" / "stretched.png").unlink()
    options = BasisOptions(copy, tmp_path / "basis.safetensors", 2, 2, SIDE, 2)
    found = build_bases(options)
    assert found.usable == 6
    assert len(found.unusable) == 1
    assert "no stretched map" in found.unusable[0]
    with pytest.raises(ConfigError, match="need 303"):
        build_bases(BasisOptions(copy, tmp_path / "other.safetensors", side=SIDE, held_out=2))
    assert not (tmp_path / "other.safetensors").exists()
    with pytest.raises(AssetError, match="none of 7 subjects"):
        build_bases(BasisOptions(copy, tmp_path / "other.safetensors", side=SIDE * 2))


def test_nonsense_is_refused():
    with pytest.raises(ConfigError, match="at least 1"):
        CaptureOptions(out=None, count=0)  # type: ignore[arg-type]
