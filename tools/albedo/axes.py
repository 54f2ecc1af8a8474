"""The pigment axes: melanin, haemoglobin, undertone, and where on them the average person stands.

Melanin is the straight line in density along which the colours of the photographic skins lie; haemoglobin is the
change of density with blood in `optics`. The darkest and the lightest photographic skin lie about two deviations from
the middle of the line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq

from hiface.face.albedo import BRIGHTEST, density_of
from hiface.synth.skin import _LAB as MEASURED
from hiface.synth.skin import linear_from_lab
from tools.albedo.colour import lab
from tools.albedo.optics import linear_rgb, reflectance

SURFACE = 0.03
"""Share of light that the epidermis sends back before any pigment: without it dark skin would be orange."""
BLOOD_DEVIATION, UNDERTONE_DEVIATION = 1.7, 1.7
"""Deviations of people of one tone in a* and b*."""
REACH = (2.0, 2.4)
"""Deviations from the middle at which the lightest and the darkest photographic skin lie: not even, as four of the six
classes of the typology angle lie in the lighter half."""


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


def fit_axes(skins: Float[np.ndarray, "N 3"]) -> Axes:
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
    lightness = lab(colour_of(skins))[:, 0]
    shift, deviation = _placed(middle, melanin, (float(lightness.min()), float(lightness.max())))
    return Axes(middle + shift * melanin, deviation * melanin, blood, undertone, thin / np.linalg.norm(thin))


def _main_direction(densities: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "3"]:
    direction = np.linalg.svd(densities - densities.mean(0), full_matrices=False)[2][0]
    return np.asarray(direction * np.sign(direction.sum()))


def _lab_jacobian(density: Float[np.ndarray, "3"], step: float = 1e-3) -> Float[np.ndarray, "3 3"]:
    columns = [lab(colour_of(density + step * e)) - lab(colour_of(density - step * e)) for e in np.eye(3)]
    return np.stack(columns, 1) / (2 * step)


def _placed(
    middle: Float[np.ndarray, "3"], melanin: Float[np.ndarray, "3"], lightness: tuple[float, float]
) -> tuple[float, float]:
    """Shift along the line, and its unit, that put the two L* (dark, light) where `REACH` says."""

    def at(wanted: float) -> float:
        return float(brentq(lambda t: lab(colour_of(middle + t * melanin))[0] - wanted, -6, 6))

    dark, light = (at(value) for value in lightness)
    deviation = (dark - light) / sum(REACH)
    return light + REACH[0] * deviation, deviation
