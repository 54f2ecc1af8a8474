"""What identity coefficients people of an age and a sex have: means and deviations, where a face model knows them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class PeopleShapes:
    """Identity by years and sex. A ages, I identity modes; the first axis is female, male."""

    years: Float[np.ndarray, "A"]
    """Increasing; between them everything is interpolated."""
    mean: Float[np.ndarray, "2 A I"]
    """Standard deviations of the whole population."""
    deviation: Float[np.ndarray, "2 A I"]

    def identity(self, noise: Float[np.ndarray, "I"], years: float, male: bool) -> Float[np.ndarray, "I"]:
        """Coefficients of somebody of that age and sex from standard normal noise."""
        place = np.interp(years, self.years, np.arange(len(self.years)))
        low = min(int(place), len(self.years) - 2)
        t = place - low
        mean, deviation = (
            (1 - t) * of[int(male), low] + t * of[int(male), low + 1] for of in (self.mean, self.deviation)
        )
        return np.asarray(mean + deviation * noise, np.float32)

    @property
    def youngest(self) -> float:
        return float(self.years[0])
