"""The file format of every asset: safetensors whose metadata state kind, version, units, licence and a hash.

Nothing is ever unpickled. Large bases are stored as integers with one scale per mode (`quantise`); a loader
gets them back with `dequantise`. A file is written to a temporary name and renamed when it is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as safetensors_bytes

from hiface.errors import AssetError, OutputError

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Asset:
    """A loaded, checked asset file."""

    kind: str
    """For example `face_model`, `detail_basis`, `albedo`, `network`."""
    version: int
    hash: str
    """SHA-256 of the tensors: names the content, not the file."""
    meta: dict[str, Any]
    """Units, licence, source and whatever the kind documents; plain JSON values."""
    tensors: dict[str, Array]
    path: str


@dataclass(frozen=True)
class Schema:
    """What a kind of asset must hold: field names, each with its number of dimensions."""

    kind: str
    version: int
    required: Mapping[str, int]
    optional: Mapping[str, int]
    how_to_get: str
    """The command or file that provides a good one; ends the message of every error."""
    any_fields: bool = False
    """True for network weights, whose fields follow from their configuration and are checked when they load."""


def content_hash(tensors: Mapping[str, Array]) -> str:
    """SHA-256 over names, types, shapes and bytes, independent of order in the file."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        array = np.asarray(tensors[name], order="C")
        digest.update(f"{name}:{array.dtype.str}:{array.shape};".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def write_asset(path: str | Path, schema: Schema, tensors: Mapping[str, Array], meta: Mapping[str, Any]) -> str:
    """Write `tensors` and `meta` as an asset of `schema`; returns the content hash."""
    # asarray, as ascontiguousarray would give a number a dimension
    arrays = {k: np.asarray(v, order="C") for k, v in tensors.items()}
    _check_fields(schema, arrays, str(path))
    digest = content_hash(arrays)
    header = {
        "format": f"hiface.{schema.kind}",
        "version": str(schema.version),
        "sha256": digest,
        "meta": json.dumps(dict(meta), ensure_ascii=False, sort_keys=True),
    }
    data = safetensors_bytes(arrays, metadata=header)
    write_atomically(path, lambda temporary: temporary.write_bytes(data))
    return digest


def read_asset(path: str | Path, schema: Schema, verify: bool = True) -> Asset:
    """Read and check an asset. Raises `AssetError` naming the file, what was expected and the cure."""
    where = str(path)
    if not Path(path).is_file():
        raise AssetError(f"{where}: no such file; {schema.how_to_get}")
    try:
        with safe_open(where, framework="numpy") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise AssetError(f"{where}: not a readable safetensors file ({error}); {schema.how_to_get}") from error
    _check_header(schema, header, where)
    _check_fields(schema, tensors, where)
    if verify and content_hash(tensors) != header["sha256"]:
        raise AssetError(f"{where}: content does not match its own hash, the file is damaged; {schema.how_to_get}")
    meta = json.loads(header["meta"])
    return Asset(schema.kind, schema.version, header["sha256"], meta, tensors, where)


def _check_header(schema: Schema, header: Mapping[str, str], where: str) -> None:
    found = header.get("format", "none")
    if found != f"hiface.{schema.kind}":
        raise AssetError(f"{where}: expected format hiface.{schema.kind}, found {found}; {schema.how_to_get}")
    if header.get("version") != str(schema.version):
        raise AssetError(
            f"{where}: expected version {schema.version}, found {header.get('version')}; {schema.how_to_get}"
        )


def _check_fields(schema: Schema, tensors: Mapping[str, Array], where: str) -> None:
    if schema.any_fields:
        return
    known = {**schema.required, **schema.optional}
    missing = sorted(set(schema.required) - set(tensors))
    extra = sorted(set(tensors) - set(known))
    if missing or extra:
        raise AssetError(f"{where}: missing fields {missing}, unknown fields {extra}; {schema.how_to_get}")
    for name, array in tensors.items():
        if array.ndim != known[name]:
            raise AssetError(f"{where}: {name} has {array.ndim} dimensions, expected {known[name]}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise AssetError(f"{where}: {name} holds values that are not finite")


def quantise(modes: Array, bits: int = 16) -> tuple[Array, Array]:
    """Integers and one scale per mode (first axis): `modes ≈ integers * scale`, error at most scale / 2."""
    kind, top = {8: (np.int8, 127), 16: (np.int16, 32767)}[bits]
    flat = np.abs(modes.reshape(len(modes), -1)).max(axis=1)
    scale = np.where(flat > 0, flat / top, 1.0).astype(np.float32)
    shape = (-1,) + (1,) * (modes.ndim - 1)
    return np.round(modes / scale.reshape(shape)).astype(kind), scale


def dequantise(integers: Array, scale: Array) -> Array:
    """Float32 modes from `quantise`."""
    return integers.astype(np.float32) * scale.reshape((-1,) + (1,) * (integers.ndim - 1))


def write_atomically(path: str | Path, write: Callable[[Path], Any]) -> Path:
    """Call `write` on a temporary path beside `path`, then rename: a reader never sees half a file."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another output folder") from error
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror or error}); free space or choose another folder"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def json_text(value: Any) -> str:
    """JSON that a person can read; floats as they are, NaN refused."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def unknown_name(name: str, known: Iterable[str], what: str) -> str:
    """The message for a name that is not known: it lists the known ones."""
    return f"unknown {what} {name!r}; known: {', '.join(sorted(known))}"
