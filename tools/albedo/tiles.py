"""The two tiles of the skin's UV as grids of places on the face, and the border that they share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree

from hiface.export.corners import pieces
from hiface.face.model import FaceModel
from hiface.geometry.uv import UVAtlas

FACE, HEAD = 512, 256
"""Texels of the two tiles as they are worked on."""


@dataclass(frozen=True)
class Tile:
    """One tile: where its texels lie on the mean face."""

    side: int
    atlas: UVAtlas
    place: Float[np.ndarray, "R R 3"]
    """mm; continued beyond the outline."""
    inside: Bool[np.ndarray, "R R"]

    def bake(self, values: Float[np.ndarray, "V"]) -> Float[np.ndarray, "R R"]:
        """A vertex field at the texels."""
        field = torch.from_numpy(np.asarray(values, np.float32))[None, :, None]
        return np.asarray(self.atlas.bake(field)[0, ..., 0].numpy())


@dataclass(frozen=True)
class Tiles:
    """Face and head with their common border."""

    model: FaceModel
    face: Tile
    head: Tile
    border: tuple[Float[np.ndarray, "K 2"], Float[np.ndarray, "K 2"], Float[np.ndarray, "K 3"]]
    """UV of the shared vertices in the face's and in the head's tile, and where they lie, mm."""

    @classmethod
    def of(cls, model: FaceModel) -> Tiles:
        return cls(model, _tile(model, FACE, "face"), _tile(model, HEAD, "head_neck"), _border(model))

    @cached_property
    def near_border(self) -> tuple[Int[np.ndarray, "R R 3"], Float[np.ndarray, "R R 3"], Float[np.ndarray, "R R"]]:
        """For each texel of the head: three nearest border vertices, their weights, and how near the border is."""
        tree = cKDTree(self.border[2])
        far, rows = tree.query(self.head.place.reshape(-1, 3), k=3)
        weights = 1 / np.maximum(far, 0.3) ** 2
        weights /= weights.sum(1, keepdims=True)
        side = self.head.side
        near = np.exp(-0.5 * (far[:, 0] / 16) ** 2)
        return rows.reshape(side, side, 3), weights.reshape(side, side, 3), near.reshape(side, side)


def joined(
    tiles: Tiles, face: Float[np.ndarray, "R R C"], head: Float[np.ndarray, "Rh Rh C"], reach: float = 1.0
) -> Float[np.ndarray, "Rh Rh C"]:
    """The head's map with what it lacks at the border added, fading over 16 mm, so that the tiles meet."""
    face_uv, head_uv, _ = tiles.border
    step = sampled(face, face_uv) - sampled(head, head_uv)
    rows, weights, near = (_shrunk(x, len(head)) for x in tiles.near_border)
    return np.asarray(head + reach * near[..., None] * (step[rows] * weights[..., None]).sum(2), np.float32)


def _shrunk(field: np.ndarray, side: int) -> np.ndarray:
    step = len(field) // side
    return field[step // 2 :: step, step // 2 :: step]


def sampled(maps: Float[np.ndarray, "R R C"], uv: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "N C"]:
    """Bilinear look-up, clamped at the border; UV has v up."""
    side = len(maps)
    x, y = uv[:, 0] * side - 0.5, (1 - uv[:, 1]) * side - 0.5
    x, y = (np.clip(t, 0, side - 1).astype(np.float32)[None] for t in (x, y))
    channels = np.asarray(maps, np.float32).reshape(side, side, -1)
    found = [
        cv2.remap(np.ascontiguousarray(channels[..., c]), x, y, cv2.INTER_LINEAR)[0] for c in range(channels.shape[2])
    ]
    return np.stack(found, 1)


def shrunk(maps: Float[np.ndarray, "R R *C"], side: int) -> Float[np.ndarray, "S S *C"]:
    """Area average."""
    if len(maps) == side:
        return maps
    return np.asarray(cv2.resize(np.asarray(maps, np.float32), (side, side), interpolation=cv2.INTER_AREA))


def resized(maps: Float[np.ndarray, "R R *C"], side: int) -> Float[np.ndarray, "S S *C"]:
    """Bilinear growth, as the loader does it."""
    if len(maps) == side:
        return maps
    return np.asarray(cv2.resize(np.asarray(maps, np.float32), (side, side), interpolation=cv2.INTER_LINEAR))


def _tile(model: FaceModel, side: int, part: str) -> Tile:
    atlas = model.atlas(side, part)
    place = atlas.bake(model.mean[None].float())[0].numpy()
    return Tile(side, atlas, place, atlas.mask.numpy())


def _border(model: FaceModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    found = {p.name: p for p in pieces(model)}
    face, head = found["face"], found["head"]
    at = {v: k for k, v in enumerate(face.source)}
    pairs = [(at[v], k) for k, v in enumerate(head.source) if v in at]
    rows = np.array(pairs)
    return face.uv[rows[:, 0]], head.uv[rows[:, 1]], model.mean.numpy()[head.source[rows[:, 1]]]
