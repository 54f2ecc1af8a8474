"""Brows are drawn where the landmarks say that they are."""

import json

import cv2
import numpy as np
import pytest

from hiface.face.model import FaceModel
from hiface.synth.brows import _line, _places, landmark_line, load_brows

SIDE = 256


@pytest.fixture(scope="module")
def face():
    return FaceModel.load()


def painted(folder, places, heights):
    """Bands of ink on the face tile whose middle is a parabola of |x|, one file a height."""
    entries = []
    for k, line in enumerate(heights):
        across, up = np.abs(places[..., 0]), places[..., 1]
        ink = (np.abs(up - np.polyval(line, across)) < 3) & (across > 14) & (across < 54)
        ink = cv2.resize(ink.astype(np.uint8) * 255, (1024, 1024), interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(folder / f"{k}.png"), np.dstack([np.zeros((1024, 1024, 3), np.uint8), ink]))
        entries.append({"file": f"{k}.png", "box_xyxy_in_face_tile": [0, 0, 1024, 1024]})
    (folder / "index.json").write_text(json.dumps({"eyebrows": entries}))


def test_slanting_layers_are_laid_on_the_landmarks(face, tmp_path):
    places = _places(face, SIDE)
    painted(tmp_path, places, [[0, 0.25, 42.0], [0, 0.35, 40.0]])
    brows, rows = load_brows(tmp_path, face, SIDE)
    wanted, at = landmark_line(face), np.array([18.0, 30, 45])
    mean = np.mean([_line(layer, places) for layer in brows], 0)
    np.testing.assert_allclose(np.polyval(mean, at), np.polyval(wanted, at), atol=0.8)
    first, second = (np.polyval(_line(layer, places), 45.0) for layer in brows)
    assert 0.5 < second - first < 2.5  # half of what set them apart at x = 45: 2.5 mm
    assert brows[:, : rows.start].max() <= 0.02
    assert brows[:, rows.stop :].max() <= 0.02
