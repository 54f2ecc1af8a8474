"""The shipped maps on a model that keeps its own UVs: the detail basis and the albedo, resampled through the surface.

Every texel of the other layout is a place on its mean face, that place has a closest one on our registered skin, and
that one has a UV of ours. Millimetres of relief stay millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sparse
import torch
from jaxtyping import Bool, Float

from hiface.assets.format import quantise, read_asset, write_asset
from hiface.assets.store import locate
from hiface.convert.correspondence import Correspondence
from hiface.convert.nearest import Surface, vertex_normals
from hiface.detail import basis as detail
from hiface.face import albedo
from hiface.face.model import FaceModel
from hiface.geometry.uv import UVAtlas

_TINTED = {"face": ("face_soft", "face_fine"), "head": ("head_tinted",)}
_HALF = 0.5
"""Share of a texel's bilinear neighbours that must lie in our mask for it to carry detail."""


@dataclass(frozen=True)
class TexelMap:
    """Where the texels of another layout lie in one of our tiles."""

    uv: Float[np.ndarray, "R R 2"]
    """In our tile, 0 to 1, v up."""
    covered: Bool[np.ndarray, "R R"]
    """Texels that a triangle of the other layout covers."""

    def weights(self, side: int) -> sparse.csr_matrix:
        """(R·R, side·side): bilinear look-up of a map of ours."""
        count = self.uv.shape[0] * self.uv.shape[1]
        x = np.clip(self.uv[..., 0].ravel() * side - 0.5, 0, side - 1)
        y = np.clip((1 - self.uv[..., 1].ravel()) * side - 0.5, 0, side - 1)
        column, row = np.minimum(x.astype(int), side - 2), np.minimum(y.astype(int), side - 2)
        right, down = x - column, y - row
        corners = [
            (0, 0, (1 - right) * (1 - down)),
            (0, 1, right * (1 - down)),
            (1, 0, (1 - right) * down),
            (1, 1, right * down),
        ]
        rows = np.tile(np.arange(count), 4)
        columns = np.concatenate([(row + i) * side + column + j for i, j, _ in corners])
        values = np.concatenate([w for _, _, w in corners])
        return sparse.csr_matrix((values, (rows, columns)), (count, side * side))


def carry_detail_basis(found: Correspondence, face: FaceModel, out: str | Path) -> str:
    """Write the shipped detail basis for `face`, a file that was converted with `found`; returns the content hash."""
    asset = read_asset(locate("detail_basis.safetensors"), detail.SCHEMA)
    tensors = asset.tensors
    mask = tensors["mask"] > 0
    side = len(mask)
    texels = texel_map(found, face, "face", side)
    weights = texels.weights(side)[:, np.flatnonzero(mask)]
    inside = (np.asarray(weights.sum(1)).ravel() > _HALF) & texels.covered.ravel()
    weights = weights[np.flatnonzero(inside)]
    means = {n: weights @ tensors[f"{n}_mean"] for n in detail.NAMES}
    modes = {n: (weights @ tensors[f"{n}_modes"].T.astype(np.float32)).T for n in detail.NAMES}
    modes = {n: modes[n] * tensors[f"{n}_scale"][:, None] for n in detail.NAMES}
    extra = {k: v for k, v in tensors.items() if k.startswith("capture_")}
    meta = dict(asset.meta) | {"face_model": face.hash, "uv_layout": face.uv_layout, "carried_over_from": asset.hash}
    return detail.write_basis(out, inside.reshape(side, side), means, modes, meta, extra)


def carry_albedo(
    found: Correspondence, face: FaceModel, out: str | Path, source: str | Path = "albedo.safetensors"
) -> str:
    """Write the shipped albedo, or another of our layout, for `face`; returns the content hash."""
    asset = read_asset(locate(source), albedo.SCHEMA)
    tensors = {"tints": asset.tensors["tints"]} if "tints" in asset.tensors else {}
    for tile, part in (("face", "face"), ("head", "head_neck")):
        mean, modes = asset.tensors[f"{tile}_mean"], asset.tensors[f"{tile}_modes"]
        densities = _moved(albedo.stored_mean(mean)[None], found, face, part)[0]
        tensors[f"{tile}_mean"] = albedo.integers_of(densities)
        scale = asset.tensors[f"{tile}_scale"][:, None, None, None]
        full = (_moved(modes, found, face, part) * scale).astype(np.float32)
        tensors[f"{tile}_modes"], tensors[f"{tile}_scale"] = quantise(full, 8)
        for name in (n for n in _TINTED[tile] if n in asset.tensors):
            tinted = _moved(asset.tensors[name][..., None], found, face, part)[..., 0]
            tensors[name] = np.round(tinted).astype(np.int8)
    meta = dict(asset.meta) | {"uv_layout": face.uv_layout, "carried_over_from": asset.hash}
    return write_asset(out, albedo.SCHEMA, tensors, meta)


def _moved(
    maps: Float[np.ndarray, "N R R C"], found: Correspondence, face: FaceModel, part: str
) -> Float[np.ndarray, "N R R C"]:
    """Maps of one of our tiles in the same tile of `face`."""
    if not len(maps):
        return maps.astype(np.float32)
    side = maps.shape[1]
    weights = texel_map(found, face, part, side).weights(side)
    moved = [weights @ m.reshape(side * side, -1).astype(np.float32) for m in maps]
    return np.stack(moved).reshape(maps.shape)


def texel_map(found: Correspondence, face: FaceModel, part: str, side: int) -> TexelMap:
    """Places of `face`'s tile of a part in our tile of the same part."""
    ours = found.ours
    chosen = np.floor(ours.uv[ours.uv_triangles[:, 0], 0]) == (0 if part == "face" else 1)
    if face.polygon_range(part).start == face.polygon_range(part).stop:
        return TexelMap(np.full((side, side, 2), 0.5), np.zeros((side, side), bool))
    atlas = face.atlas(side, part)
    mean = face.mean.double().numpy()
    normals = vertex_normals(mean, face.part_triangles("skin"))
    places, facing = (_baked(atlas, values) for values in (mean, normals))
    own = Surface(found.registration.skin, ours.triangles[chosen])
    at = own.query(places, facing)
    uv = np.einsum("nkx,nk->nx", ours.uv[ours.uv_triangles[chosen][at.triangle]], at.weights)
    uv[:, 0] -= 0 if part == "face" else 1
    return TexelMap(uv.reshape(side, side, 2), atlas.mask.numpy())


def _baked(atlas: UVAtlas, values: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "RR 3"]:
    return np.asarray(atlas.bake(torch.from_numpy(values)[None])[0].reshape(-1, 3).numpy())
