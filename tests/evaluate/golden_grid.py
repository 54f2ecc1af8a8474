"""The synthetic face of REALY's golden self-test: a bumpy sheet, four patches, 85 keypoints.

z(x, y) over a grid, x from -8 to 8 and y from -10 to 10; lengths in benchmark units.
"""

from __future__ import annotations

import numpy as np

from hiface.evaluate.realy_regions import Anchors, Scan
from hiface.geometry.surface import Mesh

MM_PER_UNIT = 9.0
STEP = 0.25

KEYPOINTS = """
-8,1.5 -7.75,-.5 -7.25,-2.5 -6.75,-4.25 -6.25,-6 -5.25,-7.75 -4,-8.5 -2.5,-9.25 0,-9.75 2.5,-9.25
4,-8.5 5.25,-7.75 6.25,-6 6.75,-4.25 7.25,-2.5 7.75,-.5 8,1.5 -6,3.5 -5.25,4.25 -3.75,4.5
-2.5,4.25 -1.5,4 1.5,4 2.5,4.25 3.75,4.5 5.25,4.25 6,3.5 0,2.25 0,1.25 0,0
0,-1.25 -1.25,-2.5 -.5,-2.75 0,-2.75 .5,-2.75 1.25,-2.5 -4.5,2 -3.75,2.5 -2.5,2.25 -1.75,1.75
-2.5,1.75 -3.75,1.75 1.75,1.75 2.5,2.25 3.75,2.5 4.5,2 3.75,1.75 2.5,1.75 -2.5,-5.25 -1.5,-4.5
-.75,-4.25 0,-4.25 .75,-4.25 1.5,-4.5 2.5,-5.25 1.75,-5.75 1,-6 0,-6 -1,-6 -1.75,-5.75
-2,-5.25 -1.25,-5 0,-5 1.25,-5 2,-5.25 1,-5 0,-5 -1,-5 -4.25,.25 4.25,.25
-2.75,-1.75 2.75,-1.75 -4.5,-4.5 4.5,-4.5 -6.75,.75 6.75,.75 -5.75,-1.75 5.75,-1.75 -2,-7.5 0,-7.5
2,-7.5 -7.25,-1 7.25,-1 -6.75,-3.75 6.75,-3.75
"""


def grid(step: float = STEP) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x and y of every vertex, and the triangles; the golden values hold for the default step."""
    columns, rows = round(16 / step) + 1, round(20 / step) + 1
    i, j = np.tile(np.arange(columns), rows), np.repeat(np.arange(rows), columns)
    a = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    b, c, d = a + 1, a + columns + 1, a + columns
    triangles = np.stack([a, b, c, a, c, d], axis=1).reshape(-1, 3)
    return -8 + step * i, -10 + step * j, triangles


def bump(x, y, height, width, centre, tall):
    return height * np.exp(-((x / width) ** 2 + ((y - centre) / tall) ** 2))


def base(x, y):
    return 6 - 0.05 * x**2 - 0.03 * y**2


def scan_height(x, y):
    return base(x, y) + bump(x, y, 2.5, 1.2, -1, 1.6) + bump(x, y, 0.6, 2.4, -5, 0.9)


def flatter_height(x, y):
    return base(x, y) + bump(x, y, 2.0, 1.4, -1, 1.6) + bump(x, y, 0.4, 2.4, -5.2, 1.0)


def sheet(x, y, z, step: float = STEP) -> Mesh:
    """A mesh of the grid's topology, rounded to single precision as the protocol's reader does."""
    vertices = np.stack([x, y, z], axis=1).astype(np.float32)
    return Mesh(vertices, grid(step)[2])


def keypoint_table(step: float = STEP) -> np.ndarray:
    """The keypoints as a template's file holds them: triangle, weight of the first and of the second corner.

    On a coarser grid they move to the nearest vertex, since a keypoint between two has no nearest one.
    """
    places = np.array([[float(v) for v in pair.split(",")] for pair in KEYPOINTS.split()])
    columns, rows = round(16 / step) + 1, round(20 / step) + 1
    across, up = np.round((places + np.array([8, 10])) / step).astype(int).T
    i, j = np.minimum(across, columns - 2), np.minimum(up, rows - 2)
    u, v = across - i, up - j
    cell = j * (columns - 1) + i
    lower = np.stack([2 * cell, 1 - u, u - v], axis=1)
    upper = np.stack([2 * cell + 1, 1 - v, np.zeros_like(u)], axis=1)
    return np.where((u >= v)[:, None], lower, upper)


def anchors(step: float = STEP) -> Anchors:
    triangle, first, second = keypoint_table(step).T
    x, _, triangles = grid(step)
    weights = np.stack([first, second, 1 - first - second], axis=1)
    return Anchors(triangles[triangle], weights.astype(float), len(x))


def cut(mesh: Mesh, keep: np.ndarray) -> Mesh:
    """The vertices of `keep` in their order, and the triangles whose corners it holds."""
    number = np.cumsum(keep) - 1
    return Mesh(mesh.vertices[keep], number[mesh.triangles[keep[mesh.triangles].all(axis=1)]])


def scan(step: float = STEP) -> Scan:
    x, y, _ = grid(step)
    mesh = sheet(x, y, scan_height(x, y), step)
    nose = (np.abs(x) <= 2) & (y >= -4) & (y <= 2.5)
    mouth = (np.abs(x) <= 3.5) & (y >= -7.5) & (y <= -3.5)
    forehead = (np.abs(x) <= 7) & (y >= 1) & (y <= 9)
    cheek = (np.abs(x) <= 7.5) & (y >= -8) & (y <= 1) & ~nose & ~mouth
    names = {"nose": nose, "mouth": mouth, "forehead": forehead, "cheek": cheek}
    patches = {name: cut(mesh, keep) for name, keep in names.items()}
    return Scan(1, anchors(step).on(mesh.vertices), patches, MM_PER_UNIT)


def distorted(x, y):
    return x + 0.15 * np.sin(y / 3), y, flatter_height(x, y) + 0.2 * np.sin(x)


def turned(vertices: np.ndarray) -> np.ndarray:
    """The similarity of cases B and D: 3.7 V Rᵀ + (10, -5, 2), R a turn by 0.4 rad about y."""
    c, s = np.cos(0.4), np.sin(0.4)
    rotation = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return (3.7 * vertices @ rotation.T + [10, -5, 2]).astype(np.float32).astype(np.float64)


def prediction(case: str, step: float = STEP) -> Mesh:
    """The eight predictions of the self-test."""
    x, y, _ = grid(step)
    z = scan_height(x, y)
    sheets = {
        "A": sheet(x, y, z, step),
        "C": sheet(x, y, flatter_height(x, y), step),
        "E": sheet(*distorted(x, y), step),
        "F": sheet(x, y, base(x, y), step),
        "G": sheet(x * 1.05, y, z, step),
        "H": sheet(x, y, z * 0.8, step),
    }
    if case in "BD":
        plain = sheets["A" if case == "B" else "C"]
        return plain.with_vertices(turned(plain.vertices))
    return sheets[case]
