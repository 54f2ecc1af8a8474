"""The front chart: where a face model's skin lies when the face is seen from the front, whatever its proportions."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from hiface.errors import AssetError
from hiface.face.model import FaceModel

EYE_X, EYE_Y, MOUTH_Y = 43.815, 33.41, -32.32
"""Outer eye corners at (±`EYE_X`, `EYE_Y`), mouth corners at height `MOUTH_Y`: those of the shipped mean face, mm, so
that its own chart is x and y as they are."""
_EYE_CORNERS, _MOUTH_CORNERS = (36, 45), (48, 54)  # of the 68


def front_chart(face: FaceModel) -> Float[np.ndarray, "n 2"]:
    """Chart positions of the vertices of the part "face" on the mean shape: x to the subject's left, y up, mm.

    The chart is that of the shipped template: nose tip at (0, 4), chin at (0, −72). Another model's mean face is
    stretched across and along so that its eye and mouth corners fall on the template's; anatomy is written down in
    the chart once, and holds for both. Raises `AssetError` where the corners do not lie as on a face.
    """
    index, weight = (x.cpu().numpy() for x in face.landmark_weights("mediapipe68"))
    mean = face.mean.double().cpu().numpy()
    points = np.einsum("lnx,ln->lx", mean[index], weight)
    right, left = points[list(_EYE_CORNERS)]
    eye_y, mouth_y = (right[1] + left[1]) / 2, points[list(_MOUTH_CORNERS), 1].mean()
    if not (left[0] - right[0] > 1 and eye_y - mouth_y > 1):
        raise AssetError(
            f"{face.path}: the outer eye corners of mediapipe68 lie at x = {right[0]:.1f} and {left[0]:.1f} mm, eyes"
            f" at y = {eye_y:.1f}, mouth at {mouth_y:.1f}; expected right before left and eyes above the mouth"
        )
    own = mean[face.vertex_range("face"), :2]
    x = (own[:, 0] - (left[0] + right[0]) / 2) * (2 * EYE_X / (left[0] - right[0]))
    y = EYE_Y + (own[:, 1] - eye_y) * ((EYE_Y - MOUTH_Y) / (eye_y - mouth_y))
    return np.stack([x, y], 1)
