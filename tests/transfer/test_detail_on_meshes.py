"""Detail on a mesh against the detail of the face that it shows."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import scipy.optimize

from hiface.detail.displace import Displacer
from hiface.errors import MeshError, NoFaceError
from hiface.export.maps import MapRange, read_map16
from hiface.export.obj import read_obj, write_obj
from hiface.model import HiFace
from hiface.transfer.bake import bake
from hiface.transfer.decorate import carried, fine_mesh, is_ours, mesh_detail
from hiface.transfer.fine import OurMap, heights_at, places_on_mean, soft_weight, usual_level
from hiface.transfer.folder import write_detail
from hiface.transfer.meshes import read_given
from hiface.transfer.unpose import bounded
from resampled import PHOTO, TURN, as_mesh, ict_mesh, moved, shown_by


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


def test_skin_alone_is_enough(model, seen):
    skin, whole = (as_mesh(model.face, seen.shape.posed[:n]) for n in (model.face.vertex_count("skin"), None))
    for mesh in (skin, whole):
        assert is_ours(mesh, model.face)
        np.testing.assert_array_equal(carried(mesh, None, model.face).points, skin.vertices)


def test_motion_and_unit_change_nothing(model, on_bfm, bfm):
    there = mesh_detail(model, moved(on_bfm.mesh, TURN, 0.01), PHOTO, bfm.done.file)
    assert (on_bfm.unit.name, there.unit.name) == ("cm", "m")
    here, other = on_bfm.face.detail.displacement, there.face.detail.displacement
    np.testing.assert_allclose(other, here, atol=2e-5)
    np.testing.assert_allclose(fine_mesh(there, 0).heights_mm, fine_mesh(on_bfm, 0).heights_mm, atol=2e-5)


def test_icts_numbers_are_ours_wherever_they_stand(model, seen):
    found = mesh_detail(model, moved(ict_mesh(model.face, seen.shape.posed), TURN, 0.1), PHOTO)
    assert found.unit.name == "cm"
    assert far(found, seen) < 1e-3


def test_another_expression_than_the_photos_is_found(model, ours, bfm):
    """A neutral mesh of the person whom the photo shows smiling."""
    neutral = model.known.shape.neutral[: ours.skin_count].astype(np.float64)
    found = mesh_detail(model, bfm.head.of(neutral), PHOTO, bfm.done.file)
    assert max(found.face.arkit["mouthSmileLeft"], found.face.arkit["mouthSmileRight"]) < 0.12
    assert np.abs(found.face.detail.tension).mean() < 0.3 * np.abs(model.known.detail.tension).mean()


def test_other_topologies_get_nearly_the_same(model, seen, flame, on_flame, on_bfm):
    neutral = seen.shape.neutral[: len(flame.skin)].astype(np.float64)
    given = mesh_detail(model, shown_by(flame, seen, TURN), PHOTO, flame.done.file, flame.head.of(neutral))
    for found in (on_flame, on_bfm, given):
        assert far(found, seen) < 0.12
        assert found.fit.residual_mm < 0.5


def test_displacement_goes_where_it_belongs(ours, bfm, flame, on_bfm, on_flame):
    """Each vertex of theirs gets what our map has at its true place; far from the tile there is none."""
    maps = OurMap.of(ours)
    for case, found in ((bfm, on_bfm), (flame, on_flame)):
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


def test_baked_maps_are_the_heights(ours, bfm, on_bfm):
    theirs, mesh, displacement = bfm.done.file.theirs, on_bfm.mesh, on_bfm.face.detail.displacement
    places, weight, maps = places_on_mean(ours, theirs), soft_weight(theirs, mesh.polygons), OurMap.of(ours)
    baked = bake(mesh, on_bfm.points_mm(), places, weight, maps, displacement, 256)
    heights = heights_at(maps, places, weight, displacement)
    where = (256 * np.stack([mesh.uv[:, 0], 1 - mesh.uv[:, 1]]) - 0.5).astype(np.float32)
    there = cv2.remap(baked.displacement.astype(np.float32), *where, cv2.INTER_LINEAR)[:, 0]
    assert np.median(np.abs(there - heights)) < 0.02 * np.abs(heights).max()
    assert baked.normal[..., 2].mean() > 230  # mostly outwards


def test_files(model, seen, bfm, on_bfm, tmp_path):
    mesh = on_bfm.mesh
    write_obj(tmp_path / "posed.obj", mesh.vertices, mesh.polygons, mesh.uv, mesh.uv_polygons)
    read = read_given(tmp_path / "posed.obj")
    assert read.topology == bfm.done.file.topology
    folder = write_detail(on_bfm, tmp_path / "out", level=0, uv_side=128)
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    wanted = {"coarse.obj", "detail.obj", "detail.json", "overview.png", "coefficients.safetensors",
              "maps/displacement.png", "maps/displacement_their_uv.png", "maps/normal_their_uv.png"}  # fmt: skip
    assert wanted <= names
    coarse, fine = (read_obj(folder / n) for n in ("coarse.obj", "detail.obj"))
    np.testing.assert_allclose(coarse.vertices, mesh.vertices, atol=1e-4)
    assert len(fine.vertices) == len(mesh.vertices)
    assert len(fine.uv) == len(mesh.uv)
    span = json.loads((folder / "detail.json").read_text())["displacement_mm"]["displacement"]
    stored = read_map16(folder / "maps/displacement.png", MapRange(**span))
    assert abs(stored.max() - seen.detail.displacement.max()) < 0.2 * np.ptp(stored)


def test_a_photo_without_a_face_is_told(model):
    with pytest.raises(NoFaceError, match="no face found"):
        HiFace.reconstruct(model, np.full((64, 64, 3), 200, np.uint8))


def test_meshes_of_unknown_topology_are_refused(model, ours, seen, bfm):
    mesh = as_mesh(model.face, seen.shape.posed)
    order = np.random.default_rng(0).permutation(len(mesh.vertices))
    shuffled = replace(mesh, polygons=np.where(mesh.polygons < 0, -1, order[mesh.polygons]))
    for wrong in (shuffled, bfm.template):
        with pytest.raises(MeshError, match=r"vertices that are not ours.*hiface correspond"):
            mesh_detail(model, wrong, PHOTO)
    with pytest.raises(MeshError, match=r"mine.obj: is 10.* times the size of its neutral"):
        mesh_detail(model, mesh, PHOTO, neutral=replace(mesh, vertices=0.1 * mesh.vertices))
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
