"""The open benchmark's folder: pictures of people whose shape is known, with scans in REALY's layout.

`ROOT/neutral` and `ROOT/expressive` are benchmarks of their own; the scan shows what the picture shows, without pose:

    images/frontal/<k>.png   images/side/<k>_right.png, <k>_left.png
    scans/REALY_HIFI3D_keypoints/<k>.obj   scans/REALY_scan_region/<k>/<region>.obj   scans/metrical_scale.txt
    truth/<k>.npz            `neutral` and `shape`: vertices of our topology, mm
    people.json              what each picture shows

A scan is the true face, subdivided and displaced by its wrinkles, cut into the four regions (without eyeballs, what no
scanner sees, and skin under the chin), its vertices shuffled, moved and turned: nothing of our topology is left in it
but the surface.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from hiface.assets.format import json_text
from hiface.detail.displace import Displacer
from hiface.errors import MeshError
from hiface.evaluate.realy_inputs import KEYPOINT_FOLDER, REGION_FOLDER, SCALE_FILE
from hiface.evaluate.realy_regions import REGIONS, Region
from hiface.evaluate.report import write_text
from hiface.evaluate.topologies import Topology
from hiface.evaluate.writers import write_arrays, write_mesh_obj, write_png
from hiface.face.model import FaceModel
from hiface.geometry.surface import Mesh
from hiface.geometry.topology import triangulate

SETS = ("neutral", "expressive")
MM_PER_UNIT = 9.0
"""About that of the benchmark whose layout this is."""
LEVEL = 1
"""Subdivision of the scans: vertices lie about 1 mm apart."""
_CAMERAS = (0, -45, 45, -80, 80)
"""Yaw, degrees, at the height of the face."""
_DOWNWARDS, _LOWER_LIP = -0.6, 57
"""Below the lower lip (keypoint 57), skin whose normal has less y than this lies under the chin and is left out."""
_SAMPLES, _DEEPER_MM = 700, 0.8
"""Samples a side, and by how much a seen vertex may lie behind what its sample shows."""


@dataclass(frozen=True)
class Truth:
    """One person's exact shapes in one set. V vertices of our topology, mm."""

    neutral: Float[np.ndarray, "V 3"]
    shape: Float[np.ndarray, "V 3"]


class ScanCutter:
    """Turns true faces into scans."""

    def __init__(self, face: FaceModel, topology: Topology) -> None:
        """topology: our whole head with its 85 keypoints."""
        skin = face.polygon_range("skin")
        self.topology = topology
        self._displacer = Displacer(face.polygons[skin], face.uv, face.uv_polygons[skin], LEVEL)
        self._triangles = triangulate(self._displacer.polygons)
        mean = face.mean.cpu().numpy()
        fine = self._displacer(mean, None).vertices
        nearest = cKDTree(mean[: self._displacer.vertex_count]).query(fine)[1]
        outside = seen_from_outside(Mesh(fine, self._triangles))
        down = _normals(fine, self._triangles)[:, 1] < _DOWNWARDS
        under_chin = down & (fine[:, 1] < self.topology.anchors.on(mean)[_LOWER_LIP, 1])
        kept = outside & ~under_chin
        self._masks = {
            region: largest_piece(self._triangles, face.region(f"realy_{region}")[nearest] & kept) for region in REGIONS
        }

    def write(
        self, root: Path, number: int, shape: Float[np.ndarray, "V 3"], displacement: Float[np.ndarray, "R R"]
    ) -> None:
        """One subject's keypoints and regions, in units of `MM_PER_UNIT`, in a frame of its own."""
        rng = np.random.default_rng([85, number])
        turn, shift = _any_rotation(rng), rng.normal(0, 20, 3)
        fine = self._displacer(shape, displacement).vertices
        keypoints = self.topology.anchors.on(shape)
        points = Mesh(_placed(keypoints, turn, shift), np.zeros((0, 3), np.int64))
        write_mesh_obj(root / KEYPOINT_FOLDER / f"{number}.obj", points)
        for region, mask in self._masks.items():
            patch = _shuffled(rng, Mesh(_placed(fine, turn, shift), self._triangles), mask)
            write_mesh_obj(root / REGION_FOLDER / str(number) / f"{region}.obj", patch)

    def region(self, region: Region) -> Bool[np.ndarray, "N"]:
        """Which vertices of the fine mesh belong to a region."""
        return self._masks[region]


