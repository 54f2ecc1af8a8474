"""SD-DeTail on a mesh that somebody brings: of our topology, ICT-FaceKit's, or any with a correspondence file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int

from hiface.convert.ours import Ours
from hiface.convert.source import facing_out
from hiface.errors import MeshError
from hiface.face.model import FaceModel
from hiface.geometry.similarity import Similarity, fit_umeyama
from hiface.geometry.topology import triangulate, unique_edges
from hiface.model import FaceDetail, FaceShape, HiFace, PhotoLike, Reconstruction
from hiface.transfer.correspond import COUNTS, ict_vertices
from hiface.transfer.file import MeshCorrespondence
from hiface.transfer.fine import FineSurface, OurMap, heights_at, places_on_mean, soft_weight, usual_level
from hiface.transfer.meshes import UNITS, GivenMesh, Unit, guess_unit, read_given
from hiface.transfer.unpose import OnOurSkin, Unposed, unpose
from hiface.types import Coefficients, Shape


@dataclass(frozen=True)
class MeshDetail:
    """A mesh and the detail that goes on it."""

    mesh: GivenMesh
    unit: Unit
    seen: Reconstruction
    """The photo's face, as the network sees it."""
    face: Reconstruction
    """Ours with the mesh's geometry, expression and detail: maps and coefficients are written from it."""
    fit: Unposed
    correspondence: MeshCorrespondence | None
    """None where the vertices are ours."""
    ours: Ours

    def points_mm(self) -> Float[np.ndarray, "V 3"]:
        """The mesh in mm, in its own frame."""
        return self.unit.mm * self.mesh.vertices

    def in_our_frame(self) -> Similarity:
        """From the mesh's vertices to the frame of the picture, mm of the model."""
        skin = self.ours.skin_count
        posed = self.face.shape.posed[:skin] / self.face.millimetre_factor
        on_mesh = carried(self.mesh, self.correspondence, self.ours.face)
        chosen = self.ours.narrow & (on_mesh.trust > 0.5)
        return fit_umeyama(on_mesh.points[chosen], posed[chosen])

    def triangles(self) -> Int[np.ndarray, "T 3"]:
        """Of the mesh, wound outwards."""
        return triangulate(self.polygons())

    def inner_triangles(self) -> Int[np.ndarray, "T 3"]:
        """What `fine_mesh` leaves out of a mesh of our topology: eyes, teeth and the like."""
        triangles = self.triangles()
        if self.correspondence is not None:
            return triangles[:0]
        on_skin = np.zeros(len(self.mesh.vertices), bool)
        on_skin[skin_rows(self.mesh, self.ours.face)] = True
        return triangles[~on_skin[triangles].all(1)]

    def polygons(self) -> Int[np.ndarray, "F 4"]:
        return facing_out(self.mesh.polygons, self.in_our_frame().apply(self.mesh.vertices))


def mesh_detail(
    model: HiFace, mesh: str | Path | GivenMesh, image: PhotoLike,
    correspondence: str | Path | MeshCorrespondence | None = None, neutral: str | Path | GivenMesh | None = None,
    unit: str = "auto",
) -> MeshDetail:  # fmt: skip
    """Detail for a mesh: φ from the photo, ξ and tension from the mesh (Eqs. 4 to 9).

    mesh: .obj or .ply of our topology (skin or whole head), ICT-FaceKit's, or any other with its `correspondence`.
    neutral: the same mesh without expression; otherwise it is what the fit makes. unit: a name of `UNITS`, or "auto".
    Raises `MeshError` for a mesh that is not what it should be, `AssetError` for a correspondence of another, and
    `NoFaceError` for a photo without a face.
    """
    ours = Ours.load(model.face)
    given, rest = (None if m is None else m if isinstance(m, GivenMesh) else read_given(m) for m in (mesh, neutral))
    assert given is not None
    between = correspondence
    if correspondence is not None and not isinstance(correspondence, MeshCorrespondence):
        between = MeshCorrespondence.read(correspondence)
    assert between is None or isinstance(between, MeshCorrespondence)
    if is_ours(given, model.face):
        between = None
    on_mesh = carried(given, between, model.face)
    at_rest = None if rest is None else carried(rest, between, model.face)
    seen = model.reconstruct(image)[0]
    fit = unpose(ours, on_mesh, seen.coefficients, at_rest, given.name)
    measured = guess_unit(fit.similarity.scale) if unit == "auto" else Unit(unit, UNITS[unit])
    return MeshDetail(given, measured, seen, _with_detail(model, seen, fit, measured), fit, between, ours)


