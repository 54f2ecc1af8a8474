"""Runs of the ablation: a row and a seed, a folder named by the hash of all that the result depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hiface.assets.format import read_asset
from hiface.evaluate.ablation.rows import Row
from hiface.evaluate.jobs import read_record
from hiface.reconstructor import SCHEMA
from hiface.train.config import TrainConfig, as_table
from hiface.train.loop import WEIGHTS

FIGURES = "figures.json"
FORMAT = 1
"""Raised when the code changes what a configuration means: older runs are then not recognised."""


@dataclass(frozen=True)
class Run:
    """One training of one row."""

    row: Row
    seed: int
    config: TrainConfig
    stamp: str
    """Hash of configuration, data, assets and start."""
    folder: Path
    start: Path | None
    """Weights that give the frozen coarse face."""

    @property
    def title(self) -> str:
        return f"{self.row.title}, seed {self.seed}"

    def trained(self) -> bool:
        """Whether the weights of its last step are there."""
        path = self.folder / WEIGHTS
        return path.is_file() and int(read_asset(path, SCHEMA).meta["step"]) >= self.config.steps

    def figures(self, stamp: str) -> dict[str, float] | None:
        """What an earlier call measured on the test data of `stamp`, if the run was finished."""
        return read_record(self.folder / FIGURES, measured_stamp(self, stamp))


def measured_stamp(run: Run, test: str) -> str:
    return _hash([run.stamp, test])


def plan(
    rows: Sequence[Row], seeds: int, out: Path, inputs: Callable[[Row], Mapping[str, str]], start: Path | None = None
) -> list[Run]:
    """Runs of every row and seed: seed after seed, starts before what starts from them.

    `inputs`: hashes of a row's data and assets by name; `start`: weights for all frozen rows.
    """
    runs: list[Run] = []
    ordered = sorted(rows, key=lambda r: r.config.freeze_coarse)
    for k in range(seeds):
        of_seed: dict[str, Run] = {}
        for row in ordered:
            origin = of_seed.get(row.facts.start) if row.config.freeze_coarse else None
            of_seed[row.name] = _run(row, row.config.seed + k, out, inputs(row), origin, start)
        runs += of_seed.values()
    return runs


def _run(row: Row, seed: int, out: Path, inputs: Mapping[str, str], origin: Run | None, start: Path | None) -> Run:
    config = replace(row.config, seed=seed)
    weights = None if not config.freeze_coarse else start if origin is None else origin.folder / WEIGHTS
    of_start = "" if weights is None else read_asset(weights, SCHEMA).hash if origin is None else origin.stamp
    stamp = _hash([FORMAT, as_table(config), dict(inputs), of_start])
    return Run(row, seed, config, stamp, out / "runs" / f"{row.name}-{seed}-{stamp[:12]}", weights)


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
