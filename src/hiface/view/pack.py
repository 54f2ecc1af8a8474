"""Arrays and pictures as one compressed text that a page carries, and a table that says where each lies."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Shaped

from hiface.errors import OutputError

TYPES: dict[np.dtype[Any], str] = {
    np.dtype(np.uint8): "u8",
    np.dtype(np.int8): "i8",
    np.dtype(np.uint16): "u16",
    np.dtype(np.int16): "i16",
    np.dtype(np.float16): "f16",
    np.dtype(np.float32): "f32",
}
_LEVEL = 6
"""Of gzip: level 9 takes thrice as long and saves one per cent."""
_ALIGNMENT = 4
"""Bytes; JavaScript's typed arrays must start at a multiple of their item."""


Table = dict[str, dict[str, Any]]
"""By name an array's `type`, `shape`, `at` (byte) and `coding`."""


def packed(arrays: Mapping[str, Shaped[np.ndarray, "..."] | bytes]) -> tuple[str, Table]:
    """Base64 of `packed_bytes`, and its table."""
    whole, table = packed_bytes(arrays)
    return base64.b64encode(whole).decode("ascii"), table


def packed_bytes(arrays: Mapping[str, Shaped[np.ndarray, "..."] | bytes]) -> tuple[bytes, Table]:
    """Gzip of all arrays one after another, and where each lies.

    Arrays of 16-bit integers with one or two axes are stored as differences along the first (`spread`), which
    halves what gzip leaves of them; all else plain, little endian. Bytes, such as an encoded picture, are `u8`.
    """
    table: Table = {}
    blocks, at = [], 0
    for name, value in arrays.items():
        array = np.frombuffer(value, np.uint8) if isinstance(value, bytes) else np.asarray(value)
        if array.dtype not in TYPES:
            raise OutputError(f"{name}: a page holds {', '.join(TYPES.values())}, got {array.dtype}")
        coded = array.dtype in (np.uint16, np.int16) and array.ndim <= 2
        data = spread(array) if coded else np.ascontiguousarray(array).tobytes()
        data += b"\0" * (-len(data) % _ALIGNMENT)
        coding = "spread" if coded else "plain"
        table[name] = {"type": TYPES[array.dtype], "shape": list(array.shape), "at": at, "coding": coding}
        blocks.append(data)
        at += len(data)
    return gzip.compress(b"".join(blocks), _LEVEL, mtime=0), table


def spread(array: Shaped[np.ndarray, "N *C"]) -> bytes:
    """16-bit rows as zigzag differences to the row before, a column after another, low bytes before high ones."""
    columns = np.ascontiguousarray(array).view(np.uint16).reshape(len(array), -1).T
    before = np.concatenate([np.zeros_like(columns[:, :1]), columns[:, :-1]], 1)
    steps = (columns - before).view(np.int16)
    zigzag = ((steps << 1) ^ (steps >> 15)).view(np.uint16)
    return (zigzag & 255).astype(np.uint8).tobytes() + (zigzag >> 8).astype(np.uint8).tobytes()


def unpacked(text: str, table: Mapping[str, Mapping[str, Any]]) -> dict[str, Shaped[np.ndarray, "..."]]:
    """The arrays of `packed`; what the page's own script does (`page/data.js`)."""
    data = gzip.decompress(base64.b64decode(text))
    return {name: _array(data, entry) for name, entry in table.items()}


def _array(data: bytes, entry: Mapping[str, Any]) -> Shaped[np.ndarray, "..."]:
    kind: np.dtype[Any] = next(dtype for dtype, name in TYPES.items() if name == entry["type"])
    shape = tuple(entry["shape"])
    count = int(np.prod(shape, dtype=int))
    if entry["coding"] == "plain":
        return np.frombuffer(data, kind, count, entry["at"]).reshape(shape)
    low, high = (np.frombuffer(data, np.uint8, count, entry["at"] + k * count) for k in (0, 1))
    zigzag = low | (high.astype(np.uint16) << 8)
    steps = (zigzag >> 1) ^ np.where(zigzag & 1, np.uint16(65535), np.uint16(0))
    columns = np.cumsum(steps.reshape(-1, shape[0]), axis=1, dtype=np.uint16)
    return np.ascontiguousarray(columns.T).view(kind).reshape(shape)
