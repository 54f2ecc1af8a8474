"""Which ingredients of the generator matter: one configuration, trained on sets of drawn faces that lack one each."""

from __future__ import annotations

import logging
from pathlib import Path

from hiface.errors import ConfigError
from hiface.evaluate.ablation.rows import Facts, Row, read_scale
from hiface.evaluate.ablation.tables import INGREDIENTS as GROUP
from hiface.train.config import merge
from hiface.train.shards import ShardSet

log = logging.getLogger(__name__)
FULL = "full"
ROWS = (
    ("full", "full", FULL, 1.0),
    ("without_hair", "w/o hair", "hair", 1.0),
    ("without_occluders", "w/o occluders", "occluders", 1.0),
    ("without_hdri", "w/o HDRI light", "hdri", 1.0),
    ("without_degradation", "w/o image degradation", "degradation", 1.0),
    ("half", "half the people", FULL, 0.5),
    ("double", "twice the people", "double", 1.0),
)
"""Name, title, folder below the sets, and the part of it that is seen."""
_TIMES = {"double": 2}
"""How many samples a set has for each of `full`; one unless named."""


def ingredient_rows(sets: Path, scale: Path | None, steps: int | None = None) -> list[Row]:
    """The rows whose sets are there. All train for as many steps on as many crops, whatever the size of the set.

    Raises `ConfigError` where `full` is missing, or a set is not of the size that its row says.
    """
    config = merge(read_scale(scale, steps).whole, {"images": "synthetic"}, "ingredients")
    count = len(ShardSet(sets / FULL))
    rows = []
    for place, (name, title, folder, share) in enumerate(ROWS, 1):
        if not (sets / folder).is_dir():
            log.warning("%s: no such folder; the row %r is left out", sets / folder, title)
            continue
        expected, found = count * _TIMES.get(folder, 1), len(ShardSet(sets / folder))
        if found != expected:
            raise ConfigError(f"{sets / folder}: holds {found} faces, expected {expected}; {FULL} has {count}")
        if 0 < config.resident < found:
            raise ConfigError(f"{sets / folder}: {found} faces, resident has room for {config.resident}; raise it")
        against = "" if name == FULL else FULL
        facts = Facts(title, GROUP, against, place=place, faces=sets / folder, share=share)
        rows.append(Row(name, facts, config))
    return rows
