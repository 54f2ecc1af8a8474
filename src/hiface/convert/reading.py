"""Arrays of a source file by name: npz, safetensors, MATLAB and HDF5. Pickles are refused, never opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from hiface.errors import AssetError

Array = np.ndarray[Any, np.dtype[Any]]
Arrays = dict[str, Array]

_PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".npy")
_PICKLE_CURE = (
    "a pickle can run any code, so it is never opened here; convert it once in an environment you trust: "
    "docs/face_model_format.md#a-pickle-into-an-npz has the ten lines"
)


def read_arrays(path: str | Path) -> Arrays:
    """Every array of a file, by its ending: .npz, .safetensors, .mat, .h5. Raises `AssetError` with the cure."""
    path = Path(path)
    readers = {".npz": _npz, ".safetensors": _safetensors, ".mat": _mat, ".h5": _hdf5, ".hdf5": _hdf5}
    suffix = path.suffix.lower()
    if suffix in _PICKLES:
        raise AssetError(f"{path}: {_PICKLE_CURE}")
    if suffix not in readers:
        raise AssetError(f"{path}: expected a file ending with one of {', '.join(readers)}")
    if not path.is_file():
        raise AssetError(f"{path}: no such file; check the path")
    return readers[suffix](path)


def require(arrays: Mapping[str, Array], names: Iterable[str], path: str | Path, kind: str) -> None:
    """Raises `AssetError` that names the missing keys and what is there instead."""
    missing = sorted(set(names) - set(arrays))
    if missing:
        raise AssetError(
            f"{path}: not a {kind} model, keys {missing} are missing; it holds {_some(arrays)}. "
            "Choose the right --kind, or convert the source again with these keys"
        )


def _some(arrays: Mapping[str, Array], count: int = 12) -> list[str]:
    names = sorted(arrays)
    return names if len(names) <= count else [*names[:count], f"and {len(names) - count} more"]


def _npz(path: Path) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: _opened(file, name, path) for name in file.files}
    except (OSError, ValueError, EOFError) as error:
        raise AssetError(f"{path}: not a readable npz ({error}); {_PICKLE_CURE}") from error


def _opened(file: Any, name: str, path: Path) -> Array:
    try:
        return np.asarray(file[name])
    except ValueError as error:
        raise AssetError(f"{path}: {name} holds Python objects, not numbers; {_PICKLE_CURE}") from error


def _safetensors(path: Path) -> Arrays:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise AssetError(f"{path}: not a readable safetensors file ({error})") from error


def _mat(path: Path) -> Arrays:
    from scipy.io import loadmat

    try:
        found = loadmat(path)
    except (OSError, ValueError, TypeError, NotImplementedError) as error:
        raise AssetError(f"{path}: not a readable MATLAB file up to version 7 ({error}); save it with -v7") from error
    return {k: v for k, v in found.items() if isinstance(v, np.ndarray) and not k.startswith("__")}


def _hdf5(path: Path) -> Arrays:
    try:
        import h5py
    except ImportError as error:
        raise AssetError(f"{path}: HDF5 files need h5py: pip install hiface[convert]") from error
    arrays: Arrays = {}

    def keep(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = np.asarray(item[()])

    try:
        with h5py.File(path, "r") as file:
            file.visititems(keep)
    except OSError as error:
        raise AssetError(f"{path}: not a readable HDF5 file ({error})") from error
    return arrays
