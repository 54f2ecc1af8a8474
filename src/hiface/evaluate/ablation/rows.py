"""Rows of the ablation: what each one changes, read from a TOML file, at a scale that another one sets."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from hiface.assets.format import unknown_name
from hiface.errors import ConfigError
from hiface.reconstructor import NetworkConfig
from hiface.train.config import TrainConfig, as_table, merge

GROUPS = ("coarse", "static", "dynamic")
"""Tables of the study: the whole network trained (the paper's Table 1), static and dynamic detail learnt on a frozen
coarse face (its Figs. 8 and 9)."""
OF_PHOTOS = ("scores", "age", "prior_photos")
"""Weights of terms that photos alone have."""


@dataclass(frozen=True)
class Facts:
    """The table `[row]` of a row's file."""

    title: str = ""
    groups: str = ""
    """One or two of `GROUPS`, with a space between."""
    against: str = ""
    """The row that it is compared with, by its file's stem; empty for those that others are compared with."""
    start: str = ""
    """The row whose weights of the same seed give the frozen coarse face."""
    place: int = 0
    """Order in the tables."""
    faces: Path | None = None
    """Folder of the drawn faces that it trains on; None: the study's. No file says it: `ingredients` does."""
    share: float = 1.0
    """The part of them that it sees, from the first on."""


@dataclass(frozen=True)
class Row:
    """One row at a scale."""

    name: str
    """The file's stem."""
    facts: Facts
    config: TrainConfig

    @property
    def title(self) -> str:
        return self.facts.title or self.name

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(self.facts.groups.split())


@dataclass(frozen=True)
class Scale:
    """How large the study is: what rows differ from."""

    whole: TrainConfig
    """For rows that train the whole network."""
    frozen: TrainConfig
    """For rows of detail: `whole` with the differences in the file's table `[frozen]`."""


def read_scale(path: Path | None, steps: int | None = None) -> Scale:
    """The scale in a TOML file, the training defaults without one; `steps` shortens or lengthens every run."""
    table = {} if path is None else _table(path)
    frozen = table.pop("frozen", {})
    whole = merge(TrainConfig(), table, str(path))
    scale = Scale(whole, merge(whole, frozen, f"{path}: frozen"))
    return scale if steps is None else Scale(_of_length(scale.whole, steps), _of_length(scale.frozen, steps))


def _of_length(config: TrainConfig, steps: int) -> TrainConfig:
    """`config` over `steps`, its warm-up and its first photometric step at the same part of the run."""
    if steps < 1:
        raise ConfigError(f"--steps {steps}: expected at least 1")
    share = steps / config.steps
    first = round(share * config.photometric_from)
    return replace(config, steps=steps, warmup=max(1, round(share * config.warmup)), photometric_from=first)


def read_rows(paths: Sequence[Path], scale: Scale) -> list[Row]:
    """The rows of TOML files, in the tables' order; raises `ConfigError` for what does not fit together."""
    rows = sorted((_read_row(p, scale) for p in paths), key=lambda r: (r.facts.place, r.name))
    names = [r.name for r in rows]
    if len(set(names)) < len(names):
        raise ConfigError(f"two rows of one name among {', '.join(names)}; rename a file")
    for row in rows:
        if row.facts.against and row.facts.against not in names:
            raise ConfigError(f"row {row.name} is compared with {row.facts.against!r}, which is not among the rows")
    return rows


def _read_row(path: Path, scale: Scale) -> Row:
    table = _table(path)
    facts = merge(Facts(), table.pop("row", {}), f"{path}: row")
    groups = facts.groups.split()
    if not groups or not set(groups) <= set(GROUPS):
        raise ConfigError(f"{path}: groups are {facts.groups!r}, expected one or more of {', '.join(GROUPS)}")
    base = scale.frozen if table.get("freeze_coarse") else scale.whole
    row = Row(path.stem, facts, merge(base, table, str(path)))
    if row.config.freeze_coarse == ("coarse" in groups):
        raise ConfigError(f"{path}: rows of group coarse train the whole network, those of the others freeze_coarse")
    return row


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not a readable TOML file ({error})") from error


def started(rows: Sequence[Row], network: NetworkConfig | None) -> list[Row]:
    """`rows` with what they start from settled: frozen ones take the coarse part of `network`, that of weights which
    the user gave, or name a row to start from."""
    names = [r.name for r in rows]
    for row in rows:
        if network is None and row.config.freeze_coarse and row.facts.start not in names:
            told = unknown_name(row.facts.start, names, "row to start from")
            raise ConfigError(f"row {row.name}: {told}; add that row or give weights (--start)")
    if network is None:
        return list(rows)
    coarse = {f.name: getattr(network, f.name) for f in fields(network) if not f.name.startswith(("detail", "decoder"))}
    return [_on(row, coarse) if row.config.freeze_coarse else row for row in rows]


def _on(row: Row, coarse: dict[str, Any]) -> Row:
    """`row` on a coarse network of the user's, and so without a row to start from."""
    config = replace(row.config, network=replace(row.config.network, **coarse))
    return replace(row, config=config, facts=replace(row.facts, start=""))


def effective(rows: Sequence[Row], photos: bool) -> list[Row]:
    """`rows` as they train with or without photos: terms that no image feeds have no weight.

    Raises `ConfigError` where a row has no image left, or no longer differs from another.
    """
    found = [replace(row, config=_fed(row, photos)) for row in rows]
    seen: dict[str, str] = {}
    for row in found:
        same = seen.setdefault(str((as_table(row.config), row.facts.faces, row.facts.share)), row.name)
        if same != row.name:
            cure = "leave one out" if photos else "give --photos, or leave one out"
            raise ConfigError(f"rows {same} and {row.name} would be the same run; {cure}")
    return found


def _fed(row: Row, photos: bool) -> TrainConfig:
    config = row.config
    if config.images == "photos" and not photos:
        raise ConfigError(f"row {row.name} trains on photos alone; give --photos, or leave it out")
    if photos and config.photo_batch and config.images != "synthetic":
        return config
    weights = replace(config.weights, **dict.fromkeys(OF_PHOTOS, 0.0))
    return replace(config, images="synthetic", weights=weights)
