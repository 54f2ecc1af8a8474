"""UVs of another model's skin, and which of its polygons are the face.

"ours": our own layout carried over, so that the shipped detail basis and albedo fit. Our face tile has islands; a
polygon takes the island that its middle lies on, and each of its corners the closest place of that island, so that no
polygon reaches across a seam. A polygon that has no place of its own there (the inside of a mouth, a fold) leaves the
face and takes one texel of the head's tile.

"model" and a mesh file: UVs as given; face polygons in tile (0, 0), the others one tile to the right. "cylinder":
azimuth and height about the head's axis, the seam at the back; the same two tiles. There is no seam in the face; what
lies behind other skin, as the inside of a nostril, has its texel.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from hiface.convert.correspondence import Correspondence
from hiface.convert.nearest import Surface
from hiface.convert.source import SKIN
from hiface.errors import AssetError
from hiface.export.obj import read_obj
from hiface.face.asset import OUR_LAYOUT

CHOICES = ("ours", "model", "cylinder")
_FAR_MM = 5.0
_STRETCH = 6.0
"""A polygon whose UVs are longer by this than is usual for its size lies across a seam."""


@dataclass(frozen=True)
class Unwrapped:
    """UVs of the skin's polygons, in the order of the source."""

    uv: Float[np.ndarray, "N 4 2"]
    """By corner; a triangle repeats its third."""
    face: Bool[np.ndarray, "N"]
    """Which polygons are the face."""
    layout: str
    """"hiface" where shipped maps fit, else a name of its own."""


def unwrap(found: Correspondence, choice: str) -> Unwrapped:
    """UVs by `choice`: "ours", "model", "cylinder", or the path of an OBJ with the source's vertices."""
    corners = _corners(found)
    face, places = _on_our_face(found, corners)
    if choice == "ours":
        return Unwrapped(places, face, OUR_LAYOUT)
    if choice == "cylinder":
        uv = _cylinder(found, corners, face)
    elif choice == "model":
        uv = _given(found.source.uv, found.source.uv_polygons, found, f"{found.source.kind}: the model has no UVs")
    else:
        uv = _of_mesh(found, Path(choice))
    uv = uv + np.where(face, 0.0, 1.0)[:, None, None] * np.array([1.0, 0.0])
    digest = hashlib.sha256(np.round(uv, 5).astype(np.float32).tobytes()).hexdigest()[:12]
    return Unwrapped(uv, face, f"own-{digest}")


def _corners(found: Correspondence) -> Int[np.ndarray, "N 4"]:
    polygons = found.source.polygons[found.source.part_of_polygon == SKIN]
    return np.where(polygons < 0, polygons[:, [2]], polygons)


def _on_our_face(
    found: Correspondence, corners: Int[np.ndarray, "N 4"]
) -> tuple[Bool[np.ndarray, "N"], Float[np.ndarray, "N 4 2"]]:
    """Which polygons lie on our face tile, and the UVs that ours gives all of them."""
    ours, mean = found.ours, found.source.mean
    islands = _islands(ours.uv_triangles, len(ours.uv))
    own = Surface(found.registration.skin, ours.triangles)
    middle, facing = mean[corners].mean(1), found.normals[corners].mean(1)
    at = own.query(middle, facing)
    island = islands[at.triangle]
    uv = np.zeros((*corners.shape, 2))
    for number in np.unique(island):
        rows = np.flatnonzero(islands == number)
        piece = Surface(found.registration.skin, ours.triangles[rows])
        chosen = island == number
        vertices, position = np.unique(corners[chosen], return_inverse=True)
        place = piece.query(mean[vertices], found.normals[vertices])
        values = np.einsum("nkx,nk->nx", ours.uv[ours.uv_triangles[rows[place.triangle]]], place.weights)
        uv[chosen] = values[position.reshape(-1, 4)]
    tile = np.floor(ours.uv[ours.uv_triangles[:, 0], 0])[at.triangle]
    homeless = (at.distance > _FAR_MM) | (at.agreement < 0) | _crossing(uv, mean[corners])
    homeless |= (tile == 0) & (_signed_area(uv) <= 0)
    head = ours.uv[ours.uv_triangles[:, 0], 0] >= 1
    if homeless.any():
        rest = Surface(found.registration.skin, ours.triangles[head])
        place = rest.query(middle[homeless], facing[homeless])
        texel = np.einsum("nkx,nk->nx", ours.uv[ours.uv_triangles[head][place.triangle]], place.weights)
        uv[homeless] = texel[:, None]
    return (tile == 0) & ~homeless, uv


def _islands(uv_triangles: Int[np.ndarray, "T 3"], count: int) -> Int[np.ndarray, "T"]:
    """A number for each connected piece of the UV layout, by triangle."""
    ends = uv_triangles[:, [0, 1, 1, 2]].reshape(-1, 2)
    graph = csr_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (count, count))
    return np.asarray(connected_components(graph, directed=False)[1][uv_triangles[:, 0]])


