"""Landmarks on a template, from the files that people have."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hiface.convert.landmarks import read_known_points
from hiface.convert.source import KnownPoints
from hiface.errors import AssetError, MeshError
from hiface.transfer.meshes import GivenMesh

SEVEN = (36, 39, 42, 45, 33, 48, 54)
"""Of the 68: right outer and inner eye corner, left inner and outer, nose base, right and left mouth corner."""


def read_marks(mesh: GivenMesh, path: str | Path) -> KnownPoints:
    """Landmarks on a mesh from a file.

    Text: 7 vertex numbers in the order of `SEVEN`, or 51 or 68 of iBUG, counted from 0, or `ibug = vertex` lines
    counted from 1; npz: what `hiface convert-model --landmarks` takes. Raises `MeshError`.
    """
    numbers = _seven(Path(path))
    try:
        if numbers is None:
            return read_known_points(path, mesh.triangles, len(mesh.vertices))
    except AssetError as error:
        raise MeshError(f"{error} (or seven vertex numbers: docs/detail_on_meshes.md)") from error
    if numbers.min() < 0 or numbers.max() >= len(mesh.vertices):
        raise MeshError(
            f"{path}: names vertex {numbers.max()}, {mesh.name} has {len(mesh.vertices)}, counted from 0; give the"
            " landmarks of this mesh"
        )
    return KnownPoints("ibug68", np.array(SEVEN), numbers[:, None], np.ones((len(SEVEN), 1)))


def _seven(path: Path) -> np.ndarray | None:
    """Seven vertex numbers of a text file; None for any other file."""
    if path.suffix.lower() not in (".txt", ".csv") or not path.is_file():
        return None
    words = path.read_text(errors="replace").replace(",", " ").split()
    if len(words) != len(SEVEN) or not all(word.isdecimal() for word in words):
        return None
    return np.array(words, np.int64)