def _normals(points: Float[np.ndarray, "N 3"], triangles: Int[np.ndarray, "T 3"]) -> Float[np.ndarray, "N 3"]:
    a, b, c = (points[triangles[:, k]] for k in range(3))
    across = np.cross(b - a, c - a)
    summed = np.stack([np.bincount(triangles.ravel(), across[:, k].repeat(3), len(points)) for k in range(3)], 1)
    return np.asarray(summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12))


def largest_piece(triangles: Int[np.ndarray, "T 3"], mask: Bool[np.ndarray, "N"]) -> Bool[np.ndarray, "N"]:
    """The largest connected part of a mask whose triangles are whole."""
    whole = triangles[mask[triangles].all(1)]
    ends = np.concatenate([whole[:, [0, 1]], whole[:, [1, 2]]])
    graph = sparse.coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (len(mask), len(mask)))
    piece = connected_components(graph, directed=False)[1]
    sizes = np.bincount(piece[np.unique(whole)], minlength=1)
    return np.asarray(mask & (piece == sizes.argmax()))


def seen_from_outside(mesh: Mesh) -> Bool[np.ndarray, "N"]:
    """Vertices that a scanner's cameras see: not inside nostrils, lips or lids. mm, facing +z."""
    from hiface.render.kernels import rasterise_image

    seen = np.zeros(len(mesh.vertices), bool)
    corners, ones = mesh.triangles.astype(np.int32), np.ones(len(mesh.vertices), np.float32)
    for yaw in _CAMERAS:
        turned = mesh.vertices @ Rotation.from_euler("y", yaw, degrees=True).as_matrix().T
        low, high = turned.min(0), turned.max(0)
        per_mm = _SAMPLES / float((high - low)[:2].max() + 2)
        screen = np.column_stack([(turned[:, 0] - low[0] + 1) * per_mm, (high[1] + 1 - turned[:, 1]) * per_mm])
        screen = np.column_stack([screen, -turned[:, 2]]).astype(np.float32)
        face_id, depth = np.empty((_SAMPLES, _SAMPLES), np.int32), np.empty((_SAMPLES, _SAMPLES), np.float32)
        rasterise_image(screen, ones, corners, face_id, depth)
        column, row = np.clip(screen[:, :2].astype(int), 0, _SAMPLES - 1).T
        seen |= screen[:, 2] <= depth[row, column] + _DEEPER_MM
    return seen


def write_scale(root: Path, subjects: int) -> None:
    write_text(root / SCALE_FILE, f"{MM_PER_UNIT}\n" * subjects)


def write_truth(folder: Path, number: int, truth: Truth) -> None:
    write_arrays(folder / f"{number}.npz", {"neutral": truth.neutral, "shape": truth.shape})


def read_truth(folder: Path, number: int) -> Truth:
    try:
        with np.load(folder / f"{number}.npz", allow_pickle=False) as file:
            return Truth(file["neutral"].astype(np.float64), file["shape"].astype(np.float64))
    except (OSError, KeyError, ValueError) as error:
        raise MeshError(f"{folder / f'{number}.npz'}: no truth of person {number} ({error}); build it again") from error


def write_picture(folder: Path, name: str, picture: np.ndarray) -> None:
    """Among the frontal pictures if its name is a number, else among those from the side."""
    write_png(folder / "images" / ("frontal" if name.isdigit() else "side") / f"{name}.png", picture)


def write_people(path: Path, people: Mapping[str, Mapping[str, Any]]) -> None:
    write_text(path, json_text(people))


def read_people(path: Path) -> dict[str, dict[str, Any]]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _placed(
    points: Float[np.ndarray, "N 3"], turn: Float[np.ndarray, "3 3"], shift: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "N 3"]:
    return np.asarray((points @ turn.T + shift) / MM_PER_UNIT)


def _any_rotation(rng: np.random.Generator) -> Float[np.ndarray, "3 3"]:
    q, r = np.linalg.qr(rng.standard_normal((3, 3)))
    q = q * np.sign(np.diag(r))
    return np.asarray(q * np.sign(np.linalg.det(q)))


def _shuffled(rng: np.random.Generator, mesh: Mesh, mask: Bool[np.ndarray, "N"]) -> Mesh:
    """The part of a mesh whose corners are all in the mask, in no order."""
    triangles = mesh.triangles[mask[mesh.triangles].all(1)]
    used = rng.permutation(np.unique(triangles))
    number = np.full(len(mesh.vertices), -1)
    number[used] = np.arange(len(used))
    return Mesh(mesh.vertices[used], number[rng.permutation(triangles)])
