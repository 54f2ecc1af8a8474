"""The synthetic face of REALY's golden self-test: a bumpy sheet, four patches, 85 keypoints.

z(x, y) over a grid with a step of 0.25, x from -8 to 8 and y from -10 to 10; lengths in benchmark units.
"""

from __future__ import annotations

import numpy as np

from hiface.evaluate.realy_regions import Anchors, Scan
from hiface.geometry.surface import Mesh

MM_PER_UNIT = 9.0
COLUMNS, ROWS = 65, 81

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


def grid() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x and y of every vertex, and the triangles."""
    i, j = np.tile(np.arange(COLUMNS), ROWS), np.repeat(np.arange(ROWS), COLUMNS)
    a = (np.arange(ROWS - 1)[:, None] * COLUMNS + np.arange(COLUMNS - 1)).ravel()
    b, c, d = a + 1, a + COLUMNS + 1, a + COLUMNS
    triangles = np.stack([a, b, c, a, c, d], axis=1).reshape(-1, 3)
    return -8 + 0.25 * i, -10 + 0.25 * j, triangles


def bump(x, y, height, width, centre, tall):
    return height * np.exp(-((x / width) ** 2 + ((y - centre) / tall) ** 2))


def base(x, y):
    return 6 - 0.05 * x**2 - 0.03 * y**2


def scan_height(x, y):
    return base(x, y) + bump(x, y, 2.5, 1.2, -1, 1.6) + bump(x, y, 0.6, 2.4, -5, 0.9)


def flatter_height(x, y):
    return base(x, y) + bump(x, y, 2.0, 1.4, -1, 1.6) + bump(x, y, 0.4, 2.4, -5.2, 1.0)


def sheet(x, y, z) -> Mesh:
    """A mesh of the grid's topology, rounded to single precision as the protocol's reader does."""
    vertices = np.stack([x, y, z], axis=1).astype(np.float32)
    return Mesh(vertices, grid()[2])


def anchors() -> Anchors:
    """The keypoints are grid vertices: the first corner of a triangle with weight 1."""
    places = np.array([[float(v) for v in pair.split(",")] for pair in KEYPOINTS.split()])
    i, j = np.round((places[:, 0] + 8) / 0.25).astype(int), np.round((places[:, 1] + 10) / 0.25).astype(int)
    first = j * COLUMNS + i
    corners = np.stack([first, first, first], axis=1)
    return Anchors(corners, np.tile([1.0, 0.0, 0.0], (len(first), 1)), COLUMNS * ROWS)


def cut(mesh: Mesh, keep: np.ndarray) -> Mesh:
    """The vertices of `keep` in their order, and the triangles whose corners it holds."""
    number = np.cumsum(keep) - 1
    return Mesh(mesh.vertices[keep], number[mesh.triangles[keep[mesh.triangles].all(axis=1)]])


def scan() -> Scan:
    x, y, _ = grid()
    mesh = sheet(x, y, scan_height(x, y))
    nose = (np.abs(x) <= 2) & (y >= -4) & (y <= 2.5)
    mouth = (np.abs(x) <= 3.5) & (y >= -7.5) & (y <= -3.5)
    forehead = (np.abs(x) <= 7) & (y >= 1) & (y <= 9)
    cheek = (np.abs(x) <= 7.5) & (y >= -8) & (y <= 1) & ~nose & ~mouth
    names = {"nose": nose, "mouth": mouth, "forehead": forehead, "cheek": cheek}
    patches = {name: cut(mesh, keep) for name, keep in names.items()}
    return Scan(1, anchors().on(mesh.vertices), patches, MM_PER_UNIT)


def turned(vertices: np.ndarray) -> np.ndarray:
    """The similarity of cases B and D: 3.7 V Rᵀ + (10, -5, 2), R a turn by 0.4 rad about y."""
    c, s = np.cos(0.4), np.sin(0.4)
    rotation = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return (3.7 * vertices @ rotation.T + [10, -5, 2]).astype(np.float32).astype(np.float64)


def prediction(case: str) -> Mesh:
    """The eight predictions of the self-test."""
    x, y, _ = grid()
    z = scan_height(x, y)
    sheets = {
        "A": sheet(x, y, z),
        "C": sheet(x, y, flatter_height(x, y)),
        "E": sheet(x + 0.15 * np.sin(y / 3), y, flatter_height(x, y) + 0.2 * np.sin(x)),
        "F": sheet(x, y, base(x, y)),
        "G": sheet(x * 1.05, y, z),
        "H": sheet(x, y, z * 0.8),
    }
    if case in "BD":
        plain = sheets["A" if case == "B" else "C"]
        return plain.with_vertices(turned(plain.vertices))
    return sheets[case]
