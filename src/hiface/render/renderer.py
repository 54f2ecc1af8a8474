"""A posed mesh, its textures and its light to a picture: the operators of this package put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int, Int32
from torch import Tensor

from hiface.errors import MeshError
from hiface.geometry.camera import project
from hiface.render.backends import Backend
from hiface.render.interpolate import interpolate
from hiface.render.lighting import shade
from hiface.render.normals import pixel_normals, vertex_normals
from hiface.render.rasterise import Raster, rasterise
from hiface.render.silhouettes import edge_gradient
from hiface.render.texture import sample_texture

EDGE_TOLERANCE = 0.05
"""Steps in depth below this part of a pixel's width are no outlines (see `edge_gradient`)."""


@dataclass(frozen=True)
class Rendering:
    """A picture of S x S pixels and what it shows. Pixels that see nothing are zero unless said otherwise."""

    image: Float[Tensor, "B S S 3"]
    """Linear colour on black. Carries the gradient of outlines."""
    alpha: Float[Tensor, "B S S"]
    """1 where the mesh is seen. Carries the gradient of outlines."""
    face_id: Int32[Tensor, "B S S"]
    """Index of the triangle; -1 where there is none."""
    depth: Float[Tensor, "B S S"]
    """-Z in mm, larger is farther, +inf where there is nothing. No gradient."""
    normals: Float[Tensor, "B S S 3"]
    """Unit normals that were lit: +x right, +y up, +z towards the camera; relief included."""
    uv: Float[Tensor, "B S S 2"]
    """Position in the UV tile of the triangle's material, 0 to 1, v up."""

    def over(self, background: Float[Tensor, "B S S 3"] | float) -> Float[Tensor, "B S S 3"]:
        """The picture in front of a background in linear colour; its outlines keep their gradient."""
        return self.image + (1 - self.alpha[..., None]) * background


