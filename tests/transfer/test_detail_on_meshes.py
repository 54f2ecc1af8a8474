"""Detail on a mesh against the detail of the face that it shows."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import scipy.optimize

from conftest import TURN, as_mesh, moved
from hiface.detail.displace import Displacer
from hiface.errors import MeshError, NoFaceError
from hiface.export.maps import MapRange, read_map16
from hiface.export.obj import read_obj, write_obj
from hiface.model import HiFace
from hiface.transfer.bake import bake
from hiface.transfer.decorate import fine_mesh, mesh_detail
from hiface.transfer.fine import OurMap, heights_at, places_on_mean, soft_weight, usual_level
from hiface.transfer.folder import write_detail
from hiface.transfer.unpose import bounded
from test_correspond import ict_mesh

PHOTO = np.zeros((8, 8, 3), np.uint8)


def far(found, seen):
    """How far the displacement is from the face's own: root mean square, parts of its own."""
    off, own = found.face.detail.displacement - seen.detail.displacement, seen.detail.displacement
    return float(np.sqrt(np.mean(off**2) / np.mean(own**2)))


def test_our_own_mesh_gets_its_own_detail(model, seen):
    """Posed and scaled, with and without its neutral: what reconstruct makes, to numerical precision."""
    posed, neutral = (as_mesh(model.face, v) for v in (seen.shape.posed, seen.shape.neutral))
    for rest in (neutral, None):
        found = mesh_detail(model, posed, PHOTO, neutral=rest)
        for name in ("displacement", "tension", "compressed"):
            own, given = (getattr(x.detail, name) for x in (seen, found.face))
            assert np.abs(own - given).max() < 1e-3 * np.abs(own).max(), name
        assert found.unit.name == "mm"
        np.testing.assert_allclose(found.fit.expression, seen.coefficients.expression[0], atol=1e-3)
        np.testing.assert_allclose(found.face.shape.posed, seen.shape.posed, atol=0.01)
        skin = model.face.polygon_range("skin")
        displacer = Displacer(model.face.polygons[skin], model.face.uv, model.face.uv_polygons[skin], 1)
        wanted = displacer(seen.shape.posed, seen.detail.displacement).vertices
        np.testing.assert_allclose(fine_mesh(found, 1).displaced, wanted, atol=1e-3)


def test_skin_alone_and_icts_numbers_are_ours_too(model, seen):
    skin = as_mesh(model.face, seen.shape.posed[: model.face.vertex_count("skin")])
    for mesh in (skin, ict_mesh(model.face, seen.shape.posed)):
        assert far(mesh_detail(model, mesh, PHOTO), seen) < 1e-3


def test_motion_and_unit_change_nothing(model, seen, bfm):
    ours = as_mesh(model.face, seen.shape.posed)
    theirs = bfm.head.of(seen.shape.posed[: model.face.vertex_count("skin")].astype(np.float64))
    for mesh, between in ((ours, None), (theirs, bfm.done.file)):
        here = mesh_detail(model, mesh, PHOTO, between)
        there = mesh_detail(model, moved(mesh, TURN, 0.001 if between is None else 0.01), PHOTO, between)
        assert there.unit.name == "m"
        np.testing.assert_allclose(there.face.detail.displacement, here.face.detail.displacement, atol=2e-5)
        fine, other = fine_mesh(here, 0 if between else 1), fine_mesh(there, 0 if between else 1)
        np.testing.assert_allclose(other.heights_mm, fine.heights_mm, atol=2e-5)


def test_another_expression_than_the_photos_is_found(model, ours, flame, bfm):
    """A neutral mesh of the person whom the photo shows smiling."""
    neutral = model.known.shape.neutral.astype(np.float64)
    for mesh, between in (
        (as_mesh(model.face, neutral), None),
        (bfm.head.of(neutral[: ours.skin_count]), bfm.done.file),
    ):
        found = mesh_detail(model, mesh, PHOTO, between)
        smile = found.face.arkit["mouthSmileLeft"], found.face.arkit["mouthSmileRight"]
        assert max(smile) < 0.12
        assert np.abs(found.face.detail.tension).mean() < 0.3 * np.abs(model.known.detail.tension).mean()


@pytest.mark.parametrize("with_neutral", [True, False])
def test_other_topologies_get_nearly_the_same(model, ours, seen, flame, bfm, with_neutral):
    posed, neutral = (v[: ours.skin_count].astype(np.float64) for v in (seen.shape.posed, seen.shape.neutral))
    for case in (flame, bfm):
        rest = case.head.of(neutral) if with_neutral else None
        found = mesh_detail(model, case.head.of(posed, TURN), PHOTO, case.done.file, rest)
        assert far(found, seen) < 0.12
        assert found.fit.residual_mm < 0.5


