"""Meshes that users bring: read, checked, and named by their topology."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from hiface.errors import MeshError
from hiface.evaluate.ply import parse_ply
from hiface.export.obj import read_obj
from hiface.geometry.topology import triangulate, unique_edges

UNITS = {"mm": 1.0, "cm": 10.0, "dm": 100.0, "m": 1000.0}
"""Millimetres in each unit that a file may be in; MakeHuman's is the decimetre."""
_SLACK = (0.6, 1.6)
"""A face may be this much smaller or larger than ours and its unit is still plain: children to giants."""


@dataclass(frozen=True)
class GivenMesh:
    """A mesh as its file has it: its own unit, frame and order of vertices."""

    name: str
    """What errors call it: its path."""
    vertices: Float[np.ndarray, "V 3"]
    polygons: Int[np.ndarray, "F 4"]
    """-1 in a triangle's fourth place."""
    uv: Float[np.ndarray, "Vt 2"]
    """v up; empty where the file has none."""
    uv_polygons: Int[np.ndarray, "F 4"]

    @cached_property
    def topology(self) -> str:
        """SHA-256 of the number of vertices and the edges: names the mesh, whatever its shape and order of faces."""
        return topology_hash(len(self.vertices), unique_edges(self.polygons))

    @cached_property
    def triangles(self) -> Int[np.ndarray, "T 3"]:
        return triangulate(self.polygons)

    @property
    def has_uv(self) -> bool:
        """Whether every corner has a UV."""
        return len(self.uv) > 0 and bool((self.uv_polygons[self.polygons >= 0] >= 0).all())


def topology_hash(vertex_count: int, edges: Int[np.ndarray, "N 2"]) -> str:
    """SHA-256 of a number of vertices and sorted edges."""
    digest = hashlib.sha256(str(vertex_count).encode())
    digest.update(np.ascontiguousarray(edges, "<i8").tobytes())
    return digest.hexdigest()


def read_given(path: str | Path) -> GivenMesh:
    """A mesh of an .obj or .ply file. Raises `MeshError` that names the file, what is wrong and the cure."""
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".obj":
        found = read_obj(path)
        mesh = GivenMesh(str(path), found.vertices, found.polygons, found.uv, found.uv_polygons)
    elif suffix == ".ply":
        mesh = _ply(path)
    else:
        raise MeshError(f"{path}: expected a mesh with the ending .obj or .ply; convert the file")
    _check(mesh)
    return mesh


def _ply(path: Path) -> GivenMesh:
    try:
        vertices, polygons = parse_ply(path.read_bytes())
    except OSError as error:
        raise MeshError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except MeshError as error:
        raise MeshError(f"{path}: {error}") from error
    if not len(polygons):
        raise MeshError(f"{path}: holds no faces; export the mesh with its polygons")
    return GivenMesh(str(path), vertices, polygons, np.zeros((0, 2)), np.full_like(polygons, -1))


def _check(mesh: GivenMesh) -> None:
    bad = ~np.isfinite(mesh.vertices).all(1)
    if bad.any():
        raise MeshError(
            f"{mesh.name}: {int(bad.sum())} of {len(bad)} vertices are not finite numbers, the first is vertex"
            f" {int(bad.argmax())} (counted from 0); export the mesh again"
        )
    if mesh.polygons.max() >= len(mesh.vertices) or mesh.polygons[:, :3].min() < 0:
        raise MeshError(
            f"{mesh.name}: faces name vertices up to {mesh.polygons.max()} of {len(mesh.vertices)}; the file is cut off"
        )
    if not np.ptp(mesh.vertices, axis=0).max() > 0:
        raise MeshError(f"{mesh.name}: all vertices lie in one place; export the mesh again")


@dataclass(frozen=True)
class Unit:
    """What a mesh measures in."""

    name: str
    """"mm", "cm", "dm", "m", or "own" for anything else."""
    mm: float
    """Millimetres in one."""


def guess_unit(units_per_mm: float) -> Unit:
    """The unit of a mesh of which `units_per_mm` make a millimetre of our face.

    A face is of human size in one unit only; where it is in none, ours is taken as its size.
    """
    for name, mm in UNITS.items():
        if _SLACK[0] < units_per_mm * mm < _SLACK[1]:
            return Unit(name, mm)
    return Unit("own", 1 / units_per_mm)