@dataclass(frozen=True)
class Renderer:
    """Renders one topology, whose constant parts it holds; everything that changes comes with the call.

    Differentiable in vertices, scale, textures, colours, slopes and light, outlines included.
    """

    triangles: Int[Tensor, "T 3"]
    uv: Float[Tensor, "N 2"]
    """UV of each corner, v up; every triangle within one unit tile, wherever that lies."""
    uv_triangles: Int[Tensor, "_ 3"]
    """Rows of `uv` at the corners of `triangles`, one for each."""
    side: int
    """S, pixels."""
    material: Int[Tensor, "_"] | None = None
    """Which texture each triangle takes; None: all the first. -1: vertex colours."""
    backend: Backend = "auto"

    def __post_init__(self) -> None:
        if len(self.uv_triangles) != len(self.triangles):
            raise MeshError(f"expected {len(self.triangles)} UV triangles, got {len(self.uv_triangles)}")
        if self.material is not None and len(self.material) != len(self.triangles):
            raise MeshError(f"expected {len(self.triangles)} materials, one a triangle, got {len(self.material)}")

    def to(self, device: torch.device | str) -> Renderer:
        """The same on another device."""
        material = None if self.material is None else self.material.to(device)
        moved = (x.to(device) for x in (self.triangles, self.uv, self.uv_triangles))
        triangles, uv, uv_triangles = moved
        return replace(self, triangles=triangles, uv=uv, uv_triangles=uv_triangles, material=material)

    def __call__(
        self,
        vertices: Float[Tensor, "B V 3"],
        scale: Float[Tensor, "B"],
        light: Float[Tensor, "B 9 3"],
        textures: Sequence[Float[Tensor, "_ R R 3"]] = (),
        colours: Float[Tensor, "B V 3"] | None = None,
        slopes: Float[Tensor, "B Rs Rs 2"] | None = None,
    ) -> Rendering:
        """The picture under an orthographic camera and diffuse light (Eq. 3).

        vertices: posed, mm, +x right, +y up, +z towards the camera, the optical axis through the origin.
        scale: crop sides per mm. light: γ in the same frame. textures: linear albedo of materials 0, 1,
        ..., each with a batch of B or 1. colours: linear albedo at vertices, for triangles without a
        texture. slopes: ∂D/∂u, ∂D/∂v of the displacement over the tile of material 0, mm per unit
        (`detail.slopes`): relief in the shading, while the outline stays that of the mesh.

        Raises `MeshError` when a triangle has neither a texture nor colours.
        """
        screen = project(vertices, scale, float(self.side))
        raster = rasterise(screen, self.triangles, self.side, self.side, backend=self.backend)
        seen = raster.face_id >= 0
        uv = self._at_pixels(raster, screen, self.tile_uv.to(screen.dtype)[None], self.uv_triangles)
        normals = self._normals(vertices, screen, raster, uv, slopes)
        albedo = self._albedo(screen, raster, uv, textures, colours)
        lit = torch.cat([shade(albedo, normals, light, seen, self.backend), seen[..., None].to(albedo.dtype)], -1)
        tolerance = EDGE_TOLERANCE / (scale.detach() * self.side)
        lit = edge_gradient(lit, raster, screen, None, self.triangles, tolerance, self.backend)
        return Rendering(lit[..., :3], lit[..., 3], raster.face_id, raster.depth, normals, uv)

    @cached_property
    def tile_uv(self) -> Float[Tensor, "N 2"]:
        """`uv` moved into the unit tile."""
        tiles = self.uv[self.uv_triangles].mean(1).floor()
        moved = self.uv.clone()
        for corner in range(3):
            rows = self.uv_triangles[:, corner]
            moved[rows] = self.uv[rows] - tiles
        return moved

    @cached_property
    def materials(self) -> tuple[int, ...]:
        """Every material in use, in order."""
        return (0,) if self.material is None else tuple(self.material.unique().tolist())

    def _at_pixels(self, raster: Raster, screen: Tensor, values: Tensor, rows: Tensor | None = None) -> Tensor:
        return interpolate(raster, screen, None, self.triangles, values, rows, self.backend)

    def _material_mask(self, raster: Raster, material: int) -> Bool[Tensor, "B S S"]:
        """Pixels that see a triangle of this material."""
        seen = raster.face_id >= 0
        if self.material is None:
            return seen if material == 0 else torch.zeros_like(seen)
        return seen & (self.material[raster.face_id.clamp_min(0).long()] == material)

    def _normals(
        self, vertices: Tensor, screen: Tensor, raster: Raster, uv: Tensor, slopes: Tensor | None
    ) -> Float[Tensor, "B S S 3"]:
        smooth = self._at_pixels(raster, screen, vertex_normals(vertices, self.triangles, self.backend))
        mesh = vertices, self.triangles, self.uv.to(vertices.dtype), self.uv_triangles
        at_pixels = None
        if slopes is not None:
            at_pixels = sample_texture(slopes, uv, self._material_mask(raster, 0), self.backend)
        return pixel_normals(raster.face_id, smooth, at_pixels, *mesh, self.backend)

    def _albedo(
        self,
        screen: Tensor,
        raster: Raster,
        uv: Tensor,
        textures: Sequence[Tensor],
        colours: Tensor | None,
    ) -> Float[Tensor, "B S S 3"]:
        rest = raster.face_id >= 0
        albedo = screen.new_zeros(*rest.shape, 3)
        for m in self._textured(len(textures), colours is not None):
            mask = self._material_mask(raster, m)
            albedo = albedo + sample_texture(textures[m], uv, mask, self.backend)
            rest = rest & ~mask
        if colours is None:
            return albedo
        return albedo + self._at_pixels(raster, screen, colours) * rest[..., None]

    def _textured(self, count: int, others_have_colours: bool) -> list[int]:
        """The materials in use that the first `count` textures serve."""
        without = [m for m in self.materials if not 0 <= m < count]
        if without and not others_have_colours:
            raise MeshError(f"materials {without} have no texture ({count} given): give them or vertex colours")
        return [m for m in self.materials if 0 <= m < count]
