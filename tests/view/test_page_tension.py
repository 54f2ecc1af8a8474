"""The page's own tension against the definition, plain and oriented, in Node.js."""

import json
import shutil
import subprocess

import numpy as np
import pytest
import torch

from hiface.geometry.tension import CEILING, SMOOTHING_STEPS, TensionOperator, alignment_weights
from hiface.geometry.topology import unique_edges
from hiface.view import html
from tiny import SKIN, face_tensors

RUN = """
import { readFileSync } from "node:fs";
import { Tension } from "./tension.mjs";
const { neutral, moved, edges, weights, constants } = JSON.parse(readFileSync(0, "utf8"));
const tension = new Tension(neutral, edges, neutral.length / 3, constants, weights);
console.log(JSON.stringify([...tension.of(moved)]));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
@pytest.mark.parametrize("oriented", [False, True])
def test_the_pages_tension_is_the_operators(tmp_path, oriented):
    tensors, meta = face_tensors()
    polygons = tensors["polygons"][: meta["parts"]["face"]["polygons"][1]]
    edges = torch.from_numpy(unique_edges(polygons.astype(np.int64)))
    neutral = torch.from_numpy(tensors["mean"][None, :SKIN])
    moved = neutral + torch.randn(neutral.shape, generator=torch.Generator().manual_seed(0))
    direction = torch.randn(SKIN, 3, generator=torch.Generator().manual_seed(1))
    weights = alignment_weights(neutral[0], edges, direction) if oriented else None
    operator = TensionOperator(edges, SKIN, weights)
    # 65535 is 1, as in the page's data; rounding tells where all edges at a vertex lie across its direction
    ends = None if weights is None else (weights * 65535).round().flatten().tolist()
    given = {
        "neutral": neutral.flatten().tolist(), "moved": moved.flatten().tolist(), "edges": edges.flatten().tolist(),
        "weights": ends, "constants": {"gain": operator.gain, "ceiling": CEILING, "steps": SMOOTHING_STEPS},
    }  # fmt: skip
    (tmp_path / "tension.mjs").write_text((html.SOURCES / "tension.js").read_text())
    (tmp_path / "run.mjs").write_text(RUN)
    told = subprocess.run(
        ["node", tmp_path / "run.mjs"], input=json.dumps(given), capture_output=True, text=True, check=True, timeout=60
    )
    np.testing.assert_allclose(json.loads(told.stdout), operator(moved, neutral)[0].numpy(), atol=2e-3)
