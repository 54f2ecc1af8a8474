"""REALY and NoW in miniature: folders in the benchmarks' layouts, made of the golden grid."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import golden_grid as golden
from hiface.evaluate.writers import write_mesh_obj
from hiface.geometry.surface import Mesh

STEP = 0.8
SUBJECTS = (1, 2, 3)


@dataclass(frozen=True)
class MiniRealy:
    """A benchmark of three subjects with the same scan and scales 9, 8 and 10."""

    scans: Path
    predictions: Path
    template: Path
    keypoints: Path

    def predict(self, name: str, mesh: Mesh) -> Path:
        return write_mesh_obj(self.predictions / f"{name}.obj", mesh)


@pytest.fixture
def realy(tmp_path) -> MiniRealy:
    scans, scan = tmp_path / "benchmark", golden.scan(STEP)
    points = Mesh(scan.keypoints, np.zeros((0, 3), int))
    for subject in SUBJECTS:
        write_mesh_obj(scans / "REALY_HIFI3D_keypoints" / f"{subject}.obj", points)
        for region, patch in scan.patches.items():
            write_mesh_obj(scans / "REALY_scan_region" / str(subject) / f"{region}.obj", patch)
    (scans / "metrical_scale.txt").write_text("9.0\n8.0\n10.0\n")
    keypoints = tmp_path / "grid.txt"
    keypoints.write_text(json.dumps(golden.keypoint_table(STEP).tolist()))
    mini = MiniRealy(
        scans,
        tmp_path / "predictions",
        write_mesh_obj(tmp_path / "grid.obj", golden.prediction("F", STEP)),
        keypoints,
    )
    for subject, case in zip(SUBJECTS, "CEA", strict=True):
        mini.predict(str(subject), golden.prediction(case, STEP))
    return mini


def command(*arguments) -> subprocess.CompletedProcess[str]:
    """`hiface evaluate ...` in a process of its own where torch cannot be imported."""
    code = (
        "import sys, importlib.abc\n"
        "class NoTorch(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.partition('.')[0] == 'torch': raise ImportError('torch is not installed')\n"
        "sys.meta_path.insert(0, NoTorch())\n"
        "from hiface.cli import main; main()"
    )
    return subprocess.run(
        [sys.executable, "-c", code, "evaluate", *map(str, arguments)], capture_output=True, text=True
    )
