"""The values that travel between the stages, with their shapes, units and frames.

The legend of every shape in the package:

    B  batch of faces             V  vertices            F  polygons (quads, -1 pads a triangle)
    T  triangles                  J  joints (4)          I/E/A/K  modes of identity, expression, albedo, static detail
    C  modes of compressed or stretched detail           R  side of a UV map, texels
    S  side of a crop, pixels     L  landmarks

Frames (docs/conventions.md): lengths in millimetres; +x is the subject's left, +y up, +z out of the face.
Pixel (0, 0) is the top-left one and its centre lies at (0.5, 0.5). UV has v up. Albedo and light are linear.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

JOINTS = ("neck", "head", "left_eye", "right_eye")

_T = TypeVar("_T", bound="Batched")


class Batched:
    """Indexing, moving and joining of dataclasses whose fields are tensors with a leading batch dimension."""

    def __len__(self) -> int:
        return int(getattr(self, fields(self)[0].name).shape[0])  # type: ignore[arg-type]

    def _map(self: _T, function) -> _T:  # type: ignore[no-untyped-def]
        changed = {f.name: function(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]
        return replace(self, **{k: v for k, v in changed.items() if v is not None})  # type: ignore[type-var]

    def __getitem__(self: _T, index: slice | int | Tensor) -> _T:
        """The chosen faces; an integer keeps the batch dimension (length 1)."""
        if isinstance(index, int):
            index = slice(index, index + 1 or None)
        return self._map(lambda x: x[index])

    def to(self: _T, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> _T:
        return self._map(lambda x: x.to(device=device, dtype=dtype))

    def detach(self: _T) -> _T:
        return self._map(lambda x: x.detach())

    @classmethod
    def cat(cls: type[_T], parts: list[_T]) -> _T:
        names = [f.name for f in fields(cls)]  # type: ignore[arg-type]
        return cls(**{n: torch.cat([getattr(p, n) for p in parts]) for n in names})


@dataclass(frozen=True)
class Coefficients(Batched):
    """Everything that the network says about a face; all else follows from it and the assets."""

    identity: Float[Tensor, "B I"]
    """β, standard deviations."""
    expression: Float[Tensor, "B E"]
    """ξ, weights 0 to 1; the first 52 in the order of `FaceModel.expression_names`."""
    albedo: Float[Tensor, "B A"]
    """α, standard deviations."""
    static: Float[Tensor, "B K"]
    """φ, static detail, standard deviations."""
    rotation: Float[Tensor, "B 4 3"]
    """θ, local axis-angle of neck, head, left eye, right eye, radians."""
    translation: Float[Tensor, "B 3"]
    """t, of the root, millimetres. Depth (z) is not seen by an orthographic camera and is zero."""
    scale: Float[Tensor, "B"]
    """Orthographic camera: crop sides per millimetre."""
    light: Float[Tensor, "B 9 3"]
    """γ, second-order spherical harmonics per colour channel, linear."""


@dataclass(frozen=True)
class Shape(Batched):
    """Vertices of one part of the face model ("skin" or "all"), millimetres."""

    neutral: Float[Tensor, "B V 3"]
    """S_neu = S̄ + B_id β: no expression, no pose."""
    expressive: Float[Tensor, "B V 3"]
    """S = S_neu + B_exp ξ: before skinning."""
    posed: Float[Tensor, "B V 3"]
    """S_p of Eq. 2: skinned and translated; +x right in the picture, +y up, +z towards the camera."""


@dataclass(frozen=True)
class Detail(Batched):
    """Displacement along the normal, millimetres, positive outwards, in the face UV tile (row 0 is v = 1)."""

    static: Float[Tensor, "B R R"]
    """D_sta (Eq. 4)."""
    compressed: Float[Tensor, "B R R"]
    """D_com (Eq. 5): what full contraction adds."""
    stretched: Float[Tensor, "B R R"]
    """D_str (Eq. 5): what full extension adds."""
    tension: Float[Tensor, "B R R"]
    """M (Eq. 8), scaled so that a polarised expression weighs about 1; positive where compressed."""
    dynamic: Float[Tensor, "B R R"]
    """D_dyn = M⁺ D_com + M⁻ D_str (Eq. 9); in row SD-1 of the ablation what a decoder draws instead, and D_com and
    D_str are zero."""
    displacement: Float[Tensor, "B R R"]
    """D = D_sta + D_dyn (Eq. 7)."""


@dataclass(frozen=True)
class DecodedMaps:
    """Maps that a decoder drew in place of the bases' (rows SD-1 to SD-3 of the ablation), mm; None: the bases'."""

    static: Float[Tensor, "B R R"] | None = None
    compressed: Float[Tensor, "B R R"] | None = None
    stretched: Float[Tensor, "B R R"] | None = None
    dynamic: Float[Tensor, "B R R"] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The maps that were decoded."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) is not None)

    def __getitem__(self, rows: slice | Tensor) -> DecodedMaps:
        """The chosen faces."""
        return DecodedMaps(**{name: getattr(self, name)[rows] for name in self.names})


@dataclass(frozen=True)
class Points(Batched):
    """Landmarks that the network vouches for, in crop pixels."""

    xy: Float[Tensor, "B L 2"]
    """Projected landmarks of the mesh, crop pixels, y down."""
    log_sigma: Float[Tensor, "B L"]
    """Natural logarithm of the standard deviation that the network expects, in crop sides."""
