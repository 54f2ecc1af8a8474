"""Writes meshes and vertex errors of an evaluation, so that a figure can be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from hiface.assets.format import write_atomically
from hiface.geometry.surface import Mesh

_Array = np.ndarray[Any, np.dtype[Any]]


def write_mesh_obj(path: str | Path, mesh: Mesh, colours: Float[np.ndarray, "V 3"] | None = None) -> Path:
    """An .obj file of plain `v x y z` lines, or of `v x y z r g b` with colours from 0 to 1.

    NoW's own program misreads colours on vertex lines: leave them out of what is sent there.
    """
    table = mesh.vertices if colours is None else np.column_stack([mesh.vertices, colours])
    corners = mesh.triangles + 1
    lines = [f"v {' '.join(f'{value:.8g}' for value in row)}\n" for row in table.tolist()]
    lines += [f"f {a} {b} {c}\n" for a, b, c in corners.tolist()]
    return write_atomically(path, lambda file: file.write_text("".join(lines), encoding="ascii"))


def write_arrays(path: str | Path, arrays: Mapping[str, _Array]) -> Path:
    """An .npz file of plain arrays, single precision for reals."""
    small = {k: v.astype(np.float32) if v.dtype.kind == "f" else v for k, v in arrays.items()}
    return write_atomically(path, lambda file: np.savez_compressed(file, **small))  # type: ignore[arg-type]


def write_png(path: str | Path, picture: UInt8[np.ndarray, "H W 3"]) -> Path:
    """An RGB picture."""
    data = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
    return write_atomically(path, lambda file: file.write_bytes(data))


def write_landmarks(path: str | Path, points: Float[np.ndarray, "L 3"]) -> Path:
    """A .npy file of landmarks."""
    return write_atomically(path, lambda file: np.save(file, points))
