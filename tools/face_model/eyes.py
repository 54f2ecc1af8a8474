"""Eyeballs of a natural size, rigid, with lids that still close over them and sockets that reach them."""

from __future__ import annotations

import numpy as np

from hiface.geometry.topology import adjacency, unique_edges
from tools.face_model.source import Source

# An adult eye is about 24 mm long; the source's has a radius of 15.8 mm. 12.6 mm leaves room for the cornea.
RADIUS_MM = 12.6
SIDES = ("left", "right")


def fit_sphere(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Least-squares centre and radius."""
    system = np.c_[2 * points, np.ones(len(points))]
    solution = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0]
    centre = solution[:3]
    return centre, float(np.sqrt(solution[3] + centre @ centre))


def resize(source: Source) -> dict[str, np.ndarray]:
    """Shrink both eyeballs towards their foremost point, and draw the sockets after them; returns the centres.

    A smaller ball that touches the old one from inside at the cornea never comes through a lid that cleared
    the old one. What opens at the canthi is closed by the socket's wall, which is the conjunctiva there.
    """
    centres = {}
    for side in SIDES:
        ball = source.vertex_slice(f"eyeball_{side}")
        points = source.vertices[ball]
        behind = points[:, 2] < np.quantile(points[:, 2], 0.7)  # the cornea bulges out of the sphere
        centre, radius = fit_sphere(points[behind])
        apex = points[points[:, 2].argmax()]
        moved = np.array([centre[0], centre[1], apex[2] - (apex[2] - centre[2]) * RADIUS_MM / radius])
        source.vertices[ball] = moved + (points - centre) * (RADIUS_MM / radius)
        _draw_socket(source, side, moved)
        centres[side] = moved
    return centres


def _draw_socket(source: Source, side: str, centre: np.ndarray) -> None:
    """Bring the socket's inner rows to just outside the ball; the row on the lids stays with the lids."""
    part = source.polygon_slice(f"eye_socket_{side}")
    polygons = source.polygons[part]
    own = np.arange(*source.parts[f"eye_socket_{side}"]["vertices"])
    used = np.unique(polygons[polygons >= 0])
    rim = np.setdiff1d(used, own)  # vertices of the face that the socket hangs on
    steps = steps_from(polygons, rim, len(source.vertices))[own]
    points = source.vertices[own]
    away = points - centre
    distance = np.linalg.norm(away, axis=1, keepdims=True)
    target = centre + away / distance * (RADIUS_MM + 0.25)
    weight = np.clip(steps / 3.0, 0, 1)[:, None]
    source.vertices[own] = points + weight * (target - points)


def steps_from(polygons: np.ndarray, start: np.ndarray, vertex_count: int) -> np.ndarray:
    """Edges to walk from `start`; vertices that are not reached get the largest count."""
    steps = np.full(vertex_count, np.inf)
    steps[start] = 0
    neighbours = adjacency(unique_edges(polygons), vertex_count) > 0
    front = steps == 0
    count = 0
    while front.any():
        count += 1
        front = (neighbours @ front) & np.isinf(steps)
        steps[front] = count
    steps[np.isinf(steps)] = count
    return steps


def make_rigid(source: Source) -> None:
    """Identity modes only carry an eyeball (with the lids in front of it); expressions leave it: joints turn it."""
    for side in SIDES:
        ball = source.vertex_slice(f"eyeball_{side}")
        points = source.vertices[ball]
        front = points[:, 2] > np.quantile(points[:, 2], 0.6)
        shift = source.identity[:, ball][:, front].mean(axis=1, keepdims=True)
        source.identity[:, ball] = shift
        source.expression[:, ball] = 0


def unwrap(source: Source, centres: dict[str, np.ndarray]) -> None:
    """Azimuthal equidistant UVs about the gaze axis: the pupil at (½, ½), the back pole on the circle of radius ½."""
    for side in SIDES:
        polygons = source.polygon_slice(f"eyeball_{side}")
        for corners, uv_corners in zip(source.polygons[polygons], source.uv_polygons[polygons], strict=True):
            for vertex, uv_index in zip(corners, uv_corners, strict=True):
                if vertex >= 0:
                    source.uv[uv_index] = _azimuthal(source.vertices[vertex] - centres[side])


def _azimuthal(direction: np.ndarray) -> np.ndarray:
    flat = np.hypot(direction[0], direction[1])
    angle = np.arctan2(flat, direction[2])
    unit = direction[:2] / flat if flat > 1e-9 else np.zeros(2)
    return 0.5 + 0.5 * angle / np.pi * unit