def test_displacement_goes_where_it_belongs(model, ours, seen, bfm, flame):
    """Each vertex of theirs gets what our map has at its true place; far from the tile there is none."""
    posed = seen.shape.posed[: ours.skin_count].astype(np.float64)
    maps = OurMap.of(ours)
    for case in (bfm, flame):
        found = mesh_detail(model, case.head.of(posed), PHOTO, case.done.file)
        fine = fine_mesh(found, 0)
        truth = np.einsum("nk,nkx->nx", case.head.weight, ours.mean[case.head.index])
        wanted = maps.at(truth, found.face.detail.displacement)
        inside = soft_weight(case.done.file.theirs, found.mesh.polygons) > 0.99
        off = fine.heights_mm - wanted
        assert np.sqrt(np.mean(off[inside] ** 2)) < 0.25 * np.sqrt(np.mean(wanted[inside] ** 2))
        moved_by = np.linalg.norm(fine.displaced - fine.smooth, axis=1) * found.unit.mm
        np.testing.assert_allclose(moved_by, np.abs(fine.heights_mm), atol=1e-6)
    outside = ours.face.region("scalp")[case.head.index].all(1) & (maps.fade[case.head.index] == 0).all(1)
    assert outside.sum() > 20
    assert np.abs(fine.heights_mm[outside]).max() < 1e-3


def test_baked_maps_are_the_heights(model, ours, seen, bfm):
    found = mesh_detail(model, bfm.head.of(seen.shape.posed[: ours.skin_count].astype(float)), PHOTO, bfm.done.file)
    theirs, mesh = bfm.done.file.theirs, found.mesh
    places, weight, maps = places_on_mean(ours, theirs), soft_weight(theirs, mesh.polygons), OurMap.of(ours)
    baked = bake(mesh, found.points_mm(), places, weight, maps, found.face.detail.displacement, 256)
    heights = heights_at(maps, places, weight, found.face.detail.displacement)
    column, row = mesh.uv[:, 0] * 256, (1 - mesh.uv[:, 1]) * 256
    there = cv2.remap(
        baked.displacement.astype(np.float32), (column - 0.5).astype(np.float32), (row - 0.5).astype(np.float32),
        cv2.INTER_LINEAR,
    )[:, 0]  # fmt: skip
    assert np.median(np.abs(there - heights)) < 0.02 * np.abs(heights).max()
    assert baked.normal[..., 2].mean() > 230  # mostly outwards


def test_files(model, ours, seen, bfm, tmp_path):
    mesh = bfm.head.of(seen.shape.posed[: ours.skin_count].astype(np.float64))
    write_obj(tmp_path / "posed.obj", mesh.vertices, mesh.polygons, mesh.uv, mesh.uv_polygons)
    bfm.done.file.write(tmp_path / "bfm.safetensors")
    found = mesh_detail(model, tmp_path / "posed.obj", PHOTO, tmp_path / "bfm.safetensors")
    folder = write_detail(found, tmp_path / "out", level=0, uv_side=128)
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    wanted = {"coarse.obj", "detail.obj", "detail.json", "overview.png", "coefficients.safetensors",
              "maps/displacement.png", "maps/displacement_their_uv.png", "maps/normal_their_uv.png"}  # fmt: skip
    assert wanted <= names
    coarse, fine = (read_obj(folder / n) for n in ("coarse.obj", "detail.obj"))
    np.testing.assert_allclose(coarse.vertices, mesh.vertices, atol=1e-4)
    assert len(fine.vertices) == len(mesh.vertices)
    assert len(fine.uv) == len(mesh.uv)
    told = found.face.detail.displacement
    span = MapRange(float(told.min()), float(told.max()))
    assert read_map16(folder / "maps/displacement.png", span).shape == (512, 512)
    with pytest.raises(NoFaceError, match="no face found"):
        HiFace.reconstruct(model, np.full((64, 64, 3), 200, np.uint8))


def test_meshes_of_unknown_topology_are_refused(model, ours, seen, bfm):
    mesh = as_mesh(model.face, seen.shape.posed)
    order = np.random.default_rng(0).permutation(len(mesh.vertices))
    shuffled = replace(mesh, polygons=np.where(mesh.polygons < 0, -1, order[mesh.polygons]))
    for wrong in (shuffled, bfm.template):
        with pytest.raises(MeshError, match=r"vertices that are not ours.*hiface correspond"):
            mesh_detail(model, wrong, PHOTO)
    half = replace(bfm.done.file, ours=replace(bfm.done.file.ours, valid=np.zeros(ours.skin_count, bool)))
    with pytest.raises(MeshError, match="of the face; give one with a whole face"):
        mesh_detail(model, bfm.template, PHOTO, half)


def test_bounded_squares_are_scipys():
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.standard_normal((30, 12)), rng.standard_normal(30)
        low, high = np.full(12, -np.inf), np.full(12, np.inf)
        low[4:], high[4:] = 0, 0.2
        wanted = scipy.optimize.lsq_linear(a, b, (low, high), "bvls").x
        np.testing.assert_allclose(bounded(a.T @ a, a.T @ b, low, high), wanted, atol=1e-9)


def test_levels():
    assert [usual_level(e, 1000) for e in (0.7, 1.1, 3.9, 30.0)] == [0, 1, 2, 3]
    assert usual_level(30.0, 100_000) == 1
