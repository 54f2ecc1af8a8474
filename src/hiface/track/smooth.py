"""Smoothing of what was seen frame by frame, and the figure that says how much it still trembles."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.linalg import solveh_banded

from hiface.errors import ConfigError
from hiface.face.asset import ARKIT
from hiface.track.motion import Motion

Smoothing = Literal["optimal", "one-euro", "none"]

CUT_HZ, BLINK_HZ, POSE_HZ = 6.0, 10.0, 4.0
"""Frequencies of which half passes: of expression; of lids and gaze, since a lid shuts within a tenth of a second; of
the head."""
_QUICK = tuple(k for k, name in enumerate(ARKIT) if name.startswith(("eyeBlink", "eyeLook")))
_UNSEEN = 1e-3
"""Weight of an interpolated frame."""
_HIGHEST = 0.45
"""Of the frame rate: no cut lies above."""
_MINIMAL_HZ, _SPEED_HZ, _DERIVATIVE_HZ = 1.5, 4.0, 1.0
"""One-Euro: the cut of a resting channel, what a full range a second adds, the cut of the speed."""
_RANGES = {"expression": 1.0, "turn": 1.0, "log_size": 0.3, "centre": 200.0}
"""What counts as a full range: weight 1, radians, logarithm, pixels."""


def smoothed(motion: Motion, rate: float, way: Smoothing = "optimal") -> Motion:
    """The motion without trembling, expression weights held in 0 to 1; frames without a face are interpolated.

    "optimal": for each channel the x that minimises Σ w_f (x_f − y_f)² + λ Σ (x_{f−1} − 2 x_f + x_{f+1})², with w_f the
    inverse of the expected squared error (a Kalman smoother of a velocity that wanders); it sees the whole clip, so
    nothing lags behind. "one-euro": the filter of Casiez et al. (CHI 2012), which knows the past alone, as live use
    must.
    """
    if way not in ("optimal", "one-euro", "none"):
        raise ConfigError(f"smoothing: expected optimal, one-euro or none, got {way!r}")
    found = motion.found
    changes = {}
    for name in _RANGES:
        values = getattr(motion, name).double().numpy()
        flat = interpolated(values.reshape(len(values), -1), found)
        if way == "optimal":
            cuts = np.full(flat.shape[1], CUT_HZ if name == "expression" else POSE_HZ)
            if name == "expression":
                cuts[list(_QUICK)] = BLINK_HZ
            flat = whittaker(flat, _trust(motion), cuts / rate)
        elif way == "one-euro":
            flat = one_euro(flat, rate, _RANGES[name])
        if name == "expression":
            flat = flat.clip(0, 1)
        changes[name] = torch.from_numpy(flat.reshape(values.shape)).float()
    return replace(motion, **changes)


def _trust(motion: Motion) -> Float[np.ndarray, "F"]:
    """The weight of each frame; 1 for the median of those with a face."""
    error = motion.error.double().numpy()
    found = motion.found
    weight = (np.median(error[found]) / np.where(found, error, 1.0)) ** 2
    return np.where(found, weight.clip(0.02, 4), _UNSEEN)


def interpolated(values: Float[np.ndarray, "F Q"], found: Bool[np.ndarray, "F"]) -> Float[np.ndarray, "F Q"]:
    """Linear between the frames that were found, held before the first and after the last."""
    at = np.arange(len(values))
    return np.stack([np.interp(at, at[found], column[found]) for column in values.T], 1)


def whittaker(
    values: Float[np.ndarray, "F Q"], weight: Float[np.ndarray, "F"], cuts: Float[np.ndarray, "Q"]
) -> Float[np.ndarray, "F Q"]:
    """The penalised least squares above; `cuts`: the frequency of which half passes at weight 1, in frame rates."""
    if len(values) < 3:
        return values
    out = np.empty_like(values)
    for cut in np.unique(cuts):
        columns = cuts == cut
        strength = (2 * np.sin(np.pi * min(cut, _HIGHEST))) ** -4.0
        out[:, columns] = solveh_banded(_bands(weight, strength), weight[:, None] * values[:, columns])
    return out


def _bands(weight: Float[np.ndarray, "F"], strength: float) -> Float[np.ndarray, "3 F"]:
    """Upper bands of diag(w) + λ DᵀD, D the second differences."""
    count = len(weight)
    middle, beside, next_but_one = (np.zeros(count) for _ in range(3))
    for offset, value in enumerate((1.0, -2.0, 1.0)):
        middle[offset : count - 2 + offset] += value**2
    beside[1 : count - 1] += -2.0
    beside[2:count] += -2.0
    next_but_one[2:] = 1.0
    return np.stack([strength * next_but_one, strength * beside, weight + strength * middle])


def one_euro(values: Float[np.ndarray, "F Q"], rate: float, full: float) -> Float[np.ndarray, "F Q"]:
    """Each channel through a One-Euro filter."""

    def share(cut: Float[np.ndarray, "Q"] | float) -> Float[np.ndarray, "Q"]:
        return np.asarray(1 / (1 + rate / (2 * np.pi * np.asarray(cut))))

    out = values.copy()
    speed = np.zeros(values.shape[1])
    for k in range(1, len(values)):
        speed += share(_DERIVATIVE_HZ) * ((values[k] - out[k - 1]) * rate - speed)
        cut = _MINIMAL_HZ + _SPEED_HZ * np.abs(speed) / full
        out[k] = out[k - 1] + share(cut) * (values[k] - out[k - 1])
    return out


def trembling(values: Float[np.ndarray, "F *Q"], found: Bool[np.ndarray, "F"]) -> float:
    """Jitter: the standard deviation of the noise in a frame, were the motion itself without acceleration.

    Root mean square length of the second differences over √6, which is what white noise of that deviation gives; over
    frames whose neighbours were found too. 0 for fewer than three.
    """
    inner = found[:-2] & found[1:-1] & found[2:]
    if not inner.any():
        return 0.0
    second = (values[:-2] - 2 * values[1:-1] + values[2:])[inner]
    lengths = (second**2).sum(-1)
    return float(np.sqrt(lengths.mean() / 6))
