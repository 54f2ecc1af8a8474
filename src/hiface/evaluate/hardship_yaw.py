"""Errors against the head's turn to the side, on drawn faces whose shape is known."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from hiface.errors import ConfigError
from hiface.evaluate.answers import AnswerCache, Progress, Row
from hiface.evaluate.groups import interval
from hiface.evaluate.jobs import digest, fingerprint
from hiface.geometry.rotation import matrix_from_axis_angle
from hiface.model import HiFace
from hiface.train import drawn
from hiface.train.assemble import dataset
from hiface.train.config import TrainConfig
from hiface.train.shards import ShardSet

EDGES = tuple(range(-60, 61, 15))
"""Degrees, positive to the subject's left: bins of the curve."""
_GROUP = 20
"""Faces that are asked together."""


def yaw_degrees(axis_angle: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N"]:
    """The turn to the side of heads posed as Rz(roll) Rx(pitch) Ry(yaw), positive to the subject's left."""
    turn = matrix_from_axis_angle(torch.from_numpy(np.asarray(axis_angle, np.float64))).numpy()
    return np.asarray(np.degrees(np.arctan2(-turn[:, 2, 0], turn[:, 2, 2])))


def drawn_rows(model: HiFace, folder: Path, count: int, cache: AnswerCache, on_progress: Progress | None = None) -> Row:
    """`DrawnErrors` of the first `count` faces of a folder of shards, as users get them (after `refine`), and `yaw`."""
    shards = ShardSet(folder)
    groups = min(count, len(shards)) // _GROUP
    if not groups:
        raise ConfigError(f"{folder}: {len(shards)} faces; the curves of yaw need {_GROUP} or more")
    network = model.reconstructor
    data = dataset(TrainConfig(network=network.config), network, shards, None)

    def ask(g: int) -> Row:
        errors = drawn.drawn_errors(network, data, _GROUP, fitted=True, first=g * _GROUP)
        turn = np.stack([shards.truth(i, "rotation")[:2].sum(0) for i in range(g * _GROUP, (g + 1) * _GROUP)])
        return {f.name: getattr(errors, f.name) for f in fields(errors)} | {"yaw": yaw_degrees(turn)}

    told = digest([Path(__file__), Path(drawn.__file__)], fingerprint(shards.paths))
    rows = cache.rows(f"yaw {told[:16]}", [str(g).encode() for g in range(groups)], ask, on_progress)
    return {name: values.reshape(-1, *values.shape[2:]) for name, values in rows.items()}


def yaw_table(rows: Row) -> list[dict[str, object]]:
    """A row for each bin of yaw that holds faces, and for all faces of the bins."""
    inside = (rows["yaw"] >= EDGES[0]) & (rows["yaw"] < EDGES[-1])
    found = [_row("all", rows, inside)]
    for low, high in pairwise(EDGES):
        chosen = (rows["yaw"] >= low) & (rows["yaw"] < high)
        if chosen.any():
            found.append(_row(f"{low} to {high}", rows, chosen))
    return found


def _row(name: str, rows: Row, chosen: np.ndarray) -> dict[str, object]:
    points, shape = rows["points"][chosen], rows["shape"][chosen]
    bounds = interval(shape, np.full(len(shape), ""), "mean")
    return {
        "group": name,
        "faces": int(chosen.sum()),
        "NME": round(float(np.median(points)), 3),
        "90 % NME": round(float(np.percentile(points, 90)), 3),
        "shape mm": round(float(shape.mean()), 3),
        "interval": f"{bounds.low:.3f}–{bounds.high:.3f}",
        "of the mean face's": round(float(shape.mean() / rows["mean_shape"][chosen].mean()), 3),
        "rotation °": round(float(rows["rotation"][chosen].mean()), 2),
    }
