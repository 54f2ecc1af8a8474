"""The morphable face model: Eq. 1 (shape), Eq. 2 (pose), its parts, regions and landmarks, read from one asset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from hiface.assets.format import Asset, read_asset, unknown_name
from hiface.assets.store import locate
from hiface.errors import AssetError
from hiface.face.asset import LANDMARK_SETS, META, OUR_LAYOUT, SCHEMA, expression_modes, identity_modes
from hiface.face.check import check_arrays
from hiface.face.people import PeopleShapes
from hiface.geometry.skinning import points_on, skin
from hiface.geometry.topology import triangulate
from hiface.geometry.uv import UVAtlas
from hiface.types import Shape

Part = Literal["skin", "all"]


@dataclass(frozen=True)
class PartRange:
    """Where a part lies in the vertex and polygon lists: half-open ranges."""

    vertices: tuple[int, int]
    polygons: tuple[int, int]


@dataclass(frozen=True)
class Corrective:
    """A unit whose weight follows from others'."""

    unit: int
    of: tuple[int, ...]
    between: bool
    """Whether it belongs to the middle of one unit's way rather than to units together."""
    share: float


class FaceModel(nn.Module):
    """A parametric head whose every size comes from its file.

    The skin (face, head, neck) comes first in vertices and polygons, so `part="skin"` is a prefix of `"all"`:
    the network, the detail and the landmarks need no more. Buffers follow `.to(device)`.
    """

    mean: Float[Tensor, "V 3"]
    identity_basis: Float[Tensor, "I V 3"]
    expression_basis: Float[Tensor, "E V 3"]
    skin_weights: Float[Tensor, "V J"]
    joint_mean: Float[Tensor, "J 3"]
    joint_identity: Float[Tensor, "I J 3"]
    expression_range: Float[Tensor, "E 2"]
    """Least and greatest coefficient: 0 and 1 of a unit's weight, standard deviations of a mode."""
    triangles: Int[Tensor, "T 3"]
    gaze_map: Float[Tensor, "E 2 3"]

    def __init__(self, asset: Asset) -> None:
        super().__init__()
        self.hash = asset.hash
        self.path = asset.path
        self._read_meta(asset)
        check_arrays(asset)
        self._read_arrays(asset)

    @classmethod
    def load(cls, name_or_path: str | Path = "face_model.safetensors") -> FaceModel:
        """The shipped model, or one from a file of the user's (docs/face_model_format.md)."""
        return cls(read_asset(locate(name_or_path), SCHEMA))

    def _read_meta(self, asset: Asset) -> None:
        meta = asset.meta
        missing = sorted(set(META) - set(meta))
        if missing:
            raise AssetError(f"{asset.path}: the metadata lack {missing}; docs/face_model_format.md lists them")
        self.uv_layout: str = meta.get("uv_layout", OUR_LAYOUT)
        self.expression_names: tuple[str, ...] = tuple(meta["expression_names"])
        self.joint_parents: tuple[int, ...] = tuple(meta["joint_parents"])
        self.region_names: tuple[str, ...] = tuple(meta["region_names"])
        self.correctives = tuple(_corrective(c, self.expression_names) for c in meta.get("correctives", ()))
        self.parts = {name: _part_range(value) for name, value in meta["parts"].items()}
        self.skin = _part_range(meta["skin"])

    def _read_arrays(self, asset: Asset) -> None:
        t = asset.tensors
        self.polygons: Int[np.ndarray, "F 4"] = t["polygons"].astype(np.int64)
        self.uv: Float[np.ndarray, "Vt 2"] = t["uv"]
        self.uv_polygons: Int[np.ndarray, "F 4"] = t["uv_polygons"].astype(np.int64)
        self.ict_index, self.source_index = t.get("ict_index"), t.get("source_index")
        self.symmetry = t.get("symmetry")
        self.people = (
            PeopleShapes(t["people_years"], t["people_mean"], t["people_deviation"]) if "people_years" in t else None
        )
        self._regions = dict(zip(self.region_names, t["region_masks"].astype(bool), strict=True))
        identity = identity_modes(t)
        self._buffer("mean", t["mean"])
        self._buffer("identity_basis", identity)
        self._buffer("expression_basis", expression_modes(t))
        units = np.tile(np.array([0, 1], np.float32), (len(self.expression_names), 1))
        self._buffer("expression_range", t.get("expression_range", units))
        self._buffer("skin_weights", t["skin_weights"])
        regress = t["joint_index"], t["joint_weight"]
        self._buffer("joint_mean", _weighted(t["mean"], *regress))
        self._buffer("joint_identity", np.stack([_weighted(m, *regress) for m in identity]))
        self._buffer("triangles", triangulate(self.polygons))
        self._buffer("gaze_map", gaze_map(self.expression_names))
        for name in LANDMARK_SETS:
            if f"landmark_{name}_index" in t:
                self._buffer(f"landmark_{name}_index", t[f"landmark_{name}_index"].astype(np.int64))
                self._buffer(f"landmark_{name}_weight", t[f"landmark_{name}_weight"])

    def _buffer(self, name: str, array: np.ndarray) -> None:
        self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array)), persistent=False)

    @property
    def signed(self) -> Bool[Tensor, "E"]:
        """Expressions that are modes in standard deviations, and not units with weights."""
        return self.expression_range[:, 0] < 0

    @property
    def identity_size(self) -> int:
        return len(self.identity_basis)

    @property
    def expression_size(self) -> int:
        return len(self.expression_basis)

    def vertex_count(self, part: Part = "all") -> int:
        return self.skin.vertices[1] if part == "skin" else len(self.mean)

    def polygon_range(self, part: str) -> slice:
        """Polygons of "skin", "all" or a named part."""
        if part == "all":
            return slice(0, len(self.polygons))
        return slice(*self._part(part).polygons)

    def vertex_range(self, part: str) -> slice:
        if part == "all":
            return slice(0, len(self.mean))
        return slice(*self._part(part).vertices)

    def _part(self, name: str) -> PartRange:
        if name == "skin":
            return self.skin
        if name not in self.parts:
            raise AssetError(unknown_name(name, [*self.parts, "skin", "all"], "part"))
        return self.parts[name]

    def part_triangles(self, part: str) -> Int[np.ndarray, "T 3"]:
        return triangulate(self.polygons[self.polygon_range(part)])

    def part_uv_triangles(self, part: str) -> Int[np.ndarray, "T 3"]:
        """UV corners of the same triangles."""
        polygons, uv = self.polygons[self.polygon_range(part)], self.uv_polygons[self.polygon_range(part)]
        return triangulate(np.where(polygons < 0, -1, uv))

    def region(self, name: str) -> Bool[np.ndarray, "V"]:
        """Vertices of a named region."""
        if name not in self._regions:
            raise AssetError(unknown_name(name, self._regions, "region"))
        return self._regions[name]

    def atlas(self, side: int, part: str = "face") -> UVAtlas:
        """The UV atlas of a part's tile; the tile is the unit square that holds the part's first UV."""
        uv_triangles = self.part_uv_triangles(part)
        tile = np.floor(self.uv[uv_triangles[0, 0]])
        return UVAtlas.build(self.uv - tile, uv_triangles, self.part_triangles(part), side)

    def neutral(self, identity: Float[Tensor, "B I"], part: Part = "all") -> Float[Tensor, "B V 3"]:
        """S_neu = S̄ + B_id β (Eq. 1), mm."""
        n = self.vertex_count(part)
        return self.mean[:n] + _modes(identity, self.identity_basis, n)

    def expression_offset(self, expression: Float[Tensor, "B E"], part: Part = "all") -> Float[Tensor, "B V 3"]:
        """B_exp ξ (Eq. 1), mm."""
        return _modes(expression, self.expression_basis, self.vertex_count(part))

    def with_correctives(self, expression: Float[Tensor, "B E"]) -> Float[Tensor, "B E"]:
        """Weights with those of corrective units added, as they follow from the others.

        A corrective of several units has their product, one that belongs to the middle of a unit's way 4 w (1 - w).
        Weights that are drawn or animated need this; weights that were fitted have what they need.
        """
        result = expression.clone()
        for fix in self.correctives:
            product = expression[:, list(fix.of)].prod(1)
            weight = 4 * product * (1 - product) if fix.between else product
            result[:, fix.unit] = (result[:, fix.unit] + fix.share * weight.clamp(min=0)).clamp(max=1)
        return result

    def joints(self, identity: Float[Tensor, "B I"]) -> Float[Tensor, "B J 3"]:
        """J = 𝒥(β): linear in identity (Eq. 2), mm."""
        return self.joint_mean + _modes(identity, self.joint_identity, len(self.joint_mean))

    def pose(
        self,
        vertices: Float[Tensor, "B V 3"],
        identity: Float[Tensor, "B I"],
        rotation: Float[Tensor, "B 4 3"],
        translation: Float[Tensor, "B 3"],
    ) -> Float[Tensor, "B V 3"]:
        """S_p = LBS(S, p, J; W) of Eq. 2, mm. `vertices` is a prefix of the model's ("skin" or "all")."""
        weights = self.skin_weights[: vertices.shape[1]]
        posed = skin(vertices, rotation, self.joints(identity), weights, self.joint_parents)
        return posed + translation[:, None]

    def forward(
        self,
        identity: Float[Tensor, "B I"],
        expression: Float[Tensor, "B E"],
        rotation: Float[Tensor, "B 4 3"],
        translation: Float[Tensor, "B 3"],
        part: Part = "all",
    ) -> Shape:
        """Eqs. 1 and 2 in one."""
        neutral = self.neutral(identity, part)
        expressive = neutral + self.expression_offset(expression, part)
        return Shape(neutral, expressive, self.pose(expressive, identity, rotation, translation))

    def landmarks(self, vertices: Float[Tensor, "B V 3"], name: str = "mediapipe68") -> Float[Tensor, "B L 3"]:
        """Points of a landmark set on given vertices; the iris points of mediapipe478 need part "all"."""
        index, weight = self.landmark_weights(name)
        return points_on(vertices, index, weight)

    def landmark_weights(self, name: str) -> tuple[Int[Tensor, "L N"], Float[Tensor, "L N"]]:
        if not hasattr(self, f"landmark_{name}_index"):
            known = [n for n in LANDMARK_SETS if hasattr(self, f"landmark_{n}_index")]
            raise AssetError(unknown_name(name, known, "landmark set"))
        return getattr(self, f"landmark_{name}_index"), getattr(self, f"landmark_{name}_weight")

    def gaze(self, expression: Float[Tensor, "B E"]) -> Float[Tensor, "B 2 3"]:
        """Local rotations of left and right eye, axis-angle radians, that the eyeLook weights stand for."""
        return torch.einsum("be,ejx->bjx", expression, self.gaze_map)


