"""A face model as it came, in millimetres and our axes, before anything is carried over to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int

from hiface.errors import AssetError
from hiface.geometry.topology import triangulate

SKIN = "skin"
EYES = ("eyeball_left", "eyeball_right")
UNIT_RANGE, SIGNED_RANGE = (0.0, 1.0), (-3.0, 3.0)
"""What the weight of a named unit and the coefficient of an expression mode may be."""


def ranges(both: tuple[float, float], count: int) -> Float[np.ndarray, "E 2"]:
    """The same least and greatest coefficient for `count` expressions."""
    return np.tile(np.array(both, np.float32), (count, 1))


@dataclass(frozen=True)
class Units:
    """Expressions: named units with weights 0 to 1, or modes in standard deviations."""

    names: tuple[str, ...]
    offsets: Float[np.ndarray, "E V 3"]
    """mm at weight 1."""
    ranges: Float[np.ndarray, "E 2"]

    @classmethod
    def modes(cls, prefix: str, offsets: Float[np.ndarray, "E V 3"]) -> Units:
        """Modes without names of their own, in standard deviations."""
        names = tuple(f"{prefix}{k:03d}" for k in range(len(offsets)))
        return cls(names, offsets, ranges(SIGNED_RANGE, len(offsets)))

    @classmethod
    def named(cls, offsets: dict[str, Float[np.ndarray, "V 3"]], count: int) -> Units:
        """Units with weights 0 to 1; `count` vertices."""
        stacked = np.stack(list(offsets.values())) if offsets else np.zeros((0, count, 3))
        return cls(tuple(offsets), stacked, ranges(UNIT_RANGE, len(offsets)))

    def joined(self, other: Units) -> Units:
        """These, then those."""
        return Units(
            self.names + other.names,
            np.concatenate([self.offsets, other.offsets]),
            np.concatenate([self.ranges, other.ranges]),
        )

    def take(self, chosen: np.ndarray) -> Units:
        return Units(tuple(self.names[k] for k in chosen), self.offsets[chosen], self.ranges[chosen])


@dataclass(frozen=True)
class KnownPoints:
    """Landmarks that somebody placed on the source: which of a numbering, and where as weights on vertices."""

    numbering: str
    """"ibug68" or "mediapipe478"."""
    number: Int[np.ndarray, "L"]
    index: Int[np.ndarray, "L N"]
    weight: Float[np.ndarray, "L N"]

    def places(self, vertices: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "L 3"]:
        return np.asarray(np.einsum("lnx,ln->lx", vertices[self.index], self.weight))


@dataclass(frozen=True)
class SourceModel:
    """A morphable model: mm, +x the subject's left, +y up, +z out of the face; its own vertex order."""

    kind: str
    mean: Float[np.ndarray, "V 3"]
    polygons: Int[np.ndarray, "F 4"]
    """-1 in a triangle's fourth place."""
    identity: Float[np.ndarray, "I V 3"]
    """mm per standard deviation."""
    units: Units
    licence: str
    part_of_polygon: np.ndarray
    """"skin", "eyeball_left", "eyeball_right" or another part's name for each polygon."""
    uv: Float[np.ndarray, "Vt 2"] | None = None
    uv_polygons: Int[np.ndarray, "F 4"] | None = None
    joint_rows: Float[np.ndarray, "4 V"] | None = None
    """Joint = row · vertices, for neck, head, left and right eye; None where the source has no joints."""
    skin_weights: Float[np.ndarray, "V 4"] | None = None
    points: tuple[KnownPoints, ...] = ()
    source_triangles: Int[np.ndarray, "T 3"] | None = None
    """As the source counts and winds them: what embedding files refer to; None: `polygons`, split."""
    notes: tuple[str, ...] = field(default=())
    """What was done beyond units and axes, for the file's metadata."""

    def __post_init__(self) -> None:
        count = len(self.mean)
        for name, array in (("mean", self.mean), ("identity", self.identity), ("expressions", self.units.offsets)):
            if array.shape[-2:] != (count, 3) or not np.isfinite(array).all():
                raise AssetError(
                    f"{self.kind}: {name} has shape {array.shape} for {count} vertices, or holds values that are not"
                    " finite; the source file is damaged or belongs to another version"
                )

    def with_points(self, *points: KnownPoints) -> SourceModel:
        return replace(self, points=self.points + points)

    def embedding_triangles(self) -> Int[np.ndarray, "T 3"]:
        return triangulate(self.polygons) if self.source_triangles is None else self.source_triangles

    def part_triangles(self, *parts: str) -> Int[np.ndarray, "T 3"]:
        """Triangles of named parts, in the source's own vertex numbers."""
        return triangulate(self.polygons[np.isin(self.part_of_polygon, parts)])


def triangles_as_polygons(triangles: Int[np.ndarray, "T 3"]) -> Int[np.ndarray, "T 4"]:
    return np.pad(np.asarray(triangles, np.int64), ((0, 0), (0, 1)), constant_values=-1)


def facing_out(polygons: Int[np.ndarray, "F 4"], mean: Float[np.ndarray, "V 3"]) -> Int[np.ndarray, "F 4"]:
    """Polygons turned so that normals point out of the head: of the foremost quarter most must look forwards.

    Raises `AssetError` for polygons that name no vertex.
    """
    if polygons.max() >= len(mean) or polygons[:, :3].min() < 0:
        raise AssetError(
            f"polygons name vertices {polygons[:, :3].min()} to {polygons.max()} of {len(mean)}; faces and shapes come"
            " from different files"
        )
    a, b, c = (mean[polygons[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    depth = (a + b + c)[:, 2]
    front = depth > np.quantile(depth, 0.75)
    if normals[front, 2].sum() >= 0:
        return polygons
    flipped = polygons[:, [0, 3, 2, 1]].copy()
    triangles = polygons[:, 3] < 0
    flipped[triangles] = polygons[triangles][:, [0, 2, 1, 3]]
    return flipped
