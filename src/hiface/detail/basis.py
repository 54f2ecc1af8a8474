"""The detail bases (Eqs. 4, 5): maps as a mean plus modes, of static, compressed and stretched skin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from hiface.assets.format import Array, Asset, Schema, dequantise, quantise, read_asset, write_asset
from hiface.assets.store import locate
from hiface.errors import AssetError, ConfigError
from hiface.face.asset import OUR_LAYOUT

NAMES = ("static", "compressed", "stretched")
HOW_TO_GET = "build it with `hiface build detail-bases FOLDER --out FILE`"
SCHEMA = Schema(
    kind="detail_basis",
    version=1,
    required={
        "mask": 2,
        **{f"{name}_mean": 1 for name in NAMES},
        **{f"{name}_modes": 2 for name in NAMES},
        **{f"{name}_scale": 1 for name in NAMES},
    },
    optional={
        "capture_age": 1,
        **{f"capture_{name}": 2 for name in NAMES},
        "squeeze_direction": 2,
    },
    how_to_get=HOW_TO_GET,
)
"""Fields of the asset. `mask` uint8 (R, R): where detail lives. For each of `NAMES`, at the P texels of the
mask in row-major order: `_mean` float32 (P,) mm; `_modes` int8 or int16 (modes, P) and `_scale` float32
(modes,), so that `modes * scale` is mm per standard deviation. Optional: `capture_age` (n,) years and
`capture_<name>` (n, modes), the coefficients of the captures that the basis was made from, of the same n
people (hiface.detail.people draws from them); `squeeze_direction` (V, 3), the unit direction in which skin
is squeezed at a vertex (oriented tension)."""


class DetailBasis(nn.Module):
    """Displacement maps from coefficients: `mean + modes · coefficients` inside the mask, 0 mm outside.

    Buffers only; every size is read from the asset. Maps are (B, R, R), millimetres, row 0 is v = 1.
    """

    mask: Bool[Tensor, "R R"]
    texels: Int[Tensor, "P"]
    place: Int[Tensor, "RR"]

    def __init__(
        self,
        mask: Bool[Tensor, "R R"],
        means: Mapping[str, Float[Tensor, "P"]],
        modes: Mapping[str, Float[Tensor, "n P"]],
    ) -> None:
        """`means` and `modes` by the `NAMES`, at the texels of `mask` in row-major order, mm."""
        super().__init__()
        texels = mask.reshape(-1).nonzero()[:, 0]
        self.side = int(mask.shape[0])
        self.hash, self.uv_layout = "", OUR_LAYOUT
        self.squeeze_direction: Float[Tensor, "V 3"] | None = None
        """Unit direction in which skin is squeezed at the vertices, where the asset holds one."""
        self.register_buffer("mask", mask, persistent=False)
        self.register_buffer("texels", texels, persistent=False)
        place = torch.full((mask.numel(),), len(texels), device=mask.device)
        place[texels] = torch.arange(len(texels), device=mask.device)
        self.register_buffer("place", place, persistent=False)
        for name in NAMES:
            if means[name].shape != (len(texels),) or modes[name].shape[1:] != (len(texels),):
                raise AssetError(
                    f"detail basis: {name} mean {tuple(means[name].shape)}, modes {tuple(modes[name].shape)}"
                    f" do not fit the mask's {len(texels)} texels; {HOW_TO_GET}"
                )
            self.register_buffer(f"{name}_mean", means[name], persistent=False)
            self.register_buffer(f"{name}_modes", modes[name], persistent=False)

    @classmethod
    def load(cls, name_or_path: str | Path = "detail_basis.safetensors") -> DetailBasis:
        """The basis in a shipped or a user's asset; raises `AssetError` for a file that is not one."""
        return cls.from_asset(read_basis(name_or_path))

    @classmethod
    def from_asset(cls, asset: Asset) -> DetailBasis:
        tensors = asset.tensors
        for name in NAMES:
            _check_counts(asset, name)
        basis = cls.from_arrays(
            tensors["mask"] > 0,
            {n: tensors[f"{n}_mean"] for n in NAMES},
            {n: dequantise(tensors[f"{n}_modes"], tensors[f"{n}_scale"]) for n in NAMES},
        )
        basis.hash, basis.uv_layout = asset.hash, asset.meta.get("uv_layout", OUR_LAYOUT)
        if "squeeze_direction" in tensors:
            basis.squeeze_direction = torch.from_numpy(tensors["squeeze_direction"].astype(np.float32))
        return basis

    @classmethod
    def from_arrays(cls, mask: Array, means: Mapping[str, Array], modes: Mapping[str, Array]) -> DetailBasis:
        """A basis of NumPy arrays: mask (R, R), and by the `NAMES` mean (P,) and modes (n, P), mm."""
        floats = {n: torch.from_numpy(np.array(means[n], np.float32)) for n in NAMES}
        return cls(
            torch.from_numpy(np.asarray(mask, bool)),
            floats,
            {n: torch.from_numpy(np.array(modes[n], np.float32)) for n in NAMES},
        )

    @property
    def sizes(self) -> dict[str, int]:
        """Number of modes by name."""
        return {name: len(self._arrays(name)[1]) for name in NAMES}

    def static(self, coefficients: Float[Tensor, "B K"]) -> Float[Tensor, "B R R"]:
        """D_sta of φ (Eq. 4), mm; φ in standard deviations."""
        return self._map("static", coefficients)

    def compressed(self, coefficients: Float[Tensor, "B C"]) -> Float[Tensor, "B R R"]:
        """D_com of φ_com (Eq. 5), mm: what full contraction adds to the static map."""
        return self._map("compressed", coefficients)

    def stretched(self, coefficients: Float[Tensor, "B C"]) -> Float[Tensor, "B R R"]:
        """D_str of φ_str (Eq. 5), mm: what full extension adds to the static map."""
        return self._map("stretched", coefficients)

    def project(self, name: str, maps: Float[Tensor, "B R R"], ridge: float = 1.0) -> Float[Tensor, "B n"]:
        """Coefficients whose map is nearest to `maps` under the prior, with `ridge` mm² of noise over all
        texels."""
        mean, modes = self._arrays(name)
        rest = maps.flatten(1)[:, self.texels] - mean
        normal = modes @ modes.T + ridge * torch.eye(len(modes), dtype=modes.dtype, device=modes.device)
        solution: Tensor = torch.linalg.solve(normal, modes @ rest.T)
        return solution.T

    def _arrays(self, name: str) -> tuple[Float[Tensor, "P"], Float[Tensor, "n P"]]:
        return self.get_buffer(f"{name}_mean"), self.get_buffer(f"{name}_modes")

    def _map(self, name: str, coefficients: Float[Tensor, "B n"]) -> Float[Tensor, "B R R"]:
        mean, modes = self._arrays(name)
        if coefficients.ndim != 2 or coefficients.shape[1] != len(modes):
            raise ConfigError(
                f"{name} detail takes coefficients (B, {len(modes)}), got {tuple(coefficients.shape)}; "
                "the network or the file was made for another detail basis"
            )
        values = torch.addmm(mean, coefficients, modes)
        flat: Tensor = _Spread.apply(values, self.texels, self.place)
        return flat.reshape(-1, self.side, self.side)


