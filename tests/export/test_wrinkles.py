"""Wrinkles in a GLB: what the file says, what the rule gives, and that its normals are those of a displaced mesh."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from gltf_reader import Document
from shipped_face import shipped

from hiface.detail.displace import Displacer
from hiface.detail.regional import RegionalRule
from hiface.detail.regions import REGIONS, region_windows
from hiface.detail.sddetail import SDDetail
from hiface.export.corners import pieces, tangent_frame
from hiface.export.glb import GlbTextures, write_glb
from hiface.export.maps import normal_map
from hiface.export.wrinkle_shader import tension_map, wrinkled_normals
from hiface.export.wrinkles import WrinkleMaps, _mask_texels, _packed, face_rule, surface_steps
from hiface.face.asset import ARKIT
from hiface.geometry.normals import vertex_normals
from hiface.geometry.tension import CEILING
from hiface.geometry.topology import triangulate
from hiface.geometry.uv import UVAtlas
from tiny import detail_basis, face_model

SIDE = 256


@pytest.fixture(scope="module")
def detail():
    return SDDetail.of_face(shipped(), detail_basis(128), width=8)


@pytest.fixture(scope="module")
def rule(detail):
    with torch.no_grad():
        return face_rule(shipped(), detail, shipped().mean[: detail.vertex_count])


def handmade(coefficients=None):
    """Maps of a tilted, a flat and a doubly tilted skin, and a rule of ARKit's units."""
    rng = np.random.default_rng(0)
    if coefficients is None:
        coefficients = rng.uniform(-0.5, 0.5, (len(REGIONS), len(ARKIT)))
    up = [
        np.broadcast_to(np.array(c, np.uint8), (16, 16, 3)).copy()
        for c in ((128, 128, 255), (90, 128, 250), (128, 100, 252))
    ]
    masks = tuple(np.full((8, 8, 4), v, np.uint8) for v in (40, 10, 5, 5))
    return WrinkleMaps(*up, masks, RegionalRule(np.zeros((len(REGIONS), 1)), coefficients), ARKIT, "plain")


