"""REALY for one mesh and one scan: global fit, rigid ICP a region, non-rigid ICP a region, distance.

The benchmark's own units are kept inside (about 9 mm each); figures are millimetres. The published name of
the figure is NMSE, but it is a mean distance, neither squared nor normalised. Every constant here defines
the metric.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Int

from hiface.errors import MeshError
from hiface.evaluate.alignment import fit_l1_scale, rigid_icp
from hiface.evaluate.nonrigid import deform, nearest_handles
from hiface.geometry.similarity import Similarity
from hiface.geometry.surface import ClosestPoint, Mesh, merge_duplicates

_Array = np.ndarray[Any, np.dtype[Any]]

Region = Literal["nose", "mouth", "forehead", "cheek"]
REGIONS: tuple[Region, ...] = get_args(Region)
KEYPOINT_COUNT = 85
SEVEN_KEYPOINTS = (36, 39, 42, 45, 33, 48, 54)
"""Eye corners, nose base, mouth corners: the global fit."""

_MOUTH = (*range(48, 61), 64)
_FOREHEAD = (*range(36, 48), *range(17, 27))
_NOSE_PART = (27, 28, 29, 30, 31, 35, 32, 33, 34, 70, 71)
_CHEEK = (*_MOUTH, 76, 77, 36, 41, 40, 39, 42, 47, 46, 45, 7, 8, 9)
RIGID_KEYPOINTS: Mapping[Region, tuple[int, ...]] = {
    "nose": _NOSE_PART,
    "mouth": _MOUTH,
    "forehead": _FOREHEAD,
    "cheek": _CHEEK,
}
"""Keypoints of the rigid stage."""
HANDLE_KEYPOINTS: Mapping[Region, tuple[int, ...]] = {
    "nose": tuple(range(27, 36)),
    "mouth": _MOUTH,
    "forehead": _FOREHEAD,
    "cheek": (),
}
"""Keypoints of the non-rigid stage: two fewer at the nose, none at the cheek."""
_KEYPOINT_SHARE: Mapping[Region, int] = {"nose": 1, "mouth": 1, "forehead": 1, "cheek": 4}
"""Together the keypoints weigh as much as all scan vertices, divided by this."""


@dataclass(frozen=True)
class Anchors:
    """Points fixed to a topology: each a weighted sum of three vertices."""

    corners: Int[np.ndarray, "L 3"]
    weights: Float[np.ndarray, "L 3"]
    vertex_count: int
    """Vertices of the topology; a mesh with another number is refused."""

    def on(self, vertices: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "L 3"]:
        """The points on this mesh."""
        points: _Array = np.einsum("lk,lkc->lc", self.weights, vertices[self.corners])
        return points


@dataclass(frozen=True)
class Scan:
    """One subject of the benchmark."""

    subject: int
    keypoints: Float[np.ndarray, "L 3"]
    """85, in the order of the template's."""
    patches: Mapping[Region, Mesh]
    """As in the files: duplicates kept, benchmark units."""
    mm_per_unit: float


@dataclass(frozen=True)
class RegionError:
    """What one region came to."""

    error_mm: float
    """The protocol's figure: mean distance after the bidirectional stage."""
    before_mm: float
    """Mean closest-surface distance after the rigid stage alone."""
    deformation_mm: float
    """Mean displacement of the patch by the non-rigid stage."""
    vertex_errors_mm: Float[np.ndarray, "N"]
    patch: Mesh
    """The scan patch with duplicates merged, benchmark units."""
    deformed: Float[np.ndarray, "N 3"]
    """The patch after the non-rigid stage."""
    aligned: Float[np.ndarray, "V 3"]
    """The prediction after the rigid stage."""
    rigid_iterations: int
    solves: int
    capped: bool
    """Whether the non-rigid stage of the cheek met the safety cap."""


@dataclass(frozen=True)
class RegionErrors:
    """A prediction against a scan."""

    nose: RegionError
    mouth: RegionError
    forehead: RegionError
    cheek: RegionError
    alignment: Similarity
    """The global fit, prediction to scan; its scale is benchmark units per unit of the prediction."""
    globally_aligned: Float[np.ndarray, "V 3"]
    """The prediction after the global fit."""

    def of(self, region: Region) -> RegionError:
        result: RegionError = getattr(self, region)
        return result

    @property
    def all_mm(self) -> float:
        """Mean over the four regions."""
        return float(np.mean([self.of(region).error_mm for region in REGIONS]))


