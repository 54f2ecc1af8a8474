"""Both ways between our skin and another model's: where each of their vertices lies on ours, and of ours on theirs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from hiface.convert.nearest import Found, Surface, vertex_normals
from hiface.convert.ours import Ours
from hiface.convert.register import THOROUGH, Registration, Schedule, register
from hiface.convert.source import SKIN, SourceModel

REGION_MM = 8.0
"""A vertex farther than this from our skin belongs to none of our regions."""


@dataclass(frozen=True)
class Correspondence:
    """A registration and what it says of every vertex of the other skin."""

    ours: Ours
    source: SourceModel
    registration: Registration
    on_ours: Found
    """For each vertex of `skin` the closest point of our registered skin, in our vertices."""
    skin: Int[np.ndarray, "N"]
    """The source's vertices that its skin uses."""
    theirs: Surface
    """The source's skin, in the source's vertices."""
    normals: Float[np.ndarray, "V 3"]
    """Of the source's skin, at its vertices; zero elsewhere."""

    @classmethod
    def find(cls, ours: Ours, source: SourceModel, schedule: Schedule = THOROUGH) -> Correspondence:
        """Registers and looks up. Raises `AssetError` where the faces do not come together."""
        registration = register(ours, source, schedule)
        triangles = source.part_triangles(SKIN)
        normals = vertex_normals(source.mean, triangles)
        skin = np.unique(triangles)
        own = Surface(registration.skin, ours.triangles)
        on_ours = own.query(source.mean[skin], normals[skin])
        return cls(ours, source, registration, on_ours, skin, Surface(source.mean, triangles), normals)

    def embed(
        self, points: Float[np.ndarray, "L 3"], normals: Float[np.ndarray, "L 3"]
    ) -> tuple[Int[np.ndarray, "L 3"], Float[np.ndarray, "L 3"]]:
        """Points near the source's skin as weights on its vertices."""
        found = self.theirs.query(points, normals)
        return found.corners, found.weights

    def our_normals(self) -> Float[np.ndarray, "N 3"]:
        """Of our registered skin."""
        return vertex_normals(self.registration.skin, self.ours.triangles)

    def carried(self, values: Float[np.ndarray, "N *C"], elsewhere: float = 0.0) -> Float[np.ndarray, "V *C"]:
        """Values on our skin at the source's vertices; `elsewhere` at those that are not skin."""
        result = np.full((len(self.source.mean), *values.shape[1:]), elsewhere)
        result[self.skin] = self.on_ours.of(values)
        return result

    def region(self, name: str) -> Bool[np.ndarray, "V"]:
        """A region of ours on the source."""
        if name == SKIN:
            return self._marked(np.ones(len(self.skin), bool))
        mask = self.ours.face.region(name)[: self.ours.skin_count].astype(np.float64)
        return self._marked((self.on_ours.of(mask) > 0.5) & (self.on_ours.distance < REGION_MM))

    def _marked(self, chosen: Bool[np.ndarray, "N"]) -> Bool[np.ndarray, "V"]:
        result = np.zeros(len(self.source.mean), bool)
        result[self.skin] = chosen
        return result

    def mid_plane(self) -> float:
        """x of the plane between left and right: where our registered pairs meet."""
        partner = self.ours.face.symmetry
        skin = self.registration.skin
        if partner is None:
            return float(skin[:, 0].mean())
        pairs = partner[: self.ours.skin_count]
        usable = self.ours.narrow & (pairs < self.ours.skin_count)
        return float(((skin[:, 0] + skin[np.minimum(pairs, len(skin) - 1), 0]) / 2)[usable].mean())
