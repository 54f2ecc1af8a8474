"""Skin colour (Eq. 1) in the face tile and the head tile of the UV.

Eq. 1 adds modes to a mean. Ours add in a density d, with reflectance A = 0.9 / (1 + eᵈ): at dark skins this is
optical density, in which the absorbers (melanin, blood) add; at light ones it bends so that no sum reflects more
than 0.9. Every coefficient vector is a possible colour.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from hiface.assets.format import Asset, Schema, dequantise, read_asset
from hiface.assets.store import locate

SCHEMA = Schema(
    kind="albedo",
    version=1,
    required={
        "face_mean": 3, "face_modes": 4, "face_scale": 1,
        "head_mean": 3, "head_modes": 4, "head_scale": 1,
    },
    optional={},
    how_to_get="use the shipped albedo.safetensors or build one with tools/build_albedo.py",
)  # fmt: skip

BRIGHTEST = 0.9
"""Linear reflectance that no skin exceeds."""

DENSITY_LIMIT = 6.0
"""Densities from -6 to 6 are stored as 16-bit means; 0.9 / (1 + e⁶) is darker than any skin."""


class AlbedoModel(nn.Module):
    """Albedo maps of the two skin tiles, linear RGB in (0, 1].

    Means are kept at their full size, modes at half of it: skin varies from person to person more slowly than its
    pores do. `side` asks for any size. Differentiable in the coefficients.
    """

    face_mean: Float[Tensor, "3 R R"]
    face_modes: Float[Tensor, "A 3 Rm Rm"]
    head_mean: Float[Tensor, "3 R R"]
    head_modes: Float[Tensor, "A 3 Rm Rm"]

    def __init__(self, asset: Asset) -> None:
        super().__init__()
        self.hash = asset.hash
        self.mode_names: tuple[str, ...] = tuple(asset.meta["mode_names"])
        for tile in ("face", "head"):
            mean = stored_mean(asset.tensors[f"{tile}_mean"])
            modes = dequantise(asset.tensors[f"{tile}_modes"], asset.tensors[f"{tile}_scale"])
            self.register_buffer(f"{tile}_mean", _channels_first(mean), persistent=False)
            self.register_buffer(f"{tile}_modes", _channels_first(modes), persistent=False)

    @classmethod
    def load(cls, name_or_path: str | Path = "albedo.safetensors") -> AlbedoModel:
        """The shipped albedo, or one from a file of the user's."""
        return cls(read_asset(locate(name_or_path), SCHEMA))

    @property
    def size(self) -> int:
        """A, the number of modes."""
        return len(self.face_modes)

    def face(self, albedo: Float[Tensor, "B A"], side: int | None = None) -> Float[Tensor, "B R R 3"]:
        """The face tile, linear RGB; `side` defaults to the mean's own."""
        return _evaluate(albedo, self.face_mean, self.face_modes, side)

    def head(self, albedo: Float[Tensor, "B A"], side: int | None = None) -> Float[Tensor, "B R R 3"]:
        """The tile of head and neck, linear RGB."""
        return _evaluate(albedo, self.head_mean, self.head_modes, side)

    def middle(self) -> tuple[Float[Tensor, "3"], Float[Tensor, "A 3"]]:
        """Density and modes averaged over the middle of the face: what decides a skin's colour."""
        return _middle(self.face_mean), _middle(self.face_modes)

    def reduced(self, side: int) -> AlbedoModel:
        """A copy whose maps are `side` texels: what training renders with, many times cheaper."""
        copy = object.__new__(AlbedoModel)
        nn.Module.__init__(copy)
        copy.hash, copy.mode_names = self.hash, self.mode_names
        for name in ("face_mean", "face_modes", "head_mean", "head_modes"):
            copy.register_buffer(name, _resize(getattr(self, name), side), persistent=False)
        return copy


def _channels_first(maps: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(maps, -1, -3)))


def _resize(maps: Float[Tensor, "*N R R"], side: int) -> Float[Tensor, "*N S S"]:
    """Maps at another size: area average when shrinking, bilinear when growing."""
    if maps.shape[-1] == side:
        return maps
    batch = maps.reshape(-1, 1, *maps.shape[-2:])
    if side < maps.shape[-1]:
        resized = nn.functional.adaptive_avg_pool2d(batch, side)
    else:
        resized = nn.functional.interpolate(batch, size=(side, side), mode="bilinear", align_corners=False)
    return resized.reshape(*maps.shape[:-2], side, side)


def _middle(maps: Float[Tensor, "*N R R"]) -> Float[Tensor, "*N"]:
    side = maps.shape[-1]
    rows, columns = slice(int(0.39 * side), int(0.64 * side)), slice(int(0.29 * side), int(0.7 * side))
    return maps[..., rows, columns].mean((-2, -1))


def _evaluate(
    albedo: Float[Tensor, "B A"],
    mean: Float[Tensor, "3 R R"],
    modes: Float[Tensor, "A 3 Rm Rm"],
    side: int | None,
) -> Float[Tensor, "B R R 3"]:
    offset = (albedo @ modes.flatten(1)).unflatten(1, modes.shape[1:])
    side = side or int(mean.shape[-1])
    density = _resize(mean[None], side) + _resize(offset, side)
    return (BRIGHTEST * torch.sigmoid(-density)).permute(0, 2, 3, 1)


def density_of(reflectance: Float[np.ndarray, "*N"]) -> Float[np.ndarray, "*N"]:
    """The density of a linear reflectance; the inverse of A = 0.9 / (1 + eᵈ)."""
    inside = np.clip(reflectance, 0.015, BRIGHTEST - 0.01)
    return np.log(BRIGHTEST / inside - 1)


def stored_mean(integers: np.ndarray) -> Float[np.ndarray, "R R 3"]:
    """Densities of 16-bit integers, and `integers_of` back."""
    return (integers.astype(np.float32) / 65535 * 2 - 1) * np.float32(DENSITY_LIMIT)


def integers_of(density: Float[np.ndarray, "R R 3"]) -> np.ndarray:
    """16-bit integers of densities."""
    return np.round((density / DENSITY_LIMIT + 1) / 2 * 65535).astype(np.uint16)
