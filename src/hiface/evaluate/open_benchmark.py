"""The open benchmark's folder: pictures of people whose shape is known, with scans in REALY's layout.

`ROOT/neutral` and `ROOT/expressive` are benchmarks of their own; the scan shows what the picture shows, without pose:

    images/frontal/<k>.png   images/side/<k>_right.png, <k>_left.png
    scans/REALY_HIFI3D_keypoints/<k>.obj   scans/REALY_scan_region/<k>/<region>.obj   scans/metrical_scale.txt
    truth/<k>.npz            `neutral` and `shape`: vertices of our topology, mm
    people.json              what each picture shows

A scan is the true face, subdivided and displaced by its wrinkles, cut into the four regions (eyeballs left out), its
vertices shuffled, moved and turned: nothing of our topology is left in it but the surface.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import cKDTree

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
        self._masks = {region: face.region(f"realy_{region}")[nearest] for region in REGIONS}

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
