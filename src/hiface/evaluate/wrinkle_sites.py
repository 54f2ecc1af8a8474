"""Where wrinkles are measured and how: sites of the face, and the part of a displacement map that is lines.

A site is an ellipse in the front view of the mean face: x and y in millimetres, outer eye corners near (±45, 34), tip
of the nose near (0, 4). Lines are what lies between two Gaussian blurs that pass half of a wave of 3 mm and of 15 mm:
finer is noise of the texels, slower is shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float

from hiface.detail.basis import DetailBasis
from hiface.errors import ConfigError
from hiface.face.model import FaceModel

BAND_MM = (3.0, 15.0)
_HALF = np.sqrt(2 * np.log(2)) / (2 * np.pi)
"""σ of the Gaussian that passes half of a wave of length 1."""


@dataclass(frozen=True)
class Ellipse:
    """In the front view of the mean face, mm."""

    x: float
    y: float
    half_width: float
    half_height: float
    paired: bool
    """Whether there is one on the other side too."""

    def inside(self, place: Float[np.ndarray, "*R 3"]) -> Bool[np.ndarray, "*R"]:
        x = np.abs(place[..., 0]) if self.paired else place[..., 0]
        far = ((x - self.x) / self.half_width) ** 2 + ((place[..., 1] - self.y) / self.half_height) ** 2
        return np.asarray(far < 1)


SITES: Mapping[str, tuple[Ellipse, ...]] = {
    "forehead": (Ellipse(0, 86, 42, 17, False),),
    "eyes": (Ellipse(54, 32, 9, 13, True), Ellipse(30, 22, 14, 6, True)),
    "nasolabial": (Ellipse(28, -20, 9, 18, True),),
    "glabella": (Ellipse(0, 57, 11, 13, False),),
}
"""Eyes: crow's feet and lower lid."""
AGEING = ("forehead", "eyes", "nasolabial")
"""Sites whose depth at rest should rise with age."""


class WrinkleSites:
    """Depth of lines at the `SITES` of maps (N, R, R) of one face model and detail basis, mm."""

    def __init__(self, face: FaceModel, basis: DetailBasis) -> None:
        atlas = face.atlas(basis.side)
        place = atlas.bake(face.mean[None].cpu()[:, : int(atlas.triangles.max()) + 1])[0].numpy()
        self.mask: Bool[np.ndarray, "R R"] = basis.mask.cpu().numpy() & atlas.mask.numpy()
        self.sites = {name: self._texels(name, ellipses, place) for name, ellipses in SITES.items()}
        along = [_step(place, self.mask, axis) for axis in (1, 0)]
        self._sigmas = [tuple(_HALF * mm / step for step in along) for mm in BAND_MM]
        self._shares = [np.maximum(_blurred(self.mask.astype(np.float32), s), 1e-3) for s in self._sigmas]

    def _texels(
        self, name: str, ellipses: tuple[Ellipse, ...], place: Float[np.ndarray, "R R 3"]
    ) -> Bool[np.ndarray, "R R"]:
        front = place[..., 2] > np.median(place[self.mask][:, 2]) - 60  # not the back of a neck or ear
        inside = np.any([e.inside(place) for e in ellipses], axis=0) & self.mask & front
        if not inside.any():
            raise ConfigError(
                f"the detail basis has no texel at the {name}; sites are written for heads in millimetres"
            )
        return np.asarray(inside)

    def lines(self, maps: Float[np.ndarray, "N R R"]) -> Float[np.ndarray, "N R R"]:
        """Of each map what is between 3 and 15 mm long; 0 outside the mask."""
        found = np.zeros(maps.shape, np.float32)
        for k, heights in enumerate(maps):
            inside = np.where(self.mask, heights, 0).astype(np.float32)
            fine, slow = (_blurred(inside, s) / w for s, w in zip(self._sigmas, self._shares, strict=True))
            found[k] = np.where(self.mask, fine - slow, 0)
        return found

    def relief(self, lines: Float[np.ndarray, "N R R"]) -> dict[str, Float[np.ndarray, "N"]]:
        """99th less 1st percentile of maps of `lines` in each site, mm: what its main lines are deep, shoulders
        included."""
        return {name: np.ptp(np.percentile(lines[:, at], (1, 99), axis=1), axis=0) for name, at in self.sites.items()}

    def roughness(self, lines: Float[np.ndarray, "N R R"]) -> dict[str, Float[np.ndarray, "N"]]:
        """Root mean square of maps of `lines` in each site, mm."""
        return {name: np.sqrt((lines[:, at] ** 2).mean(1)) for name, at in self.sites.items()}


def _step(place: Float[np.ndarray, "R R 3"], mask: Bool[np.ndarray, "R R"], axis: int) -> float:
    """Millimetres from a texel to the next along an axis, median over the mask."""
    both = mask[:, 1:] & mask[:, :-1] if axis == 1 else mask[1:] & mask[:-1]
    return float(np.median(np.linalg.norm(np.diff(place, axis=axis), axis=-1)[both]))


def _blurred(image: Float[np.ndarray, "R R"], sigma: tuple[float, ...]) -> Float[np.ndarray, "R R"]:
    across, down = sigma
    return np.asarray(cv2.GaussianBlur(image, (0, 0), across, sigmaY=down, borderType=cv2.BORDER_CONSTANT))
