"""What faces people make: a prior over the 52 ARKit scores of photographs, drawn from without the photographs.

A Gaussian mixture over normal scores z, and for each unit a monotone curve from z to the score: a mixture copula.
Scores are those of a face tracker on photos (0 to 1), not weights of our units; `synth.people.from_scores` maps them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hiface.assets.format import Schema, read_asset
from hiface.assets.store import locate
from hiface.errors import AssetError
from hiface.face.asset import ARKIT

SCHEMA = Schema(
    kind="expression_prior",
    version=1,
    required={"share": 1, "mean": 2, "factor": 3, "knots": 1, "curves": 2},
    optional={},
    how_to_get="use the shipped expression_prior.safetensors or build one with tools/build_expression_prior.py",
)


@dataclass(frozen=True)
class ExpressionPrior:
    """M components over E = 52 units, Q knots of the curves."""

    share: Float[np.ndarray, "M"]
    mean: Float[np.ndarray, "M E"]
    factor: Float[np.ndarray, "M E E"]
    """Lower triangular: covariance = factor factorᵀ."""
    knots: Float[np.ndarray, "Q"]
    """Normal scores at which the curves are given, increasing."""
    curves: Float[np.ndarray, "E Q"]
    """Score of each unit at the knots, not decreasing."""

    @classmethod
    def load(cls, name_or_path: str | Path = "expression_prior.safetensors") -> ExpressionPrior:
        """The shipped prior, or one from a file of the user's."""
        asset = read_asset(locate(name_or_path), SCHEMA)
        if tuple(asset.meta["units"]) != ARKIT:
            raise AssetError(f"{asset.path}: the units must be the 52 of ARKit in order; {SCHEMA.how_to_get}")
        return cls(**{k: asset.tensors[k].astype(np.float64) for k in SCHEMA.required})

    def draw(self, rng: np.random.Generator, count: int) -> Float[np.ndarray, "N E"]:
        """Scores of random faces, 0 to 1, columns in ARKit's order."""
        component = rng.choice(len(self.share), count, p=self.share / self.share.sum())
        noise = rng.standard_normal((count, len(self.curves)))
        z = self.mean[component] + np.einsum("nij,nj->ni", self.factor[component], noise)
        return np.stack([np.interp(z[:, k], self.knots, c) for k, c in enumerate(self.curves)], 1)
