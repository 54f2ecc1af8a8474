"""`augment.spoil` for whole batches on their device: light, colour, blur, noise, compression and small occluders.

The same disturbances with the same chances; random numbers come from a generator of the device, so a batch is a
function of its seed on one kind of device, not across kinds.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

_LUMA = (0.299, 0.587, 0.114)
_SHRUNK = (0.26, 0.36, 0.48, 0.6, 0.74, 0.88)
_BLOCK = 8

# Quantisation tables of ITU-T T.81, annex K: luminance and chrominance.
_LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_CHROMINANCE = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
    99, 99, 99, *(99,) * 32,
)  # fmt: skip


def spoil_batch(crops: Float[Tensor, "B 3 S S"], rng: Generator) -> Float[Tensor, "B 3 S S"]:
    """Crops in sRGB, 0 to 1, as bad cameras, bad light and bad networks would have given them."""
    crops = _on(crops, 0.3, rng, _shrink)
    crops = _on(crops, 0.36, rng, _blur)
    crops = _tone(crops, rng)
    crops = _on(crops, 0.5, rng, _grain).clamp(0, 1)
    crops = _on(crops, 0.15, rng, _cover)
    return _on(crops, 0.35, rng, _compress) if crops.shape[-1] % (2 * _BLOCK) == 0 else crops


def uniform(rng: Generator, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=rng, device=rng.device)


def normal(rng: Generator, shape: tuple[int, ...], deviation: float = 1.0) -> Tensor:
    return deviation * torch.randn(shape, generator=rng, device=rng.device)


def _on(crops: Tensor, chance: float, rng: Generator, disturb) -> Tensor:  # type: ignore[no-untyped-def]
    """`disturb` on each crop with this chance."""
    rows = (uniform(rng, (len(crops),)) < chance).nonzero()[:, 0]
    return crops if not len(rows) else crops.index_copy(0, rows, disturb(crops[rows], rng))


def _shrink(crops: Tensor, rng: Generator) -> Tensor:
    """Fewer pixels than shown: each crop at one of a few sizes."""
    side = crops.shape[-1]
    size = (uniform(rng, (len(crops),)) * len(_SHRUNK)).long()
    out = crops.clone()
    for k, part in enumerate(_SHRUNK):
        rows = (size == k).nonzero()[:, 0]
        if len(rows):
            small = nn.functional.interpolate(crops[rows], size=int(part * side), mode="bilinear", antialias=True)
            mode = "bilinear" if k % 2 else "bicubic"
            out[rows] = nn.functional.interpolate(small, size=side, mode=mode, align_corners=False)
    return out


def _blur(crops: Tensor, rng: Generator) -> Tensor:
    """Out of focus, or one in five moved: a kernel a crop."""
    radius, n = 4, len(crops)
    axis = torch.arange(-radius, radius + 1, device=crops.device, dtype=crops.dtype)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    angle = uniform(rng, (n, 1, 1), 0, math.pi)
    along, across = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    moved = uniform(rng, (n, 1, 1)) < 0.2
    wide = uniform(rng, (n, 1, 1), 0.3, 1.5)
    long, thin = torch.where(moved, 1.0 + 1.4 * wide, wide), torch.where(moved, 0.4, wide)
    kernel = torch.exp(-0.5 * ((along / long).square() + (across / thin).square()))
    kernel = (kernel / kernel.sum((1, 2), keepdim=True)).repeat_interleave(3, 0)[:, None]
    padded = nn.functional.pad(crops, (radius,) * 4, mode="replicate").reshape(1, 3 * n, *_grown(crops, 2 * radius))
    return nn.functional.conv2d(padded, kernel, groups=3 * n).reshape(crops.shape)


def _grown(crops: Tensor, by: int) -> tuple[int, int]:
    return crops.shape[-2] + by, crops.shape[-1] + by


def _tone(crops: Tensor, rng: Generator) -> Tensor:
    """Grey pictures, colour casts, gamma, contrast and brightness."""
    one = (len(crops), 1, 1, 1)
    kind = uniform(rng, one)
    grey = (crops * crops.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True).expand_as(crops)
    cast = crops * normal(rng, (len(crops), 3, 1, 1), 0.07).exp()
    crops = torch.where(kind < 0.1, grey, torch.where(kind < 0.64, cast, crops))
    crops = crops.clamp(1e-4, 1) ** normal(rng, one, 0.22).exp()
    contrast, offset = normal(rng, one, 0.18).exp(), normal(rng, one, 0.06)
    return (crops - 0.45) * contrast + 0.45 + offset


def _grain(crops: Tensor, rng: Generator) -> Tensor:
    return crops + normal(rng, tuple(crops.shape)) * normal(rng, (len(crops), 1, 1, 1), 0.02).abs()


def _cover(crops: Tensor, rng: Generator) -> Tensor:
    """A flat or noisy box somewhere over the face."""
    n, side = len(crops), crops.shape[-1]
    size = uniform(rng, (n, 2, 1), 0.12, 0.42)
    low = uniform(rng, (n, 2, 1)) * (1 - size)
    place = (torch.arange(side, device=crops.device) + 0.5) / side
    inside = (place >= low) & (place < low + size)
    box = (inside[:, 0, None] & inside[:, 1, :, None])[:, None]
    colour = uniform(rng, (n, 3, 1, 1)) + normal(rng, tuple(crops.shape)) * uniform(rng, (n, 1, 1, 1), 0, 0.16)
    return torch.where(box, colour.clamp(0, 1), crops)


def _compress(crops: Tensor, rng: Generator) -> Tensor:
    """What JPEG leaves at qualities of 20 to 95: cosine transform of blocks, colour at half the size."""
    quality = uniform(rng, (len(crops), 1, 1), 20, 95)
    factor = torch.where(quality < 50, 50 / quality, 2 - quality / 50)
    r, g, b = (255 * crops).unbind(1)
    luma = _LUMA[0] * r + _LUMA[1] * g + _LUMA[2] * b
    colours = [nn.functional.avg_pool2d((c - luma)[:, None] * k, 2)[:, 0] for c, k in ((b, 0.564), (r, 0.713))]
    luma = _quantised(luma - 128, _LUMINANCE, factor) + 128
    blue, red = (_quantised(c, _CHROMINANCE, factor).repeat_interleave(2, 1).repeat_interleave(2, 2) for c in colours)
    shown = torch.stack([luma + 1.402 * red, luma - 0.344 * blue - 0.714 * red, luma + 1.772 * blue], 1)
    return shown.clamp(0, 255) / 255


def _quantised(plane: Float[Tensor, "B H W"], table: tuple[int, ...], factor: Tensor) -> Float[Tensor, "B H W"]:
    batch, height, width = plane.shape
    blocks = plane.reshape(batch, height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK).transpose(2, 3)
    cosines = _cosines(plane)
    steps = (plane.new_tensor(table).reshape(_BLOCK, _BLOCK) * factor).round().clamp(1, 255)[:, None, None]
    waves = ((cosines @ blocks @ cosines.T) / steps).round() * steps
    return (cosines.T @ waves @ cosines).transpose(2, 3).reshape(batch, height, width)


def _cosines(like: Tensor) -> Float[Tensor, "8 8"]:
    """The orthonormal cosine transform of eight samples."""
    k = torch.arange(_BLOCK, device=like.device, dtype=like.dtype)
    matrix = torch.cos(math.pi / _BLOCK * (k + 0.5) * k[:, None]) * math.sqrt(2 / _BLOCK)
    matrix[0] /= math.sqrt(2)
    return matrix
