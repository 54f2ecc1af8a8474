"""Detail of the people drawn: coefficients by age, and the slopes of their displacement for shading."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from hiface.detail.basis import DetailBasis, read_basis
from hiface.detail.people import Captures, DetailCoefficients, draw_detail
from hiface.detail.sddetail import SDDetail
from hiface.detail.slopes import slopes
from hiface.errors import AssetError
from hiface.face.model import FaceModel
from hiface.types import Detail

SHIPPED = "detail_basis.safetensors"
SIDE = 128
"""Texels of the slopes: about one a pixel of the stored picture, so they are averages of finer ones."""
MAPS = ("static", "compressed", "stretched", "tension", "displacement")
_SIZES_WITHOUT = (300, 26, 26)
_log = logging.getLogger(__name__)


class Wrinkles:
    """Draws detail coefficients and turns them into slopes; without a basis all is smooth."""

    def __init__(self, model: FaceModel, name_or_path: str | Path = SHIPPED) -> None:
        try:
            asset = read_basis(name_or_path)
        except AssetError as error:
            if name_or_path != SHIPPED:
                raise
            _log.warning("faces will be smooth: %s", error)
            self.captures: Captures | None = None
            return
        self.captures = Captures.from_asset(asset)
        self.detail = SDDetail.of_face(model, DetailBasis.from_asset(asset), width=8).eval()

    def draw(self, rng: np.random.Generator, age: float) -> DetailCoefficients:
        """φ, φ_com and φ_str of one face of an age."""
        if self.captures is None:
            return DetailCoefficients(*(np.zeros(n, np.float32) for n in _SIZES_WITHOUT))
        return draw_detail(self.captures, age, rng)

    @torch.no_grad()
    def slopes(
        self, neutral: Float[np.ndarray, "B V 3"], expressive: Float[np.ndarray, "B V 3"],
        coefficients: list[DetailCoefficients],
    ) -> Float[np.ndarray, "B R R 2"]:  # fmt: skip
        """∂D/∂u and ∂D/∂v, mm per unit, of D = D_sta + M⁺ D_com + M⁻ D_str for each face."""
        if self.captures is None:
            return np.zeros((len(coefficients), 2, 2, 2), np.float32)
        relief = slopes(self._detail(neutral, expressive, coefficients).displacement).permute(0, 3, 1, 2)
        reduced = torch.nn.functional.adaptive_avg_pool2d(relief, min(SIDE, relief.shape[-1]))
        return np.ascontiguousarray(reduced.permute(0, 2, 3, 1).numpy(), np.float32)

    @torch.no_grad()
    def maps(
        self, neutral: Float[np.ndarray, "V 3"], expressive: Float[np.ndarray, "V 3"], coefficients: DetailCoefficients
    ) -> dict[str, Float[np.ndarray, "R R"]]:
        """Static, compressed, stretched, tension and displacement maps of one face, R = `SIDE`; mm, tension none.

        Means over the texels of the basis, row 0 is v = 1. Empty without a basis.
        """
        if self.captures is None:
            return {}
        detail = self._detail(neutral[None], expressive[None], [coefficients])
        pool = torch.nn.functional.adaptive_avg_pool2d
        return {name: pool(getattr(detail, name)[None], SIDE)[0, 0].numpy() for name in MAPS}

    def _detail(
        self, neutral: Float[np.ndarray, "B V 3"], expressive: Float[np.ndarray, "B V 3"],
        coefficients: list[DetailCoefficients],
    ) -> Detail:  # fmt: skip
        static, compressed, stretched = (
            torch.from_numpy(np.stack([getattr(c, name) for c in coefficients]))
            for name in ("static", "compressed", "stretched")
        )
        tension = self.detail.tension_map(torch.from_numpy(neutral), torch.from_numpy(expressive))
        return self.detail.detail(static, compressed, stretched, tension)
