"""Landmark sets as weights on vertices: MediaPipe's 478 and its 68, the source's 68, and 669 even points."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tools.face_model.source import Source

DENSE_COUNT = 669
_IRIS_RADIUS = 0.46  # of the eyeball's radius: 5.8 mm of 12.6


def landmark_sets(
    source: Source, mediapipe_on_ict: Path, symmetry: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name → (index (L, N) int32, weight (L, N) float32). ICT's numbers hold: the kept parts start with the face."""
    study = np.load(mediapipe_on_ict)
    index, weight = study["I"].astype(np.int32), study["W"].astype(np.float32)
    for first, side in ((468, "right"), (473, "left")):  # the subject's right eye comes first
        _iris(source, side, index, weight, first)
    return {
        "mediapipe478": (index, weight),
        "mediapipe68": (study["I68"].astype(np.int32), study["W68"].astype(np.float32)),
        "ibug68": (source.ibug68[:, None].astype(np.int32), np.ones((68, 1), np.float32)),
        "dense669": dense(source, symmetry),
    }


def _iris(source: Source, side: str, index: np.ndarray, weight: np.ndarray, first: int) -> None:
    """Centre, then right, top, left, bottom of the iris as MediaPipe orders them, on the rigid eyeball."""
    ball = np.arange(*source.parts[f"eyeball_{side}"]["vertices"])
    points = source.vertices[ball]
    apex = points[points[:, 2].argmax()]
    radius = (points[:, 0].max() - points[:, 0].min()) / 2
    directions = np.array([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1]], float)
    # With the picture's x running to the subject's left, "right" of the picture is +x for both eyes.
    for k, direction in enumerate(directions):
        place = apex[:2] + direction * radius * _IRIS_RADIUS
        distance = np.linalg.norm(points[:, :2] - place, axis=1) + 1e3 * (points[:, 2] < apex[2] - radius)
        near = np.argsort(distance)[: index.shape[1]]
        share = 1 / (distance[near] + 0.05) ** 4
        index[first + k], weight[first + k] = ball[near], share / share.sum()


def dense(source: Source, symmetry: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """669 points spread evenly over the narrow face, mirror images of each other but for those on the midline."""
    face = np.flatnonzero(_facing(source))
    points = source.vertices
    middle = [v for v in face if symmetry[v] == v]
    chosen = [middle[int(np.argmin(np.abs(points[middle, 1])))]]
    distance = np.linalg.norm(points[face] - points[chosen[0]], axis=1)
    while len(chosen) < DENSE_COUNT:
        following = face[int(distance.argmax())]
        pair = {int(following), int(symmetry[following])}
        if len(chosen) + len(pair) > DENSE_COUNT:
            following = middle[int(np.argmax([distance[np.searchsorted(face, m)] for m in middle]))]
            pair = {int(following)}
        for vertex in sorted(pair):
            chosen.append(vertex)
            distance = np.minimum(distance, np.linalg.norm(points[face] - points[vertex], axis=1))
    return np.array(chosen, np.int32)[:, None], np.ones((DENSE_COUNT, 1), np.float32)


def _facing(source: Source) -> np.ndarray:
    """Vertices of the narrow face (ICT's first 6,706) that are not inside the lips, lids or nostrils."""
    from hiface.geometry.topology import triangulate

    keep = np.zeros(len(source.vertices), bool)
    triangles = triangulate(source.polygons[source.polygon_slice("face")])
    a, b, c = (source.vertices[triangles[:, k]] for k in range(3))
    normals = np.zeros_like(source.vertices)
    for k in range(3):
        np.add.at(normals, triangles[:, k], np.cross(b - a, c - a))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    outward = normals[:, 2] + 0.35 * np.sign(source.vertices[:, 0]) * normals[:, 0] > 0.15
    keep[:6706] = outward[:6706]
    return keep
