"""A template of another topology registered with our face: what `hiface correspond` does.

1. Landmarks, where there are some, bring the template to our size, place and direction; without them it must stand
   upright and look along +z.
2. `convert.register` lays our face on it: similarity, identity modes, a smooth rest.
3. Triangles that the rest turned over are smoothed back.
4. Closest points that face the same way, both ways, are the correspondence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from hiface.assets.format import unknown_name
from hiface.convert.correspondence import Correspondence
from hiface.convert.nearest import Surface, vertex_normals
from hiface.convert.ours import Ours
from hiface.convert.register import Registration, Schedule
from hiface.convert.source import SKIN, KnownPoints, SourceModel, Units, facing_out
from hiface.errors import AssetError, ConfigError, MeshError
from hiface.face.model import FaceModel
from hiface.geometry.similarity import Similarity, fit_umeyama
from hiface.geometry.topology import adjacency, unique_edges
from hiface.transfer.file import FAR_MM, MeshCorrespondence, Places, skin_topology
from hiface.transfer.meshes import UNITS, GivenMesh, guess_unit

Kind = Literal["auto", "flame", "bfm", "gnm", "ict", "other"]
COUNTS = {"flame": (5023,), "bfm": (53490, 53149, 35709, 47439, 58203, 28588), "ict": (26719,)}
"""Vertices of the templates that are known by their number; BFM: 2009, 2017, Deep3D's cut, 2019 twice, 2017's crop."""
CLOSE = Schedule(similarity=40, modes=25, ridge=10.0, points=2.0, polish=True)
"""Longer than a converter's: here every vertex of the face counts. Landmarks that are numbers of vertices lie where the
template happens to have some, so they count less than there."""
_EMBEDDED_POINTS = 20.0
"""What a landmark counts that was placed within a triangle."""
_VALID_MM, _BEYOND_MM = 3.0, 0.7
"""Farthest that a place may lie from its vertex, on open skin and at a border."""
_EXTENT_MM = (110.0, 900.0)
"""Largest extent of a face mask, and of a bust."""
_WORST_FIT = 0.13
"""Of the eye distance, root mean square: more, and the landmarks are not those that were asked for."""
_LEAST_MARKS = 6
_UNTURN_ROUNDS = 40


@dataclass(frozen=True)
class Corresponded:
    """A correspondence and the registration that it came from, for pictures."""

    file: MeshCorrespondence
    template: Float[np.ndarray, "V 3"]
    """The template in our frame, mm."""
    skin: Float[np.ndarray, "N 3"]
    """Our registered skin, in the same frame."""


def correspond(
    ours: Ours, mesh: GivenMesh, kind: Kind = "auto", marks: KnownPoints | None = None, schedule: Schedule = CLOSE
) -> Corresponded:
    """Registers. Raises `MeshError` for landmarks that do not fit and for a kind of another number of vertices,
    `AssetError` where the faces do not come together."""
    kind = kind_of(mesh, kind)
    if kind == "ict":
        return _ict(ours, mesh)
    motion = _motion(ours, mesh, marks)
    laid = replace(mesh, vertices=motion.apply(mesh.vertices))
    if marks is not None and marks.index.shape[1] > 1:
        schedule = replace(schedule, points=_EMBEDDED_POINTS)
    found = Correspondence.find(ours, _source(laid, kind, marks), schedule)
    skin = unturned(ours, found.registration)
    moved = replace(found.registration, skin=skin)
    back = Surface(skin, ours.triangles).query(laid.vertices[found.skin], found.normals[found.skin])
    found = replace(found, registration=moved, on_ours=back)
    ours_places, theirs_places = _on_theirs(found), _on_ours(found)
    figures = moved.figures(ours) | {"flipped": float(len(flipped(ours, moved)))}
    unit = guess_unit(moved.similarity.scale / motion.scale).name
    file = MeshCorrespondence(
        ours_places, theirs_places, kind, mesh.topology, skin_topology(ours.face), figures, unit, Path(mesh.name).name
    )
    return Corresponded(file, laid.vertices, skin)


def kind_of(mesh: GivenMesh, kind: Kind) -> Kind:
    """`kind`, or for "auto" what the number of vertices says."""
    if kind not in get_args(Kind):
        raise ConfigError(unknown_name(kind, get_args(Kind), "kind of mesh"))
    count = len(mesh.vertices)
    if kind == "auto":
        names: tuple[Kind, ...] = ("flame", "bfm", "ict")
        return next((name for name in names if count in COUNTS[name]), "other")
    if count not in COUNTS.get(kind, (count,)):
        raise MeshError(
            f"{mesh.name}: {count} vertices, {kind} templates have {' or '.join(map(str, COUNTS[kind]))}; give the"
            " whole template in its own order, or --kind other"
        )
    return kind


def _motion(ours: Ours, mesh: GivenMesh, marks: KnownPoints | None) -> Similarity:
    """What brings the template to our size, and with landmarks to our place and direction."""
    if marks is not None and len(marks.number) >= _LEAST_MARKS:
        own = ours.points(ours.mean, marks.numbering)[marks.number]
        given = marks.places(mesh.vertices)
        fit = fit_umeyama(given, own)
        eyes = ours.points(ours.mean, "ibug68")[[36, 45]]
        off = float(np.sqrt(np.square(fit.apply(given) - own).sum(1).mean()))
        if off > _WORST_FIT * np.linalg.norm(eyes[0] - eyes[1]):
            raise MeshError(
                f"{mesh.name}: its landmarks fit ours to {off:.1f} mm only; check their order (right is the subject's)"
            )
        return fit
    if marks is not None:
        raise MeshError(f"{mesh.name}: {len(marks.number)} landmarks, expected {_LEAST_MARKS} or more")
    extent = float(np.ptp(mesh.vertices, axis=0).max())
    for mm in UNITS.values():
        if _EXTENT_MM[0] < extent * mm < _EXTENT_MM[1]:
            return Similarity(mm, np.eye(3), np.zeros(3))
    raise MeshError(
        f"{mesh.name}: is {extent:.3g} units large, a head in none of {', '.join(UNITS)}; give --landmarks, which tell"
        " the size too"
    )


def _source(mesh: GivenMesh, kind: str, marks: KnownPoints | None) -> SourceModel:
    """The template as a face model without modes."""
    polygons = facing_out(mesh.polygons, mesh.vertices)
    part, count = _parts(mesh, polygons, marks), len(mesh.vertices)
    points = () if marks is None else (marks,)
    empty = np.zeros((0, count, 3))
    return SourceModel(kind, mesh.vertices, polygons, empty, Units.named({}, count), "", part, points=points)


def _parts(mesh: GivenMesh, polygons: Int[np.ndarray, "F 4"], marks: KnownPoints | None) -> np.ndarray:
    """The connected piece with most surface is the skin, or those that carry landmarks."""
    edges, count = unique_edges(polygons), len(mesh.vertices)
    graph = csr_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), (count, count))
    piece_of = connected_components(graph, directed=False)[1]
    piece = piece_of[polygons[:, 0]]
    corners = mesh.vertices[polygons[:, :3]]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    chosen = np.array([np.bincount(piece, area).argmax()]) if marks is None else np.unique(piece_of[marks.index])
    return np.where(np.isin(piece, chosen), SKIN, "other")


def flipped(ours: Ours, registration: Registration) -> Int[np.ndarray, "M"]:
    """Triangles of our face that look the other way than similarity and modes alone put them."""
    face = ours.narrow[ours.triangles].all(1)
    before, after = (_across(v, ours.triangles) for v in (registration.whole, registration.skin))
    return np.flatnonzero(face & ((before * after).sum(1) <= 0))


def unturned(ours: Ours, registration: Registration) -> Float[np.ndarray, "N 3"]:
    """The registered skin with the rest smoothed round triangles that it turned over, until there are none."""
    mean = adjacency(ours.edges, ours.skin_count)
    start = registration.whole[: ours.skin_count]
    rest = registration.skin - start
    for _ in range(_UNTURN_ROUNDS):
        wrong = flipped(ours, replace(registration, skin=start + rest))
        if not len(wrong):
            break
        near = np.zeros(ours.skin_count)
        near[ours.triangles[wrong]] = 1
        for _ in range(2):
            near = np.maximum(near, 0.7 * (mean @ (near > 0)))
        near = np.minimum(near, 1)[:, None]
        rest = (1 - near) * rest + near * (mean @ rest)
    return start + rest


def _across(vertices: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"]) -> Float[np.ndarray, "T 3"]:
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    return np.cross(b - a, c - a)


def _on_theirs(found: Correspondence) -> Places:
    """Our skin on theirs: valid where the surfaces meet and theirs has not ended."""
    registration = found.registration
    near = found.theirs.query(registration.skin, vertex_normals(registration.skin, found.ours.triangles))
    beyond = ~registration.covered & (near.distance > _BEYOND_MM)
    valid: Bool[np.ndarray, "N"] = (near.agreement > 0) & (near.distance < _VALID_MM) & ~beyond
    return Places(near.corners, near.weights, near.distance, valid)


def _on_ours(found: Correspondence) -> Places:
    """Their vertices on our skin; what is not skin is far."""
    count, near = len(found.source.mean), found.on_ours
    index, weight = np.zeros((count, 3), np.int64), np.tile(np.array([1.0, 0.0, 0.0]), (count, 1))
    distance, valid = np.full(count, FAR_MM), np.zeros(count, bool)
    index[found.skin], weight[found.skin], distance[found.skin] = near.corners, near.weights, near.distance
    valid[found.skin] = (near.distance < _VALID_MM) & (near.agreement > 0)
    return Places(index, weight, distance, valid)


def _ict(ours: Ours, mesh: GivenMesh) -> Corresponded:
    """ICT-FaceKit's vertices are ours by number: nothing is registered."""
    chosen = ict_vertices(ours.face)[: ours.skin_count]
    back = np.full(len(mesh.vertices), -1)
    back[chosen] = np.arange(len(chosen))
    theirs = Places.same(np.maximum(back, 0))
    theirs = replace(theirs, valid=back >= 0, distance_mm=np.where(back >= 0, 0.0, FAR_MM))
    figures = {"median_mm": 0.0, "p95_mm": 0.0, "covered": 1.0, "met": 1.0, "flipped": 0.0}
    skin = mesh.vertices[chosen]
    fit = fit_umeyama(skin, ours.mean[: len(skin)])
    file = MeshCorrespondence(
        Places.same(chosen), theirs, "ict", mesh.topology, skin_topology(ours.face), figures,
        guess_unit(1 / fit.scale).name, Path(mesh.name).name,
    )  # fmt: skip
    return Corresponded(file, fit.apply(mesh.vertices), fit.apply(skin))


def ict_vertices(face: FaceModel) -> Int[np.ndarray, "V"]:
    """ICT-FaceKit's number of each vertex of ours. Raises `AssetError` for a face model of another topology."""
    if face.ict_index is None:
        raise AssetError(f"{face.path}: does not say which vertices are ICT-FaceKit's; use the shipped face model")
    return np.asarray(face.ict_index, np.int64)
