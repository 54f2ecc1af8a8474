"""Skin colour (Eq. 1) in the face tile and the head tile of the UV.

Eq. 1 adds modes to a mean. Ours add in a density d, with reflectance A = 0.9 / (1 + eᵈ): at dark skins this is
optical density, in which the absorbers (melanin, blood) add; at light ones it bends so that no sum reflects more
than 0.9. Every coefficient vector is a possible colour.

A mode is either a map of three channels, or a map of one absorber times that absorber's colour (its tint): pigments,
hair and paint change a colour in one direction. Such maps cost a third, so features get them at more texels.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from hiface.assets.format import Asset, Schema, dequantise, read_asset
from hiface.assets.store import locate
from hiface.errors import AssetError
from hiface.face.asset import OUR_LAYOUT

SCHEMA = Schema(
    kind="albedo",
    version=1,
    required={
        "face_mean": 3, "face_modes": 4, "face_scale": 1,
        "head_mean": 3, "head_modes": 4, "head_scale": 1,
    },
    optional={"face_soft": 3, "face_fine": 3, "head_tinted": 3, "tints": 2},
    how_to_get="use the shipped albedo.safetensors or build one with tools/build_albedo.py",
)  # fmt: skip

BRIGHTEST = 0.9
"""Linear reflectance that no skin exceeds."""

FULL = 127.0
"""Stored integer of a tinted map's value 1."""

DENSITY_LIMIT = 6.0
"""Densities from -6 to 6 are stored as 16-bit means; 0.9 / (1 + e⁶) is darker than any skin."""


