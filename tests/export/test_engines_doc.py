"""The code in docs/engines.md: the reader runs on a file of ours, the rest is at least what it says it is."""

import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_wrinkles import handmade

from hiface.detail.regions import REGIONS
from hiface.export.glb import GlbTextures, write_glb
from tiny import face_model

TEXT = (Path(__file__).parents[2] / "docs" / "engines.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.S)


def test_the_reader_finds_the_block_and_the_pictures(tmp_path):
    face, picture = face_model(tmp_path), np.zeros((8, 8, 3), np.uint8)
    maps = handmade()
    path = tmp_path / "face.glb"
    write_glb(
        path, face, face.mean.numpy(), face.joint_mean.numpy(), GlbTextures(picture, picture, picture, picture, maps)
    )
    names: dict = {}
    exec(blocks("python")[0], names)
    rule, pictures = names["read_wrinkles"](path)
    assert [region["name"] for region in rule["regions"]] == [region.name for region in REGIONS]
    for name, wanted in maps.pictures().items():
        stored = cv2.imdecode(np.frombuffer(pictures[f"wrinkles_{name}"], np.uint8), cv2.IMREAD_UNCHANGED)
        assert stored.shape == wanted.shape


def test_the_table_of_fields_and_the_list_of_regions_are_the_files(tmp_path):
    block = handmade().extras(dict.fromkeys(handmade().pictures(), 0), handmade().units)
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", TEXT, re.M)
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert set(block) <= told
    assert all(f"`{region.name}`" in TEXT for region in REGIONS)


def test_the_blender_script_is_python():
    for code in blocks("python"):
        compile(code, "engines.md", "exec")


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_the_three_recipe_is_javascript(tmp_path):
    script = tmp_path / "wrinkles.mjs"
    script.write_text(blocks("js")[0], encoding="utf-8")
    told = subprocess.run(["node", "--check", script], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
