"""L_detail (Eq. 10) for SD-DeTail and for the decoders of the ablation, on drawn faces."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hiface import losses
from hiface.reconstructor import Reconstructor
from hiface.train.batches import Batch
from hiface.types import DecodedMaps

Dynamic = tuple[Tensor, ...]
"""φ_com and φ_str, or nothing where they take no part."""


class DetailLoss(nn.Module):
    """Sum over the maps that make up D of ‖M_detail ⊙ (D − D̂)‖, mm.

    The bases' maps are compared through Gram matrices: the same number, without drawing them. Decoded maps are compared
    texel by texel with those that the truth's coefficients make; D_dyn of SD-1 with M⁺ D_com + M⁻ D_str under the true
    faces' tension.
    """

    static_gram: Float[Tensor, "K K"]
    compressed_gram: Float[Tensor, "C C"]
    stretched_gram: Float[Tensor, "D D"]

    def __init__(self, model: Reconstructor) -> None:
        super().__init__()
        self._model = [model]  # not a submodule, as in `Objective`
        self.parts = model.config.detail_parts
        for name in ("static", "compressed", "stretched"):
            modes = getattr(model.detail_model.basis, f"{name}_modes")
            self.register_buffer(f"{name}_gram", losses.gram_of(modes, modes.shape[1]), persistent=False)

    @property
    def model(self) -> Reconstructor:
        return self._model[0]

    def dynamic(self, static: Float[Tensor, "N K"], batch: Batch) -> Dynamic:
        """φ_com and φ_str (Eq. 6) of the predicted φ and the true ξ."""
        if not self.model.config.asks_dynamic:
            return ()
        answer: Dynamic = self.model.detail_model.dynamic(batch.expression, static)
        return answer

    def forward(
        self, static: Float[Tensor, "N K"], dynamic: Dynamic, decoded: DecodedMaps, batch: Batch
    ) -> Float[Tensor, ""]:
        """Of the predicted φ, φ_com and φ_str, and decoded maps, of the batch's drawn faces."""
        terms = []
        if self.parts != "dynamic":
            terms += self._static(static, decoded, batch)
        if self.parts != "static":
            terms += self._dynamic(dynamic, decoded, batch)
        return torch.stack(terms).sum()

    def _static(self, static: Tensor, decoded: DecodedMaps, batch: Batch) -> list[Tensor]:
        if decoded.static is None:
            return [losses.modes_loss(static, batch.static, self.static_gram, batch.as_drawn)]
        return [self._map_loss(decoded.static, self.model.detail_model.basis.static(batch.static), batch)]

    def _dynamic(self, dynamic: Dynamic, decoded: DecodedMaps, batch: Batch) -> list[Tensor]:
        basis = self.model.detail_model.basis
        if decoded.dynamic is not None:
            return [self._map_loss(decoded.dynamic, self._true_dynamic(batch), batch)]
        if decoded.compressed is not None and decoded.stretched is not None:
            return [
                self._map_loss(decoded.compressed, basis.compressed(batch.compressed), batch),
                self._map_loss(decoded.stretched, basis.stretched(batch.stretched), batch),
            ]
        return [
            losses.modes_loss(dynamic[0], batch.compressed, self.compressed_gram, batch.as_drawn),
            losses.modes_loss(dynamic[1], batch.stretched, self.stretched_gram, batch.as_drawn),
        ]

    def _map_loss(self, maps: Float[Tensor, "N R R"], truth: Float[Tensor, "N R R"], batch: Batch) -> Float[Tensor, ""]:
        mask = self.model.detail_model.basis.mask.to(maps.dtype)
        return losses.detail_loss(maps, truth, mask, batch.as_drawn)

    @torch.no_grad()
    def _true_dynamic(self, batch: Batch) -> Float[Tensor, "N R R"]:
        face, detail = self.model.face, self.model.detail_model
        neutral = face.neutral(batch.identity, "skin")
        tension = detail.tension_map(neutral, neutral + face.expression_offset(batch.expression, "skin"))
        truth: Tensor = detail.detail(batch.static, batch.compressed, batch.stretched, tension).dynamic
        return truth