def _signed_area(uv: Float[np.ndarray, "N 4 2"]) -> Float[np.ndarray, "N"]:
    """Twice the area with its sign; positive where UVs run as the polygon does, seen from outside."""
    first, second = uv[:, 2] - uv[:, 0], uv[:, 3] - uv[:, 1]
    quads = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    a, b = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    triangles = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return np.where((uv[:, 3] == uv[:, 2]).all(1), triangles, quads)


def _crossing(uv: Float[np.ndarray, "N 4 2"], places: Float[np.ndarray, "N 4 3"]) -> Bool[np.ndarray, "N"]:
    """Polygons whose longest side in UV is far longer than its length in mm accounts for."""
    sides = np.linalg.norm(uv - np.roll(uv, 1, axis=1), axis=2).max(1)
    lengths = np.linalg.norm(places - np.roll(places, 1, axis=1), axis=2).max(1)
    ratio = sides / np.maximum(lengths, 1e-6)
    return np.asarray(ratio > _STRETCH * np.median(ratio))


def _cylinder(
    found: Correspondence, corners: Int[np.ndarray, "N 4"], face: Bool[np.ndarray, "N"]
) -> Float[np.ndarray, "N 4 2"]:
    """The face within 126° to both sides of the front over the whole tile, the rest of the head once around."""
    skin = found.source.mean[found.skin]
    axis = np.array([found.mid_plane(), 0, np.median(skin[:, 2])])
    places = found.source.mean[corners] - axis
    azimuth = np.arctan2(places[..., 0], places[..., 2])
    middle = np.arctan2(places[..., 0].mean(1), places[..., 2].mean(1))[:, None]
    azimuth = middle + np.mod(azimuth - middle + np.pi, 2 * np.pi) - np.pi  # no corner jumps to the other side
    low, high = skin[:, 1].min(), skin[:, 1].max()
    reach = np.where(face, 0.7 * np.pi, 1.05 * np.pi)[:, None]
    u = 0.5 + 0.5 * azimuth / reach
    v = np.broadcast_to((places[..., 1] - low) / (high - low), u.shape)
    uv = np.clip(np.stack([u, 0.01 + 0.98 * v], -1), 0.001, 0.999)
    behind = _signed_area(uv) <= 0  # nostrils, lips: what faces the axis takes the texel of what hides it
    uv[behind] = uv[behind].mean(1, keepdims=True)
    return uv


def _of_mesh(found: Correspondence, path: Path) -> Float[np.ndarray, "N 4 2"]:
    mesh = read_obj(path)
    if len(mesh.vertices) != len(found.source.mean) or not len(mesh.uv):
        raise AssetError(
            f"{path}: {len(mesh.vertices)} vertices with {len(mesh.uv)} UVs, expected the source's"
            f" {len(found.source.mean)} vertices in its order, with UVs"
        )
    wanted, given = (_keys(p) for p in (found.source.polygons, mesh.polygons))
    order = {key: k for k, key in enumerate(given)}
    rows = [order.get(key, -1) for key in wanted]
    lost = sum(1 for row, part in zip(rows, found.source.part_of_polygon, strict=True) if row < 0 and part == SKIN)
    if lost:
        raise AssetError(f"{path}: {lost} polygons of the model's skin are missing; export the mesh as it is")
    uv_polygons = np.zeros_like(found.source.polygons)
    for k, row in enumerate(rows):
        if row >= 0:
            uv_polygons[k] = _aligned(found.source.polygons[k], mesh.polygons[row], mesh.uv_polygons[row])
    return _given(mesh.uv, uv_polygons, found, f"{path}: no UVs")


def _keys(polygons: Int[np.ndarray, "F 4"]) -> list[tuple[int, ...]]:
    return [tuple(sorted(int(v) for v in row if v >= 0)) for row in polygons]


def _aligned(wanted: np.ndarray, given: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """UV corners of a polygon in the order of ours, which may be wound the other way or start elsewhere."""
    where = {int(v): int(c) for v, c in zip(given, uv, strict=True) if v >= 0}
    return np.array([where.get(int(v), -1) for v in wanted])


def _given(
    uv: Float[np.ndarray, "Vt 2"] | None, uv_polygons: Int[np.ndarray, "F 4"] | None, found: Correspondence, none: str
) -> Float[np.ndarray, "N 4 2"]:
    if uv is None or uv_polygons is None:
        raise AssetError(f"{none}; choose --uv ours or cylinder, or give a mesh with UVs")
    polygons = uv_polygons[found.source.part_of_polygon == SKIN]
    corners = np.where(polygons < 0, polygons[:, [2]], polygons)
    values = uv[corners]
    inside = values.min() >= 0 and values.max() <= 1
    return values if inside else np.mod(values, 1.0)