def of_weights(model: HiFace, expression: Float[torch.Tensor, "E"], image: PhotoLike) -> Reconstruction:
    """The photo's face in another expression, with the detail that goes with it."""
    seen = model.reconstruct(image)[0]
    c = replace(seen.coefficients, expression=expression[None])
    gaze = model.face.gaze(expression[None].to(model.device)).cpu()
    c = replace(c, rotation=torch.cat([c.rotation[:, :2], gaze], 1))
    metric = seen.millimetre_factor, seen.metric_assumption
    return model.assemble(seen.photo, seen.box, c, metric, landmark_sigma=seen.landmark_sigma)


def is_ours(mesh: GivenMesh, face: FaceModel) -> bool:
    """Whether a mesh has the vertices of our skin, our whole head or ICT-FaceKit's, in their order."""
    count = len(mesh.vertices)
    if count not in (face.vertex_count("skin"), len(face.mean), *COUNTS["ict"]):
        return False
    polygons = face.polygons[face.polygon_range("skin")]
    if count in COUNTS["ict"]:
        polygons = np.where(polygons < 0, -1, ict_vertices(face)[polygons])
    own, given = (unique_edges(p) for p in (polygons, mesh.polygons))
    return bool(np.isin(own @ [count, 1], given @ [count, 1]).all())


def carried(mesh: GivenMesh, between: MeshCorrespondence | None, face: FaceModel) -> OnOurSkin:
    """A mesh's geometry at the vertices of our skin. Raises `MeshError` for a mesh of unknown topology."""
    skin = face.vertex_count("skin")
    if between is not None:
        between.check(mesh, face)
        return OnOurSkin(between.ours.of(mesh.vertices), between.ours.valid.astype(np.float64), False)
    if not is_ours(mesh, face):
        raise MeshError(
            f"{mesh.name}: {len(mesh.vertices)} vertices that are not ours (expected {skin} of the skin,"
            f" {len(face.mean)} of the whole head or {COUNTS['ict'][0]} of ICT-FaceKit, in their own order); make a"
            " correspondence of its template with `hiface correspond TEMPLATE --out FILE` and give --correspondence"
            " FILE"
        )
    return OnOurSkin(mesh.vertices[skin_rows(mesh, face)], np.ones(skin), True)


def skin_rows(mesh: GivenMesh, face: FaceModel) -> Int[np.ndarray, "N"]:
    """The vertices of our skin in a mesh of our topology or ICT-FaceKit's."""
    skin = face.vertex_count("skin")
    return ict_vertices(face)[:skin] if len(mesh.vertices) in COUNTS["ict"] else np.arange(skin)


@torch.no_grad()
def _with_detail(model: HiFace, seen: Reconstruction, fit: Unposed, unit: Unit) -> Reconstruction:
    """The reconstruction with the mesh's shape, expression and detail in place of the photo's."""
    face = model.face
    identity, expression = (torch.from_numpy(x)[None].float() for x in (fit.identity, fit.expression))
    c: Coefficients = replace(seen.coefficients, identity=identity, expression=expression)
    neutral = face.neutral(identity.to(model.device)).cpu()
    expressive = neutral + face.expression_offset(expression.to(model.device)).cpu()
    neutral[0, : len(fit.neutral)], expressive[0, : len(fit.neutral)] = (
        torch.from_numpy(x).float() for x in (fit.neutral, fit.expressive)
    )
    rotation = torch.cat([c.rotation[:, :2], face.gaze(expression.to(model.device)).cpu()], 1)
    c = replace(c, rotation=rotation)
    shape = Shape(neutral, expressive, expressive).to(model.device)
    detail = model.reconstructor.detail(c.to(model.device), shape)
    posed = face.pose(*(x.to(model.device) for x in (expressive, identity, rotation, c.translation)))
    factor = fit.similarity.scale * unit.mm
    names = FaceDetail.__dataclass_fields__
    return replace(
        seen,
        coefficients=c,
        shape=FaceShape(*(factor * x[0].double().cpu().numpy() for x in (neutral, expressive, posed))),
        detail=FaceDetail(**{n: getattr(detail, n)[0].cpu().numpy() for n in names}),
        arkit={n: round(float(w), 4) for n, w in zip(face.expression_names[:52], expression[0], strict=False)},
        millimetre_factor=factor,
        metric_assumption=f"the mesh's own size, its unit taken for {unit.mm:g} mm",
    )


