"""The 52 ARKit units on another model: its own where it has them, ours carried over where it has not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_matrix, diags, eye
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from hiface.convert.correspondence import Correspondence
from hiface.convert.source import EYES, SKIN, Units
from hiface.face.asset import ARKIT
from hiface.geometry.topology import adjacency, unique_edges

_FULL_MM, _NONE_MM = 5.0, 25.0
"""Carried offsets are whole on skin nearer to ours than the first and gone beyond the second."""
_TOUCH_MM, _DOUBT, _BENDING = 1.0, 1e-3, 0.3
_INNER = ("gums_tongue", "teeth", "mouth_socket")
_LINING = "mouth_socket"


@dataclass(frozen=True)
class NamedUnits:
    """All expressions of a file, the 52 first, and where the 52 came from."""

    units: Units
    own: tuple[str, ...]
    carried: tuple[str, ...]
    zero: tuple[str, ...]


def arkit_units(found: Correspondence) -> NamedUnits:
    """ARKit's 52 in order, then what else the source has."""
    source = found.source.units
    carried = carried_units(found)
    own = [n for n in ARKIT if n in source.names]
    rows = []
    for k, name in enumerate(ARKIT):
        rows.append(source.offsets[source.names.index(name)] if name in own else carried[k])
    first = Units.named(dict(zip(ARKIT, rows, strict=True)), len(found.source.mean))
    others = np.array([k for k, n in enumerate(source.names) if n not in ARKIT], int)
    zero = tuple(n for n, row in zip(ARKIT, rows, strict=True) if not np.abs(row).max() > 1e-6)
    return NamedUnits(
        first.joined(source.take(others)), tuple(own), tuple(n for n in ARKIT if n not in own + list(zero)), zero
    )


def carried_units(found: Correspondence) -> Float[np.ndarray, "52 V 3"]:
    """Our 52 units on the source's vertices, mm: turned and sized by the similarity, zero on the eyeballs."""
    ours, source, similarity = found.ours, found.source, found.registration.similarity
    basis = similarity.turn(ours.face.expression_basis[: len(ARKIT)].numpy().astype(np.float64))
    offsets = np.zeros((len(ARKIT), len(source.mean), 3))
    offsets[:, found.skin] = _smooth(found, found.on_ours.of(basis[:, : ours.skin_count].swapaxes(0, 1))).swapaxes(0, 1)
    for vertices, nearest in _inner_parts(found):
        rows = basis[:, nearest]
        offsets[:, vertices] = rows.mean(1, keepdims=True) if _rigid(found, vertices) else rows
    return offsets


def _smooth(found: Correspondence, values: Float[np.ndarray, "N U 3"]) -> Float[np.ndarray, "N U 3"]:
    """Offsets of the skin, taken from ours where the two skins touch and spread smoothly over the mesh elsewhere, to
    nothing far from ours: lips that ours has not, the lining of a mouth, shoulders."""
    count = len(found.skin)
    new = np.full(len(found.source.mean), -1)
    new[found.skin] = np.arange(count)
    skin = found.source.polygons[found.source.part_of_polygon == SKIN]
    laplacian = eye(count) - adjacency(unique_edges(np.where(skin < 0, -1, new[skin])), count)
    distance = found.on_ours.distance
    touching = (distance < _TOUCH_MM) & (found.on_ours.agreement > 0.5)
    trust = np.where(touching, 1.0, _DOUBT)
    near = np.clip((_NONE_MM - distance) / (_NONE_MM - _FULL_MM), 0, 1)[:, None, None]
    left = _BENDING * (laplacian.T @ laplacian) + diags(trust)
    right = trust[:, None] * (near * values).reshape(count, -1)
    return np.asarray(splu(left.tocsc()).solve(right)).reshape(values.shape)


def _inner_parts(found: Correspondence) -> list[tuple[np.ndarray, np.ndarray]]:
    """Connected pieces that are neither skin nor eyes, each with the nearest of our inner vertices."""
    source, face = found.source, found.ours.face
    chosen = ~np.isin(source.part_of_polygon, (SKIN, *EYES))
    if not chosen.any():
        return []
    own = np.concatenate([np.arange(*face.vertex_range(p).indices(len(face.mean))) for p in _INNER if p in face.parts])
    if not len(own):
        return []
    tree = cKDTree(found.registration.whole[own])
    polygons = source.polygons[chosen]
    ends = np.concatenate([polygons[:, [0, 1]], polygons[:, [1, 2]], polygons[:, [0, 3]][polygons[:, 3] >= 0]])
    count = len(source.mean)
    piece = connected_components(csr_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (count, count)))[1]
    members = np.setdiff1d(np.unique(polygons[polygons >= 0]), found.skin)
    groups = [members[piece[members] == number] for number in np.unique(piece[members])]
    return [(g, own[np.asarray(tree.query(source.mean[g])[1])]) for g in groups]


def _rigid(found: Correspondence, vertices: np.ndarray) -> bool:
    """Teeth and tongue move as one piece; the mouth's lining stretches."""
    source = found.source
    lining = np.unique(source.polygons[source.part_of_polygon == _LINING])
    return not np.isin(vertices, lining).any()