FULL_GAZE_DEGREES = {"Up": 25.0, "Down": 30.0, "In": 35.0, "Out": 35.0}
"""What weight 1 of an eyeLook unit turns the eye by; near the ends of comfortable gaze."""


def gaze_map(names: tuple[str, ...]) -> Float[np.ndarray, "E 2 3"]:
    """Axis-angle of each eye per unit of each expression; left eye first, zero but for the eyeLook units."""
    turns = np.zeros((len(names), 2, 3), np.float32)
    for eye, (side, outward) in enumerate((("Left", 1.0), ("Right", -1.0))):
        axes = {"Up": (-1, 0), "Down": (1, 0), "Out": (0, outward), "In": (0, -outward)}
        for way, (about_x, about_y) in axes.items():
            angle = np.radians(FULL_GAZE_DEGREES[way])
            turns[names.index(f"eyeLook{way}{side}"), eye] = about_x * angle, about_y * angle, 0
    return turns


def _modes(weights: Float[Tensor, "B N"], basis: Float[Tensor, "N V 3"], count: int) -> Float[Tensor, "B count 3"]:
    """The first `count` vertices of a sum of modes; a view of their columns: a copy costs more than the product."""
    return (weights @ basis.flatten(1)[:, : 3 * count]).unflatten(1, (count, 3))


def _weighted(points: np.ndarray, index: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.einsum("jnx,jn->jx", points[index], weight).astype(np.float32)


def _corrective(value: dict[str, Any], names: tuple[str, ...]) -> Corrective:
    of = tuple(names.index(n) for n in value["of"])
    return Corrective(names.index(value["unit"]), of, bool(value["between"]), float(value["share"]))


def _part_range(value: dict[str, list[int]]) -> PartRange:
    (va, vb), (pa, pb) = value["vertices"], value["polygons"]
    return PartRange((va, vb), (pa, pb))
