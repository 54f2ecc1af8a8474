"""The correspondence file: where each vertex of our skin lies on another mesh, and each of theirs on our skin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from hiface.assets.format import Schema, read_asset, write_asset
from hiface.errors import AssetError, MeshError
from hiface.face.model import FaceModel
from hiface.geometry.topology import unique_edges
from hiface.transfer.meshes import GivenMesh, topology_hash

HOW_TO_GET = "make it with `hiface correspond TEMPLATE --out FILE`"
SCHEMA = Schema(
    kind="correspondence",
    version=1,
    required={
        "ours_index": 2, "ours_weight": 2, "ours_distance": 1, "ours_valid": 1,
        "theirs_index": 2, "theirs_weight": 2, "theirs_distance": 1, "theirs_valid": 1,
    },
    optional={},
    how_to_get=HOW_TO_GET,
)  # fmt: skip
"""Fields. N vertices of our skin, V of theirs, K = 3.

`ours_index` int32 (N, 3), `ours_weight` float32 (N, 3): the triangle of their vertices that holds our vertex, and where
in it; `ours_distance` float32 (N) mm from our registered vertex to it; `ours_valid` uint8 (N): 1 where the two surfaces
met. `theirs_...`: the same the other way round, in our vertices; vertices that are not skin are not valid.

Metadata: `kind`, `template` (name of its file), `topology` and `vertex_count` of theirs, `skin_topology` of ours,
`unit` of the template, `figures` of the registration."""
FAR_MM = 1e3
"""Distance of what was not looked for."""

Figures = dict[str, float]


@dataclass(frozen=True)
class Places:
    """Points on a mesh, one a vertex of another."""

    index: Int[np.ndarray, "N 3"]
    weight: Float[np.ndarray, "N 3"]
    distance_mm: Float[np.ndarray, "N"]
    valid: Bool[np.ndarray, "N"]

    def of(self, values: Float[np.ndarray, "V *C"]) -> Float[np.ndarray, "N *C"]:
        """Vertex values of that mesh at the points."""
        return np.asarray(np.einsum("nk...,nk->n...", values[self.index], self.weight))

    @classmethod
    def same(cls, vertices: Int[np.ndarray, "N"]) -> Places:
        """Points that are vertices."""
        index = np.repeat(np.asarray(vertices, np.int64)[:, None], 3, 1)
        weight = np.tile(np.array([1.0, 0.0, 0.0]), (len(index), 1))
        return cls(index, weight, np.zeros(len(index)), np.ones(len(index), bool))


@dataclass(frozen=True)
class MeshCorrespondence:
    """Both ways between our skin and the skin of another topology."""

    ours: Places
    """For each vertex of our skin a place on theirs."""
    theirs: Places
    """For each vertex of theirs a place on our skin."""
    kind: str
    topology: str
    skin_topology: str
    figures: Figures
    unit: str = "mm"
    template: str = ""
    name: str = "correspondence"
    """What errors call it: its path."""

    @property
    def vertex_count(self) -> int:
        return len(self.theirs.index)

    def write(self, path: str | Path) -> str:
        """Write the file; returns its content hash."""
        tensors: dict[str, np.ndarray[Any, np.dtype[Any]]] = {}
        for side, places in (("ours", self.ours), ("theirs", self.theirs)):
            tensors[f"{side}_index"] = places.index.astype(np.int32)
            tensors[f"{side}_weight"] = places.weight.astype(np.float32)
            tensors[f"{side}_distance"] = places.distance_mm.astype(np.float32)
            tensors[f"{side}_valid"] = places.valid.astype(np.uint8)
        meta = {
            "kind": self.kind, "template": self.template, "topology": self.topology, "unit": self.unit,
            "vertex_count": self.vertex_count, "skin_topology": self.skin_topology,
            "figures": {k: round(v, 4) for k, v in self.figures.items() if np.isfinite(v)},
        }  # fmt: skip
        return write_asset(path, SCHEMA, tensors, meta)

    @classmethod
    def read(cls, path: str | Path) -> MeshCorrespondence:
        """Raises `AssetError` for a file that is not one."""
        asset = read_asset(path, SCHEMA)
        t, meta = asset.tensors, asset.meta
        ours, theirs = (
            Places(
                t[f"{side}_index"].astype(np.int64), t[f"{side}_weight"].astype(np.float64),
                t[f"{side}_distance"].astype(np.float64), t[f"{side}_valid"].astype(bool),
            )
            for side in ("ours", "theirs")
        )  # fmt: skip
        if ours.index.max() >= len(theirs.index) or theirs.index.max() >= len(ours.index) or ours.index.min() < 0:
            raise AssetError(f"{path}: names vertices that are not there, the file is damaged; {HOW_TO_GET}")
        missing = sorted({"kind", "topology", "skin_topology"} - set(meta))
        if missing:
            raise AssetError(f"{path}: the metadata lack {missing}; {HOW_TO_GET}")
        return cls(
            ours, theirs, meta["kind"], meta["topology"], meta["skin_topology"], meta.get("figures", {}),
            meta.get("unit", "mm"), meta.get("template", ""), str(path),
        )  # fmt: skip

    def check(self, mesh: GivenMesh, face: FaceModel) -> None:
        """Raises `MeshError` for a mesh of another topology, `AssetError` for another topology of ours."""
        if len(mesh.vertices) != self.vertex_count:
            raise MeshError(
                f"{mesh.name}: {len(mesh.vertices)} vertices, but {self.name} was made for a mesh of"
                f" {self.vertex_count} ({self.template or self.kind}); give the correspondence of this mesh's topology,"
                f" or {HOW_TO_GET}"
            )
        if mesh.topology != self.topology:
            raise MeshError(
                f"{mesh.name}: as many vertices as {self.name} expects, but other edges: its vertices are in another"
                " order, or quads were split on export; export it with the template's faces and order, or"
                f" {HOW_TO_GET}"
            )
        if self.skin_topology != skin_topology(face):
            raise AssetError(f"{self.name}: was made for a face model of another topology; {HOW_TO_GET}")


def skin_topology(face: FaceModel) -> str:
    """Names the topology of our skin."""
    return topology_hash(face.vertex_count("skin"), unique_edges(face.polygons[face.polygon_range("skin")]))
