"""Principal components of displacement maps, weighted by the area of skin under each texel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from hiface.errors import ConfigError


@dataclass(frozen=True)
class Components:
    """A linear model of maps: `mean + coefficients · modes`; coefficients have variance 1 over the fitted
    maps."""

    mean: Float[np.ndarray, "P"]
    """mm."""
    modes: Float[np.ndarray, "n P"]
    """mm per standard deviation, strongest first."""
    weight: Float[np.ndarray, "P"]
    """Of a texel in every sum: area of skin, perhaps times importance."""

    def coefficients(self, maps: Float[np.ndarray, "N P"]) -> Float[np.ndarray, "N n"]:
        """The least-squares coefficients of maps, standard deviations."""
        weighted = self.modes * self.weight
        norms = np.einsum("np,np->n", weighted, self.modes)  # the modes are orthogonal under the weight
        found: NDArray[np.float64] = (maps - self.mean) @ weighted.T / norms
        return found

    def explained(self, maps: Float[np.ndarray, "N P"], counts: Sequence[int]) -> dict[int, float]:
        """Share of the maps' weighted variance about the mean that the first modes explain, by their
        number."""
        centred = maps - self.mean
        total = float((centred**2 @ self.weight).sum())
        energy = np.einsum("np,np->n", self.modes * self.weight, self.modes)
        caught = np.cumsum((self.coefficients(maps) ** 2 * energy).sum(0))
        return {n: float(caught[min(n, len(caught)) - 1] / total) for n in counts}


def fit(maps: Float[np.ndarray, "N P"], weight: Float[np.ndarray, "P"], count: int) -> Components:
    """The `count` strongest components of N maps at P texels; by the N × N Gram matrix, so N may be much
    below P."""
    if count >= len(maps):
        raise ConfigError(f"{count} modes need more than {count} usable maps, got {len(maps)}; ask for fewer modes")
    mean = maps.mean(0)
    centred = (maps - mean) * np.sqrt(weight).astype(maps.dtype)
    values, vectors = np.linalg.eigh((centred @ centred.T).astype(np.float64))
    values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count]
    if values[-1] <= values[0] * 1e-12:
        rank = int((values > values[0] * 1e-12).sum())
        raise ConfigError(f"the maps have only {rank} independent modes, {count} were asked for; ask for fewer")
    # vectors · sqrt(N) are the coefficients of variance 1; their regression on the maps are the modes
    modes = (vectors.T.astype(maps.dtype) @ (maps - mean)) / np.sqrt(len(maps))
    sign = np.sign(modes @ weight)[:, None]  # eigenvectors have no sign: take the one that lifts skin
    return Components(mean, modes * np.where(sign == 0, 1, sign), weight)
