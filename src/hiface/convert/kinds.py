"""Which reader a source needs: named by the user, or told by the file itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from hiface.assets.format import unknown_name
from hiface.convert import bfm2009, bfm2017, flame, gnm, ict
from hiface.convert.reading import read_arrays
from hiface.convert.source import SourceModel
from hiface.errors import AssetError, ConfigError

READERS: Mapping[str, Callable[[Path], SourceModel]] = {
    "gnm": gnm.read,
    "flame": flame.read,
    "bfm2009": bfm2009.read,
    "bfm2017": bfm2017.read,
    "bfm2019": partial(bfm2017.read, kind="bfm2019"),
}
KINDS = ("auto", "ict", *READERS)
_KEYS = {"gnm": gnm.KEYS, "flame": flame.KEYS, "bfm2009": bfm2009.KEYS, "bfm2017": bfm2017.KEYS, "ict": ict.KEYS}
_ENOUGH = 0.5
"""Share of a kind's keys from which a file is taken for that kind; its reader then names what is missing."""


def kind_of(source: Path, kind: str = "auto") -> str:
    """`kind`, or for "auto" what the source is. Raises `ConfigError` and `AssetError` that say what would do."""
    if kind not in KINDS:
        raise ConfigError(unknown_name(kind, KINDS, "kind of face model"))
    if kind != "auto":
        return kind
    if source.is_dir():
        return "ict"
    found = set(read_arrays(source))
    share = {name: len(found & set(keys)) / len(keys) for name, keys in _KEYS.items()}
    best = max(share, key=lambda name: share[name])
    if share[best] < _ENOUGH:
        raise AssetError(
            f"{source}: no kind of face model has its keys {sorted(found)[:12]}; name one with --kind"
            f" ({', '.join(KINDS[1:])}), or write the file yourself (docs/face_model_format.md)"
        )
    return "bfm2019" if best == "bfm2017" and "2019" in source.name else best
