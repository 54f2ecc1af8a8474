"""Polylines in the front chart: smooth, wandering, and with a depth that comes and goes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

Points = Float[np.ndarray, "N 2"]


def spline(knots: Sequence[tuple[float, float]] | NDArray[np.float64], step_mm: float = 1.0) -> Points:
    """A smooth curve through two or more knots, sampled about every `step_mm`."""
    points = np.asarray(knots, float)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    where = np.linspace(0, length[-1], max(int(length[-1] / step_mm), 6))
    if len(points) == 2:
        return np.stack([np.interp(where, length, points[:, k]) for k in (0, 1)], 1)
    curve: NDArray[np.float64] = CubicSpline(length, points)(where)
    return curve


def wander(points: Points, rng: np.random.Generator, amplitude_mm: float, scale_mm: float) -> Points:
    """The curve with slow sideways noise of standard deviation `amplitude_mm` and correlation `scale_mm`.

    Expects samples about a millimetre apart.
    """
    room = int(8 * scale_mm) + 8
    noise = gaussian_filter1d(rng.normal(size=len(points) + room), scale_mm, mode="wrap")[: len(points)]
    noise *= amplitude_mm * np.sqrt(2 * np.sqrt(np.pi) * scale_mm)  # unit white noise after such a filter
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    return np.asarray(points + np.stack([-along[:, 1], along[:, 0]], 1) * noise[:, None])


def smoothstep(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 below 0, 1 above 1, flat at both."""
    ramp = np.clip(x, 0, 1)
    return np.asarray(ramp * ramp * (3 - 2 * ramp))


def uneven(rng: np.random.Generator, count: int = 9, lowest: float = 0.5) -> Float[np.ndarray, "N"]:
    """Depth along a line, relative: deep stretches and shallow ones. Under ½ it would break into islands."""
    profile: NDArray[np.float64] = 0.75 + 0.9 * gaussian_filter1d(rng.normal(size=count), 1.2)
    return np.clip(profile, max(lowest, 0.5), 1.15)


def arc_length(points: Float[np.ndarray, "N C"]) -> Float[np.ndarray, "N"]:
    """Distance along a polyline from its start."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
