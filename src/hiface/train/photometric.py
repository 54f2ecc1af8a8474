"""L_pho and L_id on a part of a batch: the coarse or detailed face drawn over its crop."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from hiface import losses
from hiface.detail.slopes import slopes
from hiface.geometry.colour import linear_from_srgb, srgb_from_linear
from hiface.reconstructor import Prediction, Reconstructor
from hiface.render.renderer import Renderer
from hiface.train.batches import Batch
from hiface.train.teachers import RecognitionTeacher
from hiface.types import Shape

RELIEF_FROM = 112
"""Sides of pictures below which wrinkles are smaller than a pixel: no relief is drawn there."""


class PhotometricTerm:
    """Renders `count` faces of a batch at `side` pixels and compares them with their crops inside the skin mask."""

    def __init__(self, model: Reconstructor, count: int, side: int, teacher: RecognitionTeacher | None = None) -> None:
        self.model, self.count, self.side, self.teacher = model, count, side, teacher
        face = model.face
        self.albedo = model.albedo.reduced(max(32, side))
        triangles = torch.from_numpy(face.part_triangles("skin"))
        split = len(face.part_triangles("face"))
        material = (torch.arange(len(triangles)) >= split).long()
        uv_triangles = torch.from_numpy(face.part_uv_triangles("skin"))
        self.renderer = Renderer(triangles, torch.from_numpy(face.uv), uv_triangles, side, material)
        self.device = torch.device("cpu")

    def _follow(self, device: torch.device) -> None:
        """The constant parts go where the network is."""
        if device != self.device:
            self.albedo, self.renderer, self.device = self.albedo.to(device), self.renderer.to(device), device

    def __call__(self, prediction: Prediction, batch: Batch) -> dict[str, Tensor]:
        self._follow(prediction.log_sigma.device)
        chosen = self._rows(len(batch.crops), self.device)
        crops = self._crops(batch, chosen)
        rendered, seen = self.render(prediction, chosen)
        shrink = nn.functional.adaptive_avg_pool2d
        mask = (shrink(batch.masks[chosen, None].float() / 255, self.side)[:, 0] > 0.95) & seen
        terms = {"photometric": losses.photometric_loss(rendered, crops, mask.float())}
        if self.teacher is not None:
            composed = torch.where(mask[..., None], rendered, crops).permute(0, 3, 1, 2)
            terms["identity"] = losses.perceptual_loss(self.teacher(composed), self.teacher(crops.permute(0, 3, 1, 2)))
        return terms

    def render(
        self, prediction: Prediction, chosen: Int[Tensor, "N"]
    ) -> tuple[Float[Tensor, "N S S 3"], Float[Tensor, "N S S"]]:
        """sRGB pictures of the chosen faces, and where they see the mesh."""
        model, c = self.model, prediction.coefficients[chosen]
        shape = model.shape(c, "skin")
        relief = self._relief(prediction, chosen, shape)
        textures = (self.albedo.face(c.albedo, self.side), self.albedo.head(c.albedo, self.side))
        drawn = self.renderer(shape.posed, c.scale, c.light, textures, slopes=relief)
        return srgb_from_linear(drawn.image.clamp(0, 1)), drawn.face_id >= 0

    def _relief(
        self, prediction: Prediction, chosen: Int[Tensor, "N"], shape: Shape
    ) -> Float[Tensor, "N R R 2"] | None:
        if self.side < RELIEF_FROM:
            return None
        coefficients, decoded = prediction.coefficients[chosen], prediction.decoded[chosen]
        return slopes(self.model.detail(coefficients, shape, decoded).displacement)

    def _rows(self, size: int, device: torch.device) -> Int[Tensor, "N"]:
        """Rows spread over the batch, other ones each time: torch's generator is seeded by the step."""
        return torch.randperm(size)[: self.count].sort().values.to(device)

    def _crops(self, batch: Batch, chosen: Tensor) -> Float[Tensor, "N S S 3"]:
        """The chosen crops at the picture's size, averaged in linear light."""
        linear = linear_from_srgb(batch.crops[chosen].float() / 255)
        small = nn.functional.adaptive_avg_pool2d(linear, self.side)
        return srgb_from_linear(small.clamp(0, 1)).permute(0, 2, 3, 1)
