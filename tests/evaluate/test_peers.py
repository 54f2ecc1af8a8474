"""Other programs' folders."""

import pytest

from hiface.errors import ConfigError, MeshError
from hiface.evaluate.peers import LAYOUTS, collect


def lay(folder, *paths):
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"v 0 0 0 # {path}\n")


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_every_layout_is_found_under_its_pictures_names(tmp_path, layout):
    pattern = LAYOUTS[layout].pattern.replace("*", "20_000000")
    lay(tmp_path / "in", *(pattern.format(name=name) for name in ("17", "17_3", "9")))
    assert collect(tmp_path / "in", layout, tmp_path / "out") == 3
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["17.obj", "17_3.obj", "9.obj"]
    assert pattern.format(name="17_3") in (tmp_path / "out" / "17_3.obj").read_text()


def test_one_mesh_is_not_taken_for_another(tmp_path):
    lay(tmp_path, "17/17.obj", "17/17_detail.obj", "18/17.obj")
    assert collect(tmp_path, "deca", tmp_path / "out") == 1
    assert collect(tmp_path, "deca-detail", tmp_path / "fine") == 1
    assert "17_detail" in (tmp_path / "fine" / "17.obj").read_text()


def test_what_is_wrong_is_said(tmp_path):
    with pytest.raises(ConfigError, match="unknown layout 'dekka'"):
        collect(tmp_path, "dekka", tmp_path / "out")
    with pytest.raises(MeshError, match="found none"):
        collect(tmp_path, "deca", tmp_path / "out")
    lay(tmp_path, "epoch_20/5.obj", "epoch_30/5.obj")
    with pytest.raises(MeshError, match="same picture"):
        collect(tmp_path, "deep3d", tmp_path / "out")
    assert collect(tmp_path, "epoch_30/{name}.obj", tmp_path / "own") == 1
