"""Our displacement in somebody's own UVs: a map in millimetres, and tangent-space normals of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from scipy.ndimage import distance_transform_edt

from hiface.export.maps import normal_map
from hiface.geometry.topology import triangulate
from hiface.geometry.uv import UVAtlas, tangents
from hiface.transfer.fine import OurMap, heights_at
from hiface.transfer.meshes import GivenMesh


@dataclass(frozen=True)
class BakedMaps:
    """Maps of their unit tile; row 0 is v = 1."""

    displacement: Float[np.ndarray, "R R"]
    """mm along their normals; beyond the islands the nearest texel goes on."""
    normal: UInt8[np.ndarray, "R R 3"]
    """As glTF has them: red +u, green +v, blue outwards."""


def bake(
    mesh: GivenMesh,
    points_mm: Float[np.ndarray, "V 3"],
    places: Float[np.ndarray, "V 3"],
    weight: Float[np.ndarray, "V"],
    maps: OurMap,
    displacement: Float[np.ndarray, "R R"],
    side: int,
) -> BakedMaps:
    """`points_mm`: the mesh in mm, in any frame. `places`, `weight`: of `fine.places_on_mean`, `fine.soft_weight`."""
    uv_triangles = triangulate(np.where(mesh.polygons < 0, -1, mesh.uv_polygons))
    atlas = UVAtlas.build(mesh.uv, uv_triangles, mesh.triangles, side)
    values = torch.from_numpy(np.column_stack([places, weight]))[None]
    texels = atlas.bake(values)[0].reshape(-1, 4).numpy()
    covered = atlas.mask.numpy()
    heights = np.zeros(side * side)
    rows = np.flatnonzero(covered)
    heights[rows] = heights_at(maps, texels[rows, :3], texels[rows, 3], displacement)
    nearest = distance_transform_edt(~covered, return_distances=False, return_indices=True)
    grown = heights.reshape(side, side)[tuple(nearest)]
    frame = tangents(
        torch.from_numpy(points_mm)[None], atlas, torch.from_numpy(mesh.uv), torch.from_numpy(uv_triangles)
    )[0].numpy()
    return BakedMaps(grown, normal_map(grown, frame))
