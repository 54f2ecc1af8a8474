"""From a name or a path to a file: what ships with the package, or what the user brings."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from hiface.assets.format import unknown_name
from hiface.errors import AssetError

_SHIPPED = files("hiface.assets") / "files"


def shipped_names() -> list[str]:
    """Names of the assets inside the package."""
    return sorted(p.name for p in _SHIPPED.iterdir() if not p.name.startswith((".", "_")))


def locate(name_or_path: str | Path) -> Path:
    """The file behind a shipped asset's name (`face_model.safetensors`) or a path of the user's.

    A string with a separator, or one that exists as a file, is a path; everything else is a name.
    """
    candidate = Path(name_or_path)
    if candidate.is_file():
        return candidate
    if isinstance(name_or_path, str) and "/" not in name_or_path:
        resource = _SHIPPED / name_or_path
        if resource.is_file():
            with as_file(resource) as path:  # wheels are unpacked, so this is the file itself
                return path
        raise AssetError(unknown_name(name_or_path, shipped_names(), "asset"))
    raise AssetError(f"{name_or_path}: no such file; give a path to an asset or one of {', '.join(shipped_names())}")