class AlbedoModel(nn.Module):
    """Albedo maps of the two skin tiles, linear RGB in (0, 1].

    Modes in the order of the coefficients: A0 of three channels, then A1 soft and A2 fine tinted maps (none in a file
    without them). Means are kept at their full size, modes at less: skin varies from person to person more slowly
    than its pores do. `side` asks for any size. Differentiable in the coefficients.
    """

    face_mean: Float[Tensor, "3 R R"]
    face_modes: Float[Tensor, "A0 3 Rm Rm"]
    face_soft: Float[Tensor, "A1 Rs Rs"]
    face_fine: Float[Tensor, "A2 Rf Rf"]
    head_mean: Float[Tensor, "3 R R"]
    head_modes: Float[Tensor, "A0 3 Rm Rm"]
    head_tinted: Float[Tensor, "A1+A2 Rt Rt"]
    tints: Float[Tensor, "A1+A2 3"]

    def __init__(self, asset: Asset) -> None:
        super().__init__()
        self.hash = asset.hash
        self.uv_layout: str = asset.meta.get("uv_layout", OUR_LAYOUT)
        self.mode_names: tuple[str, ...] = tuple(asset.meta["mode_names"])
        for tile in ("face", "head"):
            mean = stored_mean(asset.tensors[f"{tile}_mean"])
            modes = dequantise(asset.tensors[f"{tile}_modes"], asset.tensors[f"{tile}_scale"])
            self.register_buffer(f"{tile}_mean", _channels_first(mean), persistent=False)
            self.register_buffer(f"{tile}_modes", _channels_first(modes), persistent=False)
        for name in ("face_soft", "face_fine", "head_tinted"):
            integers = asset.tensors.get(name, np.zeros((0, 1, 1), np.int8))
            self.register_buffer(name, torch.from_numpy(integers.astype(np.float32) / FULL), persistent=False)
        tints = asset.tensors.get("tints", np.zeros((0, 3), np.float32))
        self.register_buffer("tints", torch.from_numpy(tints.astype(np.float32)), persistent=False)
        _check_counts(self, asset.path)

    @classmethod
    def load(cls, name_or_path: str | Path = "albedo.safetensors") -> AlbedoModel:
        """The shipped albedo, or one from a file of the user's."""
        return cls(read_asset(locate(name_or_path), SCHEMA))

    @property
    def size(self) -> int:
        """A, the number of modes."""
        return len(self.face_modes) + len(self.tints)

    def face(self, albedo: Float[Tensor, "B A"], side: int | None = None) -> Float[Tensor, "B R R 3"]:
        """The face tile, linear RGB; `side` defaults to the mean's own."""
        full, soft, fine = self._split(albedo)
        offsets = [_full(full, self.face_modes), *self._tinted(soft, fine, self.face_soft, self.face_fine)]
        return _colour(self.face_mean, offsets, side)

    def head(self, albedo: Float[Tensor, "B A"], side: int | None = None) -> Float[Tensor, "B R R 3"]:
        """The tile of head and neck, linear RGB."""
        full, soft, fine = self._split(albedo)
        cut = len(self.face_soft)
        tinted = self._tinted(soft, fine, self.head_tinted[:cut], self.head_tinted[cut:])
        return _colour(self.head_mean, [_full(full, self.head_modes), *tinted], side)

    def middle(self) -> tuple[Float[Tensor, "3"], Float[Tensor, "A 3"]]:
        """Density and modes averaged over the middle of the face: what decides a skin's colour."""
        tinted = torch.cat([_middle(self.face_soft), _middle(self.face_fine)])[:, None] * self.tints
        return _middle(self.face_mean), torch.cat([_middle(self.face_modes), tinted])

    def reduced(self, side: int) -> AlbedoModel:
        """A copy with maps of `side` texels, the soft ones and the head's tinted ones of half as many: what training
        renders with, many times cheaper."""
        copy = object.__new__(AlbedoModel)
        nn.Module.__init__(copy)
        copy.hash, copy.uv_layout, copy.mode_names = self.hash, self.uv_layout, self.mode_names
        for name, maps in self.named_buffers():
            texels = min(side // 2 if name in ("face_soft", "head_tinted") else side, maps.shape[-1])
            kept = name == "tints" or not len(maps)
            copy.register_buffer(name, maps if kept else _resize(maps, texels), persistent=False)
        copy.face_mean, copy.head_mean = _resize(self.face_mean, side), _resize(self.head_mean, side)
        return copy

    def _split(self, albedo: Float[Tensor, "B A"]) -> list[Tensor]:
        return list(albedo.split([len(self.face_modes), len(self.face_soft), len(self.face_fine)], -1))

    def _tinted(
        self,
        soft: Float[Tensor, "B A1"],
        fine: Float[Tensor, "B A2"],
        soft_maps: Float[Tensor, "A1 Rs Rs"],
        fine_maps: Float[Tensor, "A2 Rf Rf"],
    ) -> list[Tensor]:
        """Offsets of the tinted modes, one a kind that the file holds."""
        cut = len(soft_maps)
        kinds = ((soft, soft_maps, self.tints[:cut]), (fine, fine_maps, self.tints[cut:]))
        return [_tinted_offset(c, maps, tints) for c, maps, tints in kinds if len(maps)]


def _check_counts(model: AlbedoModel, where: str) -> None:
    counts = {
        "head_modes": (len(model.head_modes), len(model.face_modes)),
        "head_tinted": (len(model.head_tinted), len(model.face_soft) + len(model.face_fine)),
        "tints": (len(model.tints), len(model.head_tinted)),
        "mode_names": (len(model.mode_names), model.size),
    }
    wrong = {name: f"{found}, expected {wanted}" for name, (found, wanted) in counts.items() if found != wanted}
    if wrong:
        raise AssetError(f"{where}: modes of the two tiles do not agree: {wrong}; {SCHEMA.how_to_get}")


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


def _full(albedo: Float[Tensor, "B A0"], modes: Float[Tensor, "A0 3 Rm Rm"]) -> Float[Tensor, "B 3 Rm Rm"]:
    return (albedo @ modes.flatten(1)).unflatten(1, modes.shape[1:])


def _tinted_offset(
    albedo: Float[Tensor, "B N"], maps: Float[Tensor, "N Rs Rs"], tints: Float[Tensor, "N 3"]
) -> Float[Tensor, "B 3 Rs Rs"]:
    coloured = albedo[:, None] * tints.T
    return (coloured @ maps.flatten(1)).unflatten(2, maps.shape[1:])


def _colour(mean: Float[Tensor, "3 R R"], offsets: list[Tensor], side: int | None) -> Float[Tensor, "B R R 3"]:
    side = side or int(mean.shape[-1])
    density = _resize(mean[None], side)
    for offset in sorted(offsets, key=lambda x: int(x.shape[-1])):
        density = density + _resize(offset, side)
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
