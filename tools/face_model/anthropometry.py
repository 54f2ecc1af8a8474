"""Distances of the face that anthropometrists measure, read off our mesh."""

from __future__ import annotations

import numpy as np

from tools.face_model.source import Source

ZYGION, ALARE = 3457, 5204
"""Vertices on the left cheek's widest place and the left nostril's wing; their mirror images stand for the right."""
NAMES = ("pupils", "cheek width", "face height", "nose width", "mouth width", "eye opening", "eye length")


def measures(heads: np.ndarray, source: Source, symmetry: np.ndarray) -> dict[str, np.ndarray]:
    """Name → (N,) mm, of heads (N, V, 3)."""
    points = source.ibug68
    pair = lambda a, b: np.linalg.norm(heads[:, a] - heads[:, b], axis=1)  # noqa: E731
    balls = [heads[:, source.vertex_slice(f"eyeball_{s}")].mean(1) for s in ("left", "right")]
    upper, lower = heads[:, points[[37, 38]]].mean(1), heads[:, points[[41, 40]]].mean(1)
    values = (
        np.linalg.norm(balls[0] - balls[1], axis=1),
        pair(ZYGION, symmetry[ZYGION]),
        pair(points[27], points[8]),
        pair(ALARE, symmetry[ALARE]),
        pair(points[48], points[54]),
        np.linalg.norm(upper - lower, axis=1),
        pair(points[36], points[39]),
    )
    return dict(zip(NAMES, values, strict=True))
