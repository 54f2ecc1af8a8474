"""Detail drawn from the picture instead of composed from bases: rows SD-1, SD-2 and SD-3 of the ablation.

The paper says that a U-Net decoder replaces the bases, not how its features come from the picture into UV. Here the
coarse face itself is the bridge: every texel of the tile lies on the posed mesh, the mesh lies in the crop, and a skip
connection is the backbone's feature map looked up at the texel's place there. So a crow's foot is decoded where the
crop shows it, at any turn of the head. What the crop does not show (a texel on the far side takes what covers it) has
to come from the bottleneck: the flattened features, which every texel of the coarsest level is told.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from hiface.assets.format import unknown_name
from hiface.detail.basis import DetailBasis
from hiface.errors import ConfigError
from hiface.geometry.camera import project
from hiface.geometry.uv import UVAtlas
from hiface.types import DecodedMaps

Variant = Literal["bases", "sd1", "sd2", "sd3"]
DECODED: dict[str, tuple[str, ...]] = {
    "bases": (),
    "sd1": ("dynamic",),
    "sd2": ("compressed", "stretched"),
    "sd3": ("static",),
}
"""The maps that each variant decodes; "bases" is SD-DeTail as it is, without a decoder."""
STAGES = 4
"""Levels of the U-Net, from R/16 to R/2 texels a side, as many as the backbone has stages."""
SHARPEST = 4
"""Texels of the atlas a side are R over this: places between them are interpolated, as the mesh is smooth."""
_UNIT = 0.1
"""Millimetres that an answer of 1 moves a texel: keeps answers near 1."""


class MapDecoder(nn.Module):
    """The maps of `DECODED[variant]`: the basis' mean plus what a U-Net over the tile says, 0 mm outside the mask."""

    mask: Float[Tensor, "R R"]
    mean: Float[Tensor, "M R R"]
    corners: Int[Tensor, "P 3"]
    weights: Float[Tensor, "P 3 1"]

    def __init__(
        self,
        variant: str,
        basis: DetailBasis,
        atlas: UVAtlas,
        widths: Sequence[int],
        bottleneck: int,
        width: int = 16,
    ) -> None:
        """`atlas` of any side; `widths` of the backbone's stages; `bottleneck` numbers of the flattened features;
        `width` channels of the finest level, doubled at every coarser one."""
        super().__init__()
        if not DECODED.get(variant):
            raise ConfigError(unknown_name(variant, (v for v in DECODED if DECODED[v]), "decoder of detail"))
        self.names, self.side = DECODED[variant], basis.side
        self.register_buffer("mask", basis.mask.float(), persistent=False)
        self.register_buffer("mean", torch.stack([_mean_map(basis, n) for n in self.names]), persistent=False)
        self.register_buffer("corners", atlas.triangles[atlas.triangle_id].flatten(0, 1), persistent=False)
        self.register_buffer("weights", atlas.barycentric.flatten(0, 1)[..., None], persistent=False)
        self.places_side = atlas.side
        channels = [width << level for level in range(STAGES)]  # finest first, as the stages
        self.code = nn.Sequential(nn.Linear(bottleneck, channels[-1]), nn.SiLU())
        below = [*channels[1:], channels[-1]]
        skips = [widths[0] + 3, *widths[1:]]  # the crop's own pixels go with the finest features
        self.levels = nn.ModuleList(_level(a + b, c) for a, b, c in zip(below, skips, channels, strict=True))
        self.finish = nn.Conv2d(width, 4 * len(self.names), 3, padding=1)  # four texels of each map at once
        nn.init.normal_(self.finish.weight, std=1e-3)  # untrained, maps are near their mean
        nn.init.zeros_(self.finish.bias)  # type: ignore[arg-type]

    def forward(
        self,
        crops: Float[Tensor, "B 3 S S"],
        stages: Sequence[Float[Tensor, "B _ _ _"]],
        bottleneck: Float[Tensor, "B N"],
        posed: Float[Tensor, "B V 3"],
        scale: Float[Tensor, "B"],
    ) -> DecodedMaps:
        """Maps of crops, mm. `stages` of the backbone, finest first; `posed` shapes, mm, and the camera's `scale` say
        where the texels lie; no gradient goes into them."""
        places = self.places(posed.detach(), scale.detach())
        x = self.code(bottleneck)[:, :, None, None].expand(-1, -1, 1, 1)
        for k in reversed(range(STAGES)):
            side = max(1, self.side >> (k + 1))
            seen = [stages[k], crops] if k == 0 else [stages[k]]
            looked = [_looked_up(m, places, side) for m in seen]
            x = nn.functional.interpolate(x, size=(side, side), mode="bilinear", align_corners=False)
            x = self.levels[k](torch.cat([x, *looked], 1))
        drawn = nn.functional.pixel_shuffle(self.finish(x).float(), 2)
        maps = (self.mean + _UNIT * drawn) * self.mask
        return DecodedMaps(**{name: maps[:, k] for k, name in enumerate(self.names)})

    def places(self, posed: Float[Tensor, "B V 3"], scale: Float[Tensor, "B"]) -> Float[Tensor, "B P P 2"]:
        """Where the crop shows the texels: −1 to 1 from its left and upper border, as `grid_sample` counts."""
        points = (posed[:, self.corners] * self.weights).sum(2)
        screen = project(points, scale, 1.0)[..., :2]
        return (2 * screen - 1).unflatten(1, (self.places_side, self.places_side))


def _looked_up(
    maps: Float[Tensor, "B N H W"], places: Float[Tensor, "B P P 2"], side: int
) -> Float[Tensor, "B N side side"]:
    """A picture's maps where the texels of a tile of `side` lie; beyond the picture its border goes on."""
    grid = places.permute(0, 3, 1, 2)
    shrink = side < grid.shape[-1]
    resized = (
        nn.functional.adaptive_avg_pool2d(grid, side)
        if shrink
        else nn.functional.interpolate(grid, size=(side, side), mode="bilinear", align_corners=False)
    )
    where = resized.permute(0, 2, 3, 1)
    return nn.functional.grid_sample(maps.float(), where, padding_mode="border", align_corners=False)


def _level(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(_conv(inputs, outputs), _conv(outputs, outputs))


def _conv(inputs: int, outputs: int) -> nn.Sequential:
    """Group normalisation, which knows no batch: a face decodes alike alone, and nothing needs freezing."""
    norm = nn.GroupNorm(math.gcd(8, outputs), outputs)
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), norm, nn.SiLU())


def _mean_map(basis: DetailBasis, name: str) -> Float[Tensor, "R R"]:
    """The basis' mean of a map, mm; that of D_dyn is 0, a face at rest."""
    if name == "dynamic":
        return torch.zeros_like(basis.mask, dtype=torch.float32)
    none = torch.zeros(1, basis.sizes[name], device=basis.mask.device)
    return getattr(basis, name)(none)[0]
