"""Colour of skin from published absorption: melanin over a dermis with blood.

Diffuse reflectance R(λ) = T(λ)² R_d(λ). T is the epidermis, Beer-Lambert over 60 µm and a path twice as long (light
passes it obliquely); R_d the Kubelka-Munk reflectance of an endless dermis.

Read for this file: Jacques, "Skin Optics", omlc.org/news/jan98/skinoptics.html (baseline absorption, layers) and
omlc.org/spectra/melanin/mua.html (melanosomes, 1.70e12 λ^-3.48 cm⁻¹). The table of haemoglobin is the one that many
skin renderers copy from Prahl's compilation; we saw copies of it in public repositories, not his page for these
wavelengths. Colour matching is the analytic fit of Wyman, Sloan and Shirley, its constants as public code has them.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

WAVELENGTHS = np.arange(400.0, 721.0, 10.0)
"""Nanometres."""
OXY = np.array(
    [
        266232, 466840, 480360, 246072, 102580, 62816, 44480, 33209, 26629, 23684, 20933, 20035, 24202, 39957, 53236,
        43016, 32613, 44496, 50104, 14401, 3200, 1506, 942, 610, 442, 368, 320, 294, 278, 276, 290, 314, 348,
    ], float,
)  # fmt: skip
DEOXY = np.array(
    [
        223296, 303956, 407560, 528600, 413280, 103292, 23389, 16156, 14550, 16684, 20862, 25774, 31590, 39036, 46592,
        53412, 53788, 45072, 37020, 28324, 14677, 9444, 6510, 5149, 4345, 3750, 3227, 2795, 2408, 2052, 1794, 1540,
        1326,
    ], float,
)  # fmt: skip
"""Molar extinction of haemoglobin with and without oxygen, 1/(cm mol/l)."""
OXYGENATED = 0.75
_EPIDERMIS_CM, _OBLIQUE = 0.006, 2.0
_SRGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
_WHITE = np.array([0.95047, 1.0, 1.08883])


def melanosome_absorption() -> Float[np.ndarray, "L"]:
    """Of the inside of a melanosome, 1/cm."""
    return np.asarray(1.70e12 * WAVELENGTHS**-3.48)


def blood_absorption() -> Float[np.ndarray, "L"]:
    """Of whole blood with 150 g of haemoglobin a litre, 1/cm."""
    return np.asarray(2.303 * (OXYGENATED * OXY + (1 - OXYGENATED) * DEOXY) * 150 / 66500)


def baseline_absorption() -> Float[np.ndarray, "L"]:
    """Of skin without melanin and blood, 1/cm."""
    return np.asarray(0.244 + 85.3 * np.exp(-(WAVELENGTHS - 154) / 66.2))


def reflectance(melanosomes: float, blood: float) -> Float[np.ndarray, "L"]:
    """Diffuse reflectance for a volume share of melanosomes in the epidermis and of blood in the dermis."""
    base = baseline_absorption()
    epidermis = melanosomes * melanosome_absorption() + (1 - melanosomes) * base
    passed = np.exp(-_OBLIQUE * _EPIDERMIS_CM * epidermis)
    dermis = blood * blood_absorption() + (1 - blood) * base
    scattering = 2e5 * WAVELENGTHS**-1.5 + 2e12 * WAVELENGTHS**-4.0
    ratio = 2 * dermis / (0.75 * scattering)
    return np.asarray(passed**2 * (1 + ratio - np.sqrt(ratio**2 + 2 * ratio)))


def linear_rgb(spectrum: Float[np.ndarray, "L"]) -> Float[np.ndarray, "3"]:
    """Linear sRGB of a reflectance; a perfect white is (1, 1, 1)."""
    sensitivity = _colour_matching()
    return np.asarray(_SRGB @ (_WHITE * (sensitivity @ spectrum) / sensitivity.sum(1)))


def _colour_matching() -> Float[np.ndarray, "3 L"]:
    def lobe(height: float, centre: float, left: float, right: float) -> Float[np.ndarray, "L"]:
        apart = WAVELENGTHS - centre
        return np.asarray(height * np.exp(-0.5 * (apart * np.where(apart < 0, left, right)) ** 2))

    x = lobe(0.362, 442, 0.0624, 0.0374) + lobe(1.056, 599.8, 0.0264, 0.0323) + lobe(-0.065, 501.1, 0.049, 0.0382)
    y = lobe(0.821, 568.8, 0.0213, 0.0247) + lobe(0.286, 530.9, 0.0613, 0.0322)
    z = lobe(1.217, 437.0, 0.0845, 0.0278) + lobe(0.681, 459.0, 0.0385, 0.0725)
    return np.stack([x, y, z])
