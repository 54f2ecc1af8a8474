"""Facts about landmark numberings: MediaPipe's points that stand for the iBUG 68, contours, mirror images."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

IBUG68_OF_MEDIAPIPE = (
    127, 234, 132, 58, 172, 136, 150, 176, 152, 400, 379, 365, 397, 288, 361, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
    168, 197, 195, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91,
    78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
"""For each of the 68 iBUG points the MediaPipe landmark that stands for it (DESIGN §3)."""

OUTER_EYE_CORNERS = (36, 45)
"""Of the 68: the distance between them is what landmark errors are measured in."""

INNER51 = tuple(range(17, 68))
"""Of the 68: without the jaw line, which means different things in 2D and 3D."""

FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398)
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
"""Contours of MediaPipe's 478 points, in order."""


def normalised_errors(
    points: Float[np.ndarray, "N 68 2"], truth: Float[np.ndarray, "N 68 2"]
) -> Float[np.ndarray, "N 68"]:
    """Distance of each point in percent of the distance between the true outer eye corners."""
    right, left = (truth[:, k] for k in OUTER_EYE_CORNERS)
    unit = np.linalg.norm(right - left, axis=1)[:, None]
    return 100 * np.linalg.norm(points - truth, axis=2) / unit


def mirror_pairs(points: Float[np.ndarray, "L 3"]) -> Int[np.ndarray, "L"]:
    """For each point of a symmetric set its mirror image in x, one to one: the pairing with the least distances in all.

    The nearest point alone would pair two with one where landmarks crowd, at the corners of the mouth.
    """
    reflected = points * np.array([-1.0, 1.0, 1.0])
    distance = np.linalg.norm(reflected[:, None] - points[None], axis=2)
    return np.asarray(linear_sum_assignment(distance + distance.T)[1])
