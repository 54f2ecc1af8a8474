"""The 85 keypoints of any topology, by laying our annotated face over its template.

1. Landmarks of the template (7 or 68) bring it to our size, place and direction.
2. Our face is laid on it as on a foreign face model (`convert.register`): similarity, identity modes, a smooth rest.
3. Each keypoint goes to the template's surface nearest to its place on our face there.

The result depends on the landmarks that it is given: look at the picture.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float

from hiface.convert import register as faces
from hiface.convert.ours import Ours
from hiface.convert.source import SKIN, KnownPoints, SourceModel, Units, facing_out, triangles_as_polygons
from hiface.errors import MeshError
from hiface.evaluate.realy_regions import SEVEN_KEYPOINTS
from hiface.evaluate.topologies import Topology, barycentric, placed
from hiface.geometry.similarity import fit_umeyama
from hiface.geometry.surface import ClosestPoint, Mesh

IBUG = 68
_WORST_FIT = 0.13
"""Of the eye distance, root mean square: more, and the landmarks are not those that were asked for."""


def register(ours: Ours, marks: Topology, template: Mesh, landmarks: Float[np.ndarray, "L 3"]) -> Topology:
    """`template` with our 85 keypoints (`marks`: our whole head with its own).

    landmarks: 7 (right outer and inner eye corner, left inner and outer, nose base, right and left mouth corner) or 68
    in iBUG order, on the template, in its unit. Raises `MeshError` for another number of landmarks or for landmarks
    that no similarity brings near ours, `AssetError` where the faces do not come together.
    """
    chosen = {len(SEVEN_KEYPOINTS): list(SEVEN_KEYPOINTS), IBUG: list(range(IBUG))}.get(len(landmarks))
    if chosen is None or landmarks.shape[1:] != (3,):
        raise MeshError(f"expected 7 or {IBUG} landmarks of three coordinates, found {landmarks.shape}")
    keypoints = marks.anchors.on(marks.template.vertices)
    fit = fit_umeyama(landmarks, keypoints[chosen])
    residual = np.sqrt(np.square(fit.apply(landmarks) - keypoints[chosen]).sum(1).mean())
    if residual > _WORST_FIT * np.linalg.norm(keypoints[45] - keypoints[36]):
        raise MeshError(f"the landmarks fit ours to {residual:.1f} mm only; check their order (right is the subject's)")
    laid = Mesh(fit.apply(template.vertices), template.triangles)
    found = faces.register(ours, _source(laid, np.array(chosen), fit.apply(landmarks)))
    head = found.whole.copy()
    head[: ours.skin_count] = found.skin
    here = placed(laid, marks.anchors.on(head))
    return Topology(template, here.anchors, here.table)


def _source(mesh: Mesh, numbers: np.ndarray, landmarks: Float[np.ndarray, "L 3"]) -> SourceModel:
    """A template as a face model without modes, its landmarks as weights on its vertices."""
    near = ClosestPoint(mesh).query(landmarks)
    corners = mesh.triangles[near.triangle_ids]
    known = KnownPoints("ibug68", numbers, corners, barycentric(near.points, mesh.vertices[corners]))
    polygons = facing_out(triangles_as_polygons(mesh.triangles), mesh.vertices)
    skin, count = np.full(len(polygons), SKIN), len(mesh.vertices)
    return SourceModel(
        "template", mesh.vertices, polygons, np.zeros((0, count, 3)), Units.named({}, count), "", skin, points=(known,)
    )


def read_places(template: Mesh, path: str | Path) -> Float[np.ndarray, "L 3"]:
    """Landmarks on a template from a text file: a line each of x y z, or of one vertex number counted from 0."""
    try:
        rows = np.loadtxt(path, ndmin=2)
    except (OSError, ValueError) as error:
        raise MeshError(f"{path}: expected 7 or {IBUG} lines of x y z or of a vertex number ({error})") from error
    if rows.shape[1] == 3:
        return np.asarray(rows, np.float64)
    numbers = rows[:, 0].astype(np.int64)
    if rows.shape[1] != 1 or (numbers != rows[:, 0]).any() or numbers.min() < 0:
        raise MeshError(f"{path}: expected lines of x y z or of a vertex number, found {rows.shape[1]} columns")
    if numbers.max() >= len(template.vertices):
        raise MeshError(f"{path}: names vertex {numbers.max()}, the template has {len(template.vertices)}, from 0")
    return template.vertices[numbers]