class _Spread(torch.autograd.Function):
    """Texels of the mask to the whole map, 0 elsewhere: `index_copy`, as a gather both ways (7 times as
    quick)."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, texels: Tensor, place: Tensor) -> Tensor:
        ctx.save_for_backward(texels)
        return torch.cat([values, values.new_zeros(len(values), 1)], dim=1).index_select(1, place)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (texels,) = ctx.saved_tensors
        return gradient.index_select(1, texels), None, None


def read_basis(name_or_path: str | Path = "detail_basis.safetensors") -> Asset:
    """The checked asset behind a name or path, with the captures' coefficients where it holds them."""
    return read_asset(locate(name_or_path), SCHEMA)


def write_basis(
    path: str | Path,
    mask: Array,
    means: Mapping[str, Array],
    modes: Mapping[str, Array],
    meta: Mapping[str, Any],
    extra: Mapping[str, Array] | None = None,
    bits: int = 8,
) -> str:
    """Write a basis as an asset, modes quantised to `bits` (8 or 16); returns its content hash."""
    tensors: dict[str, Array] = {"mask": np.asarray(mask, np.uint8), **(extra or {})}
    for name in NAMES:
        tensors[f"{name}_mean"] = np.asarray(means[name], np.float32)
        tensors[f"{name}_modes"], tensors[f"{name}_scale"] = quantise(np.asarray(modes[name]), bits)
    return write_asset(path, SCHEMA, tensors, meta)


def _check_counts(asset: Asset, name: str) -> None:
    modes, scale = asset.tensors[f"{name}_modes"], asset.tensors[f"{name}_scale"]
    side = asset.tensors["mask"].shape
    if side[0] != side[1] or len(modes) != len(scale):
        raise AssetError(
            f"{asset.path}: mask {side} must be square and {name} needs a scale for each of {len(modes)} "
            f"modes, found {len(scale)}; {HOW_TO_GET}"
        )