def test_the_extras_name_textures_channels_and_units(tmp_path):
    face = face_model(tmp_path)
    maps, picture = handmade(), np.zeros((8, 8, 3), np.uint8)
    path = tmp_path / "face.glb"
    pictures = GlbTextures(picture, picture, picture, picture, maps)
    write_glb(path, face, face.mean.numpy(), face.joint_mean.numpy(), pictures)
    document = Document(path)
    (found,) = [m.extras for m in document.gltf.materials if m.extras]
    block = json.loads(json.dumps(found))["hiface_wrinkles"]
    assert (block["version"], block["limit"], block["tension"]) == (1, CEILING, "plain")
    textures = [block["rest"], block["compressed"], block["stretched"], *block["masks"]]
    names = [document.gltf.images[document.gltf.textures[k].source].name for k in textures]
    assert names == [f"wrinkles_{name}" for name in maps.pictures()]
    for index, wanted in zip(textures, maps.pictures().values(), strict=True):
        stored = cv2.imdecode(document.image(document.gltf.textures[index].source), cv2.IMREAD_UNCHANGED)
        code = cv2.COLOR_BGRA2RGBA if wanted.shape[2] == 4 else cv2.COLOR_BGR2RGB
        np.testing.assert_array_equal(cv2.cvtColor(stored, code), wanted)
    targets = document.mesh.extras["targetNames"]
    assert [r["name"] for r in block["regions"]] == [r.name for r in REGIONS]
    places = [(r["mask"], r["channel"]) for r in block["regions"]]
    assert places == [(k // 4, "rgba"[k % 4]) for k in range(len(REGIONS))]
    for region, row in zip(block["regions"], maps.rule.coefficients, strict=True):
        assert set(region["weights"]) <= set(targets)
        table = [region["weights"].get(name, 0.0) for name in ARKIT]
        np.testing.assert_allclose(table, row, atol=0.0051)
    standard = next(m for m in document.gltf.materials if m.name == "face").normalTexture.index
    assert document.gltf.images[document.gltf.textures[standard].source].name == "normal"


def test_a_file_without_wrinkles_has_no_extras(tmp_path):
    face, picture = face_model(tmp_path), np.zeros((8, 8, 3), np.uint8)
    write_glb(
        tmp_path / "f.glb", face, face.mean.numpy(), face.joint_mean.numpy(), GlbTextures(picture, picture, picture)
    )
    assert not any(m.extras for m in Document(tmp_path / "f.glb").gltf.materials)


def test_the_shader_shows_rest_compressed_and_stretched_skin():
    """One region over all the tile, driven to 1, 0 and −1 by one unit."""
    coefficients = np.zeros((len(REGIONS), len(ARKIT)))
    coefficients[0, 0] = 255 / 40  # the mask holds 40 of 255
    maps = replace(handmade(coefficients))
    assert (tension_map(maps, {}) == 0).all()
    limit = CEILING * 40 / 255
    np.testing.assert_allclose(tension_map(maps, {ARKIT[0]: 1.0}), limit, rtol=1e-5)
    np.testing.assert_allclose(tension_map(maps, {ARKIT[0]: 0.1}), 0.1, rtol=1e-5)
    rest, compressed, stretched = (decoded(p) for p in (maps.rest, maps.compressed, maps.stretched))
    np.testing.assert_allclose(wrinkled_normals(maps, {}), rest, atol=1e-9)
    for weight, end in ((0.1, compressed), (-0.1, stretched)):
        slope = 0.9 * rest[..., :2] / rest[..., 2:] + 0.1 * end[..., :2] / end[..., 2:]
        found = wrinkled_normals(maps, {ARKIT[0]: weight})
        np.testing.assert_allclose(found[..., :2] / found[..., 2:], slope, atol=1e-6)


def decoded(picture):
    normal = 2 * picture.astype(float) / 255 - 1
    return normal / np.linalg.norm(normal, axis=-1, keepdims=True)


def test_windows_and_masks_add_up_to_one_at_most_and_mirror(detail, rule):
    windows = region_windows(shipped())
    assert windows.min() >= 0
    assert windows.sum(0).max() <= 1 + 1e-6
    assert windows.sum(0)[shipped().mean[: windows.shape[1], 2] > 90].mean() > 0.7
    packed = np.concatenate(_packed(_mask_texels(detail, rule)), -1)
    assert packed.astype(int).sum(-1).max() <= 255
    names = [r.name for r in REGIONS]
    mirror = shipped().symmetry[: windows.shape[1]]
    for left in (n for n in names if n.endswith("_left")):
        one, other = (rule.masks[names.index(n)] for n in (left, left.replace("_left", "_right")))
        assert np.corrcoef(one, other[mirror])[0, 1] > 0.97


def test_brows_raised_give_the_forehead_its_own_mean_tension(detail, rule):
    face, count = shipped(), detail.vertex_count
    unit = ARKIT.index("browInnerUp")
    neutral = face.mean[None, :count]
    with torch.no_grad():
        exact = detail.tension(neutral + face.expression_basis[unit, :count], neutral)[0].numpy()
    names = [r.name for r in REGIONS]
    weights = np.eye(len(ARKIT))[unit]
    mask = rule.masks[names.index("forehead_middle")]
    wanted = (mask * exact).sum() / mask.sum()
    assert wanted > 0.5
    assert (mask * rule.tension_map(weights)).sum() / mask.sum() == pytest.approx(wanted, rel=0.1)
    top = rule.tension(weights)[names.index("forehead_middle")] * mask.max()
    assert wanted < top < 1.3 * exact[mask > 0].max()  # the best fit, not the tension of one vertex
    for far in ("upper_lip", "chin_and_jaw", "cheek_left"):
        assert abs(rule.tension(weights)[names.index(far)]) < 0.1
    both = np.abs(exact - rule.tension_map(weights)) * mask
    assert both.sum() / (np.abs(exact) * mask).sum() < 0.25


def test_normal_maps_are_the_normals_of_the_displaced_mesh():
    """A relief of waves some 15 mm long, up to 1.6 mm high, on the shipped face: the map, unpacked on the smooth
    surface as a viewer unpacks it, and the vertex normals of the mesh that `Displacer` moves."""
    face = shipped()
    relief = waves()
    skin = face.polygon_range("face")
    displacer = Displacer(face.polygons[skin], face.uv, face.uv_polygons[skin], 2)
    vertices = face.mean.numpy()
    smooth, raised = (displacer(vertices, d) for d in (None, relief))
    triangles = triangulate(smooth.polygons)
    corners = triangulate(np.where(smooth.polygons < 0, -1, smooth.uv_polygons))
    atlas = UVAtlas.build(smooth.uv, corners, triangles, SIDE)
    flat, real = (normals(mesh.vertices, triangles, atlas) for mesh in (smooth, raised))
    along = tangent_texels(face, vertices)
    along -= flat * (along * flat).sum(-1, keepdims=True)
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    seen = decoded(normal_map(relief, surface_steps(face, vertices, SIDE)))
    seen = seen[..., :1] * along + seen[..., 1:2] * np.cross(flat, along) + seen[..., 2:] * flat
    inside = inner_skin(face, atlas.mask.numpy())
    angle, missed = (np.degrees(np.arccos((n * real).sum(-1).clip(-1, 1)))[inside] for n in (seen, flat))
    assert np.quantile(missed, 0.95) > 8  # what no map would miss
    assert np.median(angle) < 0.6
    assert np.quantile(angle, 0.95) < 2


def waves():
    """Smooth noise as a relief, mm."""
    noise = np.random.default_rng(5).normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 4)
    return 1.6 * smooth / np.abs(smooth).max()


def normals(vertices, triangles, atlas):
    found = vertex_normals(torch.from_numpy(vertices)[None], torch.from_numpy(triangles))
    texels = atlas.bake(found)[0].numpy()
    return texels / np.linalg.norm(texels, axis=-1, keepdims=True)


def tangent_texels(face, vertices):
    """glTF's tangents, interpolated as a viewer does."""
    piece = pieces(face)[0]
    tangent = tangent_frame(piece, vertices, piece.surface.normals(vertices)[piece.source])[:, :3].copy()
    return (
        UVAtlas.build(piece.uv, piece.triangles, piece.triangles, SIDE).bake(torch.from_numpy(tangent)[None])[0].numpy()
    )


def inner_skin(face, mask):
    """Texels of the front of the face, away from lids, nostrils, the inside of the mouth and the border."""
    windows = torch.from_numpy(region_windows(face).sum(0)[:, None])[None]
    inside = face.atlas(SIDE).bake(windows)[0, ..., 0].numpy() > 0.5
    return cv2.erode((inside & mask).astype(np.uint8), np.ones((9, 9))) > 0