@dataclass(frozen=True)
class FineMesh:
    """A subdivided surface in the mesh's own unit and frame, with and without displacement."""

    smooth: Float[np.ndarray, "N 3"]
    displaced: Float[np.ndarray, "N 3"]
    polygons: Int[np.ndarray, "F 4"]
    uv: Float[np.ndarray, "Vt 2"] | None
    uv_polygons: Int[np.ndarray, "F 4"] | None
    heights_mm: Float[np.ndarray, "N"]
    level: int


def fine_mesh(found: MeshDetail, level: int | None = None) -> FineMesh:
    """Their surface, split and displaced along its normals; of our own topology as `hiface reconstruct` does."""
    if found.correspondence is None:
        return _fine_of_ours(found, level)
    mesh, between = found.mesh, found.correspondence
    weight = soft_weight(between.theirs, mesh.polygons)
    polygons = found.polygons()
    level = _level(found, weight) if level is None else level
    flat = mesh.uv_polygons if mesh.has_uv else None
    if flat is not None and (polygons != mesh.polygons).any():
        flat = facing_out_like(mesh.polygons, polygons, flat)
    fine = FineSurface(polygons, len(mesh.vertices), flat, level)
    smooth = fine.smooth(mesh.vertices)
    places, soft = fine.smooth(places_on_mean(found.ours, between.theirs)), fine.smooth(weight)
    heights = heights_at(OurMap.of(found.ours), places, soft, found.face.detail.displacement)
    displaced = smooth + _normals(smooth, fine.triangles) * (heights / found.unit.mm)[:, None]
    uv = fine.uv(mesh.uv) if flat is not None else None
    return FineMesh(smooth, displaced, fine.polygons, uv, fine.uv_polygons, heights, level)


def facing_out_like(
    before: Int[np.ndarray, "F 4"], after: Int[np.ndarray, "F 4"], values: Int[np.ndarray, "F 4"]
) -> Int[np.ndarray, "F 4"]:
    """UV corners turned as `facing_out` turned the polygons."""
    if (before == after).all():
        return values
    turned, triangles = values[:, [0, 3, 2, 1]].copy(), before[:, 3] < 0
    turned[triangles] = values[triangles][:, [0, 2, 1, 3]]
    return turned


def _fine_of_ours(found: MeshDetail, level: int | None) -> FineMesh:
    from hiface.detail.displace import Displacer
    from hiface.export.folder import DETAIL_LEVEL

    face, mm = found.ours.face, found.unit.mm
    level = DETAIL_LEVEL if level is None else level
    skin = face.polygon_range("skin")
    displacer = Displacer(face.polygons[skin], face.uv, face.uv_polygons[skin], level)
    points = mm * carried(found.mesh, None, face).points
    heights = displacer.heights(found.face.detail.displacement)
    smooth, fine = displacer(points, None), displacer(points, found.face.detail.displacement)
    return FineMesh(smooth.vertices / mm, fine.vertices / mm, fine.polygons, fine.uv, fine.uv_polygons, heights, level)


def _level(found: MeshDetail, weight: Float[np.ndarray, "V"]) -> int:
    edges = unique_edges(found.mesh.polygons)
    edges = edges[(weight[edges] > 0.5).all(1)]
    points = found.points_mm()
    length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    return usual_level(float(np.median(length)) if len(length) else 1.0, len(found.mesh.polygons))


def _normals(points: Float[np.ndarray, "N 3"], triangles: Int[np.ndarray, "T 3"]) -> Float[np.ndarray, "N 3"]:
    from hiface.geometry.normals import vertex_normals

    return np.asarray(vertex_normals(torch.from_numpy(points)[None], torch.from_numpy(triangles))[0].numpy())
