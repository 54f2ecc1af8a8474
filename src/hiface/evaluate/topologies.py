"""Topologies that carry REALY's 85 keypoints: our own, MediaPipe's, and whatever a user brings as a pair of files.

The keypoints of ours stand in `keypoints85_hiface.json`, as the benchmark writes them: [triangle, weight of the first
corner, weight of the second], triangles counted after quads are split. `tools/build_keypoints85.py` places them.
Subdivided meshes keep them: they are found again on the finer mesh of the mean face.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from hiface.assets.format import read_asset, write_atomically
from hiface.assets.store import locate
from hiface.errors import MeshError
from hiface.evaluate.readers import anchors_of, read_anchors, read_mesh
from hiface.evaluate.realy_regions import Anchors
from hiface.evaluate.writers import write_mesh_obj
from hiface.face.asset import SCHEMA
from hiface.geometry.surface import ClosestPoint, Mesh
from hiface.geometry.topology import triangulate

_Array = np.ndarray[Any, np.dtype[Any]]
Shipped = Literal["hiface", "mediapipe"]


@dataclass(frozen=True)
class Topology:
    """A template and the 85 keypoints on it."""

    template: Mesh
    anchors: Anchors
    table: Float[np.ndarray, "85 3"]
    """[triangle, weight, weight], as in the benchmark's files."""

    def write(self, folder: str | Path, stem: str) -> tuple[Path, Path]:
        """The pair `stem`.obj and `stem`.txt that the benchmark's own program takes."""
        template = write_mesh_obj(Path(folder) / f"{stem}.obj", self.template)
        rows = [[int(t), float(a), float(b)] for t, a, b in self.table]
        keypoints = write_atomically(Path(folder) / f"{stem}.txt", lambda path: path.write_text(json.dumps(rows)))
        return template, keypoints


def shipped(name: Shipped) -> Topology:
    """A topology that comes with the package: our whole head, or MediaPipe's 468 points."""
    if name == "mediapipe":
        mesh = read_mesh(locate("mediapipe468.obj"))
    else:
        tensors = read_asset(locate("face_model.safetensors"), SCHEMA, verify=False).tensors
        mesh = Mesh(tensors["mean"], triangulate(tensors["polygons"]))
    return topology(mesh, np.array(json.loads(locate(f"keypoints85_{name}.json").read_text())))


def from_files(template: str | Path, keypoints: str | Path) -> Topology:
    """A user's pair of files, in the benchmark's form."""
    mesh = read_mesh(template)
    return Topology(mesh, read_anchors(template, keypoints), np.array(json.loads(Path(keypoints).read_text()), float))


def topology(template: Mesh, table: Float[np.ndarray, "85 3"]) -> Topology:
    """A template with its table of keypoints, checked."""
    return Topology(template, anchors_of(template, table), table)


def placed(template: Mesh, points: Float[np.ndarray, "85 3"]) -> Topology:
    """A template with keypoints at the places of its surface that are nearest to `points`."""
    found = ClosestPoint(template).query(points)
    corners = template.vertices[template.triangles[found.triangle_ids]]
    weights = barycentric(found.points, corners)
    return topology(template, np.column_stack([found.triangle_ids, weights[:, :2]]))


def barycentric(points: Float[np.ndarray, "N 3"], corners: Float[np.ndarray, "N 3 3"]) -> Float[np.ndarray, "N 3"]:
    """Weights of the three corners that give points of their triangles."""
    u, v, p = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], points - corners[:, 0]
    uu, uv, vv = ((a * b).sum(1) for a, b in ((u, u), (u, v), (v, v)))
    pu, pv = (p * u).sum(1), (p * v).sum(1)
    area = uu * vv - uv * uv
    if not (area > 0).all():
        raise MeshError("a keypoint fell on a triangle without area; clean the mesh and try again")
    second, third = (vv * pu - uv * pv) / area, (uu * pv - uv * pu) / area
    return np.clip(np.stack([1 - second - third, second, third], 1), 0, 1)
