"""Weights from files."""

import json

import pytest
import torch

from hiface.errors import ConfigError
from hiface.face.asset import ARKIT
from hiface.track.tables import header
from hiface.transfer.weights import read_weights
from tiny import face_model


@pytest.fixture(scope="module")
def face(tmp_path_factory):
    return face_model(tmp_path_factory.mktemp("face"))


def test_names_in_json(face, tmp_path):
    path = tmp_path / "w.json"
    path.write_text(json.dumps({"jawOpen": 0.5, "mouthSmileLeft": 1.1}))
    found = read_weights(path, face)
    assert found[ARKIT.index("jawOpen")] == 0.5
    assert found[ARKIT.index("mouthSmileLeft")] == 1
    assert found.count_nonzero() == 2
    for wrong, told in (
        ({"jaw": 1}, r"w.json: names \['jaw'\]"),
        ({"jawOpen": 40}, "jawOpen is 40"),
        ([1], "expected"),
    ):
        path.write_text(json.dumps(wrong))
        with pytest.raises(ConfigError, match=told):
            read_weights(path, face)


def test_frames_of_track(face, tmp_path):
    path, names = tmp_path / "weights.json", list(face.expression_names)
    frames = [{"weights": [round(0.01 * (k + f), 4) for k in range(len(names))]} for f in range(2)]
    path.write_text(json.dumps({"names": names, "frames": frames}))
    torch.testing.assert_close(read_weights(path, face, 1)[:52], torch.arange(1, 53) * 0.01 * (torch.arange(52) > -1))
    with pytest.raises(ConfigError, match="2 frames, --frame 2"):
        read_weights(path, face, 2)


def test_live_link_csv(face, tmp_path):
    path = tmp_path / "take.csv"
    columns = header()
    row = ["00:00:00:00.000", 61, *(0.01 * k for k in range(61))]
    path.write_text(",".join(columns) + "\n" + ",".join(map(str, row)) + "\n")
    found = read_weights(path, face)
    name = columns[10]
    assert abs(float(found[ARKIT.index(name[0].lower() + name[1:])]) - 0.08) < 1e-6