def evaluate_pair(
    prediction: Mesh, anchors: Anchors, scan: Scan, mask: Bool[np.ndarray, "V"] | None = None
) -> RegionErrors:
    """REALY's errors of one prediction against one scan, in millimetres.

    `anchors` are the 85 keypoints of the prediction's topology. `mask` keeps the triangles whose corners
    are all true, in the last stage only (it changes the figures; published ones were made without).
    Deterministic. Raises `MeshError` where a region cannot be judged.
    """
    if len(anchors.corners) != KEYPOINT_COUNT or scan.keypoints.shape != (KEYPOINT_COUNT, 3):
        raise MeshError(
            f"expected {KEYPOINT_COUNT} keypoints, found {len(anchors.corners)} on the template and "
            f"{len(scan.keypoints)} on the scan; REALY's files hold 68 in iBUG order and 17 more"
        )
    keypoints, seven = anchors.on(prediction.vertices), list(SEVEN_KEYPOINTS)
    alignment = fit_l1_scale(keypoints[seven], scan.keypoints[seven])
    surface = ClosestPoint(prediction.with_vertices(alignment.apply(prediction.vertices)))
    judged = {region: _judge(surface, anchors, scan, region, mask) for region in REGIONS}
    return RegionErrors(**judged, alignment=alignment, globally_aligned=surface.mesh.vertices)


def _judge(surface: ClosestPoint, anchors: Anchors, scan: Scan, region: Region, mask: _Array | None) -> RegionError:
    patch = scan.patches[region]
    chosen = list(RIGID_KEYPOINTS[region])
    repeats = len(patch.vertices) // len(chosen) // _KEYPOINT_SHARE[region]
    if repeats < 1 or not len(patch.triangles):
        raise MeshError(
            f"{region} patch of subject {scan.subject}: expected a surface with more than "
            f"{len(chosen) * _KEYPOINT_SHARE[region]} vertices, found {len(patch.vertices)} and "
            f"{len(patch.triangles)} triangles; the scan region is empty or cut off"
        )
    rigid = rigid_icp(
        surface,
        patch.vertices,
        np.tile(anchors.on(surface.mesh.vertices)[chosen], (repeats, 1)),
        np.tile(scan.keypoints[chosen], (repeats, 1)),
    )
    aligned = surface.moved(rigid.vertices) if mask is None else ClosestPoint(_masked(surface, rigid.vertices, mask))
    return _bidirectional(aligned, rigid.vertices, anchors, scan, region, rigid.iterations)


def _bidirectional(
    surface: ClosestPoint, aligned: _Array, anchors: Anchors, scan: Scan, region: Region, iterations: int
) -> RegionError:
    """Deforms the patch towards its closest points, then measures to the closest points of its new place."""
    patch, chosen = merge_duplicates(scan.patches[region]), list(HANDLE_KEYPOINTS[region])
    near = surface.query(patch.vertices)
    handles = None
    if chosen:
        handles = nearest_handles(patch.vertices, scan.keypoints[chosen], anchors.on(aligned)[chosen])
    moved = deform(patch, near.points, handles)
    partner = surface.query(moved.vertices).points
    errors = np.linalg.norm(partner - patch.vertices, axis=1) * scan.mm_per_unit
    shifts = np.linalg.norm(moved.vertices - patch.vertices, axis=1)
    return RegionError(
        error_mm=float(errors.mean()),
        before_mm=float(near.distances.mean() * scan.mm_per_unit),
        deformation_mm=float(shifts.mean() * scan.mm_per_unit),
        vertex_errors_mm=errors,
        patch=patch,
        deformed=moved.vertices,
        aligned=aligned,
        rigid_iterations=iterations,
        solves=moved.solves,
        capped=moved.capped,
    )


def _masked(surface: ClosestPoint, vertices: _Array, mask: _Array) -> Mesh:
    if mask.shape != (len(vertices),):
        raise MeshError(f"expected a mask with {len(vertices)} values, found {mask.shape}; one for each vertex")
    return Mesh(vertices, surface.mesh.triangles[mask[surface.mesh.triangles].all(axis=1)])
