"""The pixels' share of a fit: the coarse face drawn over its crop, and every coefficient moved until they agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from hiface.fit.points import POSE
from hiface.fit.solve import Gaussian, Solution, View, energy
from hiface.geometry.colour import srgb_from_linear
from hiface.reconstructor import NECK_SHARE, Reconstructor
from hiface.render.renderer import Renderer
from hiface.types import Coefficients

SETTLED = 1e-3
"""Part of the objective that a step must gain to count as one."""
SIDE = 128
"""Pixels of the pictures compared: about what the network itself sees."""


@dataclass(frozen=True)
class Pixels:
    """What a fit believes of pixels."""

    sigma: float = 0.06
    """Colour differences (sRGB, 0 to 1) well above this are hair, glasses or shadow, and stop counting."""
    worth: float = 40.0
    """Independent measurements of one σ that a whole face of pixels amounts to: neighbours err together."""
    rate: float = 0.03
    """Step of Adam, in standard deviations of the priors."""
    light: float = 0.3
    """Standard deviation of each number of the light about the network's."""
    patience: int = 10
    """Steps without a lower objective after which the fit ends."""


def coefficients_of(
    model: Reconstructor, first: Coefficients, identity: Float[Tensor, "I"], rest: Float[Tensor, "N"]
) -> Coefficients:
    """`first` (a batch of one) with the shape, pose and camera of a fit, single precision."""
    identity, rest = identity.to(first.identity), rest.to(first.identity)
    expression, turn, scale, shift = rest[:-POSE], rest[-6:-3], rest[-3].exp(), rest[-2:]
    neck_and_head = torch.stack([NECK_SHARE * turn, (1 - NECK_SHARE) * turn])
    rotation = torch.cat([neck_and_head[None], model.face.gaze(expression[None])], 1)
    translation = torch.cat([shift / scale, scale.new_zeros(1)])[None]
    return replace(
        first, identity=identity[None], expression=expression[None], rotation=rotation, translation=translation,
        scale=scale[None],
    )  # fmt: skip


class FacePicture:
    """Draws the coarse skin of faces at `SIDE` pixels."""

    def __init__(self, model: Reconstructor) -> None:
        face = model.face
        self.model, self.albedo = model, model.albedo.reduced(SIDE)
        triangles = torch.from_numpy(face.part_triangles("skin")).to(model.device)
        split = len(face.part_triangles("face"))
        material = (torch.arange(len(triangles)) >= split).long().to(model.device)
        uv_triangles = torch.from_numpy(face.part_uv_triangles("skin")).to(model.device)
        uv = torch.from_numpy(face.uv).to(model.device)
        self.face_triangles = split
        self.renderer = Renderer(triangles, uv, uv_triangles, SIDE, material)

    def __call__(self, c: Coefficients) -> tuple[Float[Tensor, "B S S 3"], Float[Tensor, "B S S"]]:
        """sRGB pictures, and 1 where they show the face tile: neck and scalp lie under clothes and hair."""
        textures = (self.albedo.face(c.albedo, SIDE), self.albedo.head(c.albedo, SIDE))
        drawn = self.renderer(self.model.shape(c, "skin").posed, c.scale, c.light, textures)
        mask = (drawn.face_id >= 0) & (drawn.face_id < self.face_triangles)
        return srgb_from_linear(drawn.image.clamp(1e-4, 1)), mask.to(drawn.image)


def pixel_energy(
    drawn: Float[Tensor, "B S S 3"], photo: Float[Tensor, "B S S 3"], mask: Float[Tensor, "B S S"], pixels: Pixels
) -> Float[Tensor, ""]:
    """`worth` × mean of Geman and McClure's d² / (1 + d²), d the colour difference over σ; summed over photos."""
    square = ((drawn - photo) ** 2).sum(-1) / pixels.sigma**2
    each = (square / (1 + square) * mask).sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)
    return pixels.worth * each.sum()


def meet_pixels(
    model: Reconstructor, crops: Float[Tensor, "B S S 3"], views: list[View], prior: Gaussian, found: Solution,
    first: list[Coefficients], steps: int, pixels: Pixels, on_step: Callable[[float], None],
) -> tuple[list[Coefficients], tuple[float, ...]]:  # fmt: skip
    """Coefficients that lower points, pixels and priors together, and the lowest objective after each step.

    Adam in units of the priors' standard deviations, from where the points left the fit; what is given back is the
    best that was seen, so the objective never ends above its start. Albedo is shared like identity.
    """
    free = _Free.of(prior, views, found, first, pixels)
    picture = FacePicture(model)
    optimiser = torch.optim.Adam(free.variables, lr=pixels.rate)
    best, lowest, since = free.coefficients(model, first), float("inf"), 0
    energies: list[float] = []
    for _ in range(steps + 1):
        optimiser.zero_grad()
        identity, rest = free.shape()
        drawn_of = free.coefficients(model, first)
        drawn, mask = picture(Coefficients.cat(drawn_of))
        total = energy(views, prior, identity, rest) + pixel_energy(drawn, crops, mask, pixels) + free.colour_energy()
        value = float(total.detach())
        since = 0 if value < lowest * (1 - SETTLED) else since + 1
        if value < lowest:
            best, lowest = drawn_of, value
        energies.append(lowest)
        on_step(lowest)
        if since >= pixels.patience:
            break
        total.backward()
        optimiser.step()
    return [c.detach() for c in best], tuple(energies)


@dataclass(frozen=True)
class _Free:
    """The numbers that Adam moves, each in standard deviations from where the points left it."""

    variables: list[Tensor]
    """β; rest of each photo; α; light of each photo."""
    origin: list[Tensor]
    spread: list[Tensor]

    @classmethod
    def of(
        cls, prior: Gaussian, views: list[View], found: Solution, first: list[Coefficients], pixels: Pixels
    ) -> _Free:
        albedo = torch.stack([c.albedo[0] for c in first]).mean(0)
        lights = [c.light[0] for c in first]
        origin = [found.identity, *found.rest, albedo, *lights]
        spread = [prior.precision**-0.5, *(v.prior.precision**-0.5 for v in views), torch.full_like(albedo, 0.5)]
        spread += [torch.full_like(light, pixels.light) for light in lights]
        origin = [x.clone() for x in origin]
        return cls([torch.zeros_like(x, requires_grad=True) for x in origin], origin, spread)

    def _values(self) -> list[Tensor]:
        return [o + s * v for o, s, v in zip(self.origin, self.spread, self.variables, strict=True)]

    @property
    def count(self) -> int:
        return (len(self.variables) - 2) // 2

    def shape(self) -> tuple[Tensor, list[Tensor]]:
        """β, and the rest of each photo with its expression in 0 to 1."""
        identity, *others = self._values()
        rest = [torch.cat([x[:-POSE].clamp(0, 1), x[-POSE:]]) for x in others[: self.count]]
        return identity, rest

    def colour_energy(self) -> Float[Tensor, ""]:
        """Albedo and light stay near the network's."""
        colours: list[Tensor] = self.variables[1 + self.count :]
        return torch.stack([(v**2).sum() for v in colours]).sum()

    def coefficients(self, model: Reconstructor, first: list[Coefficients]) -> list[Coefficients]:
        identity, rest = self.shape()
        albedo, *lights = self._values()[1 + self.count :]
        return [
            replace(coefficients_of(model, c, identity, own), albedo=albedo[None], light=light[None])
            for c, own, light in zip(first, rest, lights, strict=True)
        ]
