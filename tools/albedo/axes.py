"""The pigment axes: melanin, haemoglobin, undertone, and where on them the average person stands.

Melanin is the straight line in density along which the colours of the photographic skins lie; haemoglobin is the
change of density with blood in `optics`. The line's middle and unit are set so that people drawn at N(0, 1) fall
evenly into the six classes of the individual typology angle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from hiface.face.albedo import BRIGHTEST, density_of
from hiface.synth.skin import _LAB as MEASURED
from hiface.synth.skin import linear_from_lab
from tools.albedo.colour import ITA_CLASSES, ita, lab
from tools.albedo.optics import linear_rgb, reflectance

SURFACE = 0.03
"""Share of light that the epidermis sends back before any pigment: without it dark skin would be orange."""
BLOOD_DEVIATION, UNDERTONE_DEVIATION = 2.2, 2.2
"""Deviations of people of one tone in a* and b*."""


@dataclass(frozen=True)
class Axes:
    """Density of the average person and its change per standard deviation."""

    centre: Float[np.ndarray, "3"]
    melanin: Float[np.ndarray, "3"]
    haemoglobin: Float[np.ndarray, "3"]
    undertone: Float[np.ndarray, "3"]
    thin_melanin: Float[np.ndarray, "3"]
    """Direction of a little melanin in light skin: freckles."""


def colour_of(density: Float[np.ndarray, "*S 3"]) -> Float[np.ndarray, "*S 3"]:
    """Linear reflectance of a density."""
    return np.asarray(BRIGHTEST / (1 + np.exp(density)))


def spectral_density(melanosomes: float, blood: float) -> Float[np.ndarray, "3"]:
    """Density of skin by `optics`, with the surface's share."""
    spectrum = SURFACE + (1 - SURFACE) * reflectance(melanosomes, blood)
    return np.asarray(density_of(np.maximum(linear_rgb(spectrum), 0.004)))


def fit_axes(skins: Float[np.ndarray, "N 3"], seed: int = 0) -> Axes:
    """The axes from the densities of the photographic skins and of measured ones."""
    measured = density_of(np.array([linear_from_lab(row[1:]) for row in MEASURED]))
    middle = measured.mean(0)
    melanin = (_main_direction(measured) + _main_direction(skins)) / 2
    melanin /= np.linalg.norm(melanin)
    blood = np.mean([spectral_density(m, 0.02) - spectral_density(m, 0.01) for m in (0.03, 0.08)], axis=0)
    blood /= np.linalg.norm(blood)
    thin = spectral_density(0.05, 0.015) - spectral_density(0.02, 0.015)
    jacobian = _lab_jacobian(middle)
    blood *= BLOOD_DEVIATION / abs((jacobian @ blood)[1])
    undertone = np.linalg.solve(jacobian, [0.0, 0.0, UNDERTONE_DEVIATION])
    shift, deviation = _balance(middle, melanin, blood, undertone, np.random.default_rng(seed))
    return Axes(middle + shift * melanin, deviation * melanin, blood, undertone, thin / np.linalg.norm(thin))


def _main_direction(densities: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "3"]:
    direction = np.linalg.svd(densities - densities.mean(0), full_matrices=False)[2][0]
    return np.asarray(direction * np.sign(direction.sum()))


def _lab_jacobian(density: Float[np.ndarray, "3"], step: float = 1e-3) -> Float[np.ndarray, "3 3"]:
    columns = [lab(colour_of(density + step * e)) - lab(colour_of(density - step * e)) for e in np.eye(3)]
    return np.stack(columns, 1) / (2 * step)


def _balance(
    middle: np.ndarray, melanin: np.ndarray, blood: np.ndarray, undertone: np.ndarray, rng: np.random.Generator
) -> tuple[float, float]:
    """Shift and unit of the melanin axis that bring the six classes nearest to a sixth each."""
    z = rng.standard_normal((4000, 3))
    bounds = np.array([*list(ITA_CLASSES.values())[1:], np.inf])

    def uneven(p: np.ndarray) -> float:
        shift, deviation = p
        densities = middle + (shift + deviation * z[:, :1]) * melanin + z[:, 1:2] * blood + z[:, 2:] * undertone
        angles = ita(lab(colour_of(densities)))
        below = rise_share(angles, bounds)
        return float(((np.diff(np.concatenate([[0], below])) - 1 / len(bounds)) ** 2).sum())

    found = minimize(uneven, [0.0, 1.3], method="Nelder-Mead")
    return float(found.x[0]), float(found.x[1])


def rise_share(angles: Float[np.ndarray, "N"], bounds: Float[np.ndarray, "C"]) -> Float[np.ndarray, "C"]:
    """Share of angles below each bound."""
    return np.asarray((angles[:, None] < bounds).mean(0))
