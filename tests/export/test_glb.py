"""A GLB says what the face model says: positions, targets, skin, textures; and it is valid glTF."""

import os
import shutil
import subprocess

import cv2
import numpy as np
import pytest
import torch
from gltf_reader import Document

from hiface.errors import MeshError, OutputError
from hiface.export.corners import pieces
from hiface.export.eyes import EyeTextures
from hiface.export.glb import GlbTextures, write_glb
from hiface.export.morphs import TOLERANCE_MM
from hiface.face.asset import ARKIT
from hiface.face.model import FaceModel
from hiface.geometry.skinning import skin
from tiny import face_model

FACTOR = 1.07
VALIDATOR = "HIFACE_GLTF_VALIDATOR"
"""Environment variable: a node_modules folder with the npm package gltf-validator."""


@pytest.fixture(scope="module")
def face(tmp_path_factory):
    return face_model(tmp_path_factory.mktemp("face"))


def textures(side=16):
    rng = np.random.default_rng(0)
    return GlbTextures(*(rng.integers(0, 255, (side, side, 3), np.uint8) for _ in range(4)))


def person(face):
    identity = torch.randn(1, face.identity_size, generator=torch.Generator().manual_seed(1))
    return FACTOR * face.neutral(identity)[0].numpy(), FACTOR * face.joints(identity)[0].numpy()


def write(face, path, **options):
    neutral, joints = person(face)
    write_glb(path, face, neutral, joints, textures(), factor=FACTOR, **options)
    return Document(path), neutral, joints


@pytest.fixture(scope="module")
def written(face, tmp_path_factory):
    weights = np.linspace(0, 1, face.expression_size)
    return write(face, tmp_path_factory.mktemp("glb") / "face.glb", weights=weights)


def test_neutral_and_targets_are_the_models_in_metres(face, written):
    document, neutral, joints = written
    for piece in pieces(face):
        primitive = document.primitive(piece.name)
        base = document.array(primitive.attributes.POSITION)
        np.testing.assert_allclose(base, neutral[piece.source] / 1000, atol=1e-7)
        assert len(primitive.targets) == face.expression_size
        for k, target in enumerate(primitive.targets):
            weights = torch.zeros(1, face.expression_size)
            weights[0, k] = 1
            turned = torch.zeros(1, 4, 3)
            turned[:, 2:] = face.gaze(weights)
            moved = torch.from_numpy(neutral)[None] + FACTOR * face.expression_offset(weights)
            rest = torch.from_numpy(joints)[None]
            moved = skin(moved, turned, rest, face.skin_weights, face.joint_parents)[0].numpy()
            found = base + document.array(target["POSITION"])
            np.testing.assert_allclose(found, moved[piece.source] / 1000, atol=1.1e-3 * TOLERANCE_MM)


def test_names_and_weights_come_in_the_models_order(face, written):
    document, _, _ = written
    names = document.mesh.extras["targetNames"]
    assert tuple(names[:52]) == ARKIT
    assert names == list(face.expression_names)
    np.testing.assert_allclose(document.mesh.weights, np.linspace(0, 1, face.expression_size), atol=1e-5)


def test_opens_neutral_without_weights(face, tmp_path):
    document, _, _ = write(face, tmp_path / "face.glb")
    assert document.mesh.weights == [0.0] * len(ARKIT)


def test_further_expressions_are_written_where_the_face_uses_them(face, tmp_path):
    weights = np.zeros(face.expression_size)
    weights[-1] = 0.3
    document, _, _ = write(face, tmp_path / "face.glb", weights=weights)
    assert document.mesh.extras["targetNames"] == [*ARKIT, face.expression_names[-1]]
    assert document.mesh.weights[-1] == 0.3
    assert all(len(p.targets) == len(ARKIT) + 1 for p in document.mesh.primitives)


def test_accessors_keep_the_rules(written):
    document, _, _ = written
    for k, accessor in enumerate(document.gltf.accessors):
        rows = document.array(k)
        assert np.isfinite(rows).all()
        if accessor.min:
            np.testing.assert_array_equal(rows.min(0), np.float32(accessor.min))
            np.testing.assert_array_equal(rows.max(0), np.float32(accessor.max))
        view = document.gltf.bufferViews[accessor.bufferView or 0]
        assert (view.byteOffset + (accessor.byteOffset or 0)) % 4 == 0
    for primitive in document.mesh.primitives:
        a = primitive.attributes
        count = document.gltf.accessors[a.POSITION].count
        assert document.array(primitive.indices).max() < count
        assert document.gltf.accessors[a.POSITION].min
        weights, bound = document.array(a.WEIGHTS_0), document.array(a.JOINTS_0)
        np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
        assert bound.max() < 4
        assert (bound[weights == 0] == 0).all()
        np.testing.assert_allclose(np.linalg.norm(document.array(a.NORMAL), axis=1), 1, atol=1e-5)
        assert all(document.gltf.accessors[t["POSITION"]].count == count for t in primitive.targets)
        assert all(document.gltf.accessors[t["POSITION"]].min for t in primitive.targets)


def test_normals_are_one_across_uv_seams_and_uv_is_turned(face, written):
    document, _, _ = written
    piece = pieces(face)[0]
    a = document.primitive("face").attributes
    normals = document.array(a.NORMAL)
    first = np.unique(piece.source, return_index=True)[1]
    of_vertex = np.zeros((len(face.mean), 3), np.float32)
    of_vertex[piece.source[first]] = normals[first]
    np.testing.assert_array_equal(normals, of_vertex[piece.source])
    uv = document.array(a.TEXCOORD_0)
    np.testing.assert_allclose(uv[:, 0], piece.uv[:, 0])
    np.testing.assert_allclose(uv[:, 1], 1 - piece.uv[:, 1])


def test_tangents_run_along_u_and_their_cross_along_v(shipped):
    """The frame in which `maps.normal_map` is written: tangent along ∂P/∂u, n × t towards v up."""
    face, _, document = shipped
    piece = pieces(face)[0]
    a = document.primitive("face").attributes
    normal, tangent = document.array(a.NORMAL), document.array(a.TANGENT)
    np.testing.assert_allclose(np.linalg.norm(tangent[:, :3], axis=1), 1, atol=1e-5)
    assert np.abs(np.einsum("nx,nx->n", normal, tangent[:, :3])).max() < 1e-4
    assert (tangent[:, 3] == 1).all()  # the tile is not mirrored anywhere
    corners = document.array(a.POSITION)[piece.triangles]
    uv = document.array(a.TEXCOORD_0)[piece.triangles]
    edges = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], 2)
    plane = np.stack([uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]], 2)
    large = np.abs(np.linalg.det(plane)) > 1e-6
    per_uv = edges[large] @ np.linalg.inv(plane[large])
    along, down = per_uv[..., 0], per_uv[..., 1]
    first = piece.triangles[large, 0]
    bitangent = np.cross(normal[first], tangent[first, :3]) * tangent[first, 3:]
    assert np.median(cosine(tangent[first, :3], along)) > 0.99
    assert np.median(cosine(bitangent, -down)) > 0.95
    assert np.quantile(cosine(bitangent, -down), 0.02) > 0


def cosine(a, b):
    return np.einsum("nx,nx->n", a, b) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_targets_of_normals_are_those_of_the_moved_surface(face, written):
    document, neutral, _ = written
    piece, primitive = pieces(face)[0], document.primitive("face")
    rest = document.array(primitive.attributes.NORMAL)
    for k in (0, 24):
        moved = neutral + FACTOR * face.expression_basis[k].numpy()
        wanted = piece.surface.normals(moved)[piece.source]
        np.testing.assert_allclose(rest + document.array(primitive.targets[k]["NORMAL"]), wanted, atol=0.0101)


def test_joints_carry_the_mesh_as_the_model_poses_it(face, tmp_path):
    rotation = np.array([[0.1, 0.2, -0.05], [0.05, -0.3, 0.1], [0, 0, 0], [0, 0, 0]], np.float32)
    document, neutral, joints = write(face, tmp_path / "face.glb", rotation=rotation)
    skin_ = document.gltf.skins[0]
    inverse = document.array(skin_.inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)
    world = {}
    for k in skin_.joints:
        node = document.gltf.nodes[k]
        parent = next((p for p in skin_.joints if k in (document.gltf.nodes[p].children or [])), None)
        local = np.eye(4)
        local[:3, 3] = node.translation
        local[:3, :3] = from_quaternion(node.rotation or [0, 0, 0, 1])
        world[k] = local if parent is None else world[parent] @ local
    assert [document.gltf.nodes[k].name for k in skin_.joints] == ["neck", "head", "left_eye", "right_eye"]
    matrices = np.stack([world[k] for k in skin_.joints]) @ inverse
    rest = torch.from_numpy(joints)[None]
    wanted = skin(
        torch.from_numpy(neutral)[None], torch.from_numpy(rotation)[None], rest, face.skin_weights, face.joint_parents
    )[0].numpy()  # fmt: skip
    for piece in pieces(face):
        a = document.primitive(piece.name).attributes
        points = np.c_[document.array(a.POSITION), np.ones(len(piece.source))]
        weights, bound = document.array(a.WEIGHTS_0), document.array(a.JOINTS_0)
        posed = np.einsum("nj,njxy,ny->nx", weights, matrices[bound], points)[:, :3]
        np.testing.assert_allclose(posed, wanted[piece.source] / 1000, atol=1e-6)


def from_quaternion(q):
    x, y, z, w = q
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def test_pictures_are_in_the_file(written):
    document, _, _ = written
    for k, image in enumerate(document.gltf.images):
        decoded = cv2.imdecode(document.image(k), cv2.IMREAD_UNCHANGED)
        assert decoded is not None, image.name
    normal = next(k for k, i in enumerate(document.gltf.images) if i.name == "normal")
    stored = cv2.cvtColor(cv2.imdecode(document.image(normal), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(stored, textures().normal)


def test_wrong_arrays_and_places_are_refused(face, tmp_path):
    neutral, joints = person(face)
    with pytest.raises(MeshError, match="neutral"):
        write_glb(tmp_path / "a.glb", face, neutral[:-1], joints, textures())
    with pytest.raises(MeshError, match="weights"):
        write_glb(tmp_path / "a.glb", face, neutral, joints, textures(), weights=np.zeros(3))
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        write_glb(tmp_path / "file" / "a.glb", face, neutral, joints, textures())
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """The shipped face with pictures as large and as busy as real ones."""
    face = FaceModel.load()
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (1024, 1024, 3)), (0, 0), 1.5)
    busy = np.clip(128 + 90 * noise, 0, 255).astype(np.uint8)
    pictures = GlbTextures(busy, busy[:512, :512], EyeTextures.load().map("blue", 512), busy)
    path = tmp_path_factory.mktemp("shipped") / "face.glb"
    write_glb(
        path, face, face.mean.numpy(), face.joint_mean.numpy(), pictures, extras={"asset_ids": {"face": face.hash}}
    )
    return face, path, Document(path)


def test_shipped_face_fits_its_size_and_has_all_its_parts(shipped):
    face, path, document = shipped
    assert path.stat().st_size < 12 * 2**20
    assert document.gltf.asset.extras["asset_ids"] == {"face": face.hash}
    names = [document.gltf.materials[p.material].name for p in document.mesh.primitives]
    assert names == ["face", "head", "eyes", "teeth", "gums", "mouth", "sockets", "lashes"]
    triangles = sum(document.gltf.accessors[p.indices].count // 3 for p in document.mesh.primitives)
    assert triangles == len(face.triangles)


@pytest.mark.skipif(VALIDATOR not in os.environ, reason=f"{VALIDATOR} names no node_modules folder")
def test_khronos_validator_finds_no_error(shipped, tmp_path):
    script = tmp_path / "validate.cjs"
    script.write_text(
        "const v = require(process.argv[2] + '/gltf-validator'), fs = require('fs');"
        "v.validateBytes(new Uint8Array(fs.readFileSync(process.argv[3]))).then(r => "
        "{ console.log(JSON.stringify(r.issues.messages)); process.exit(r.issues.numErrors ? 1 : 0) })"
    )
    command = [shutil.which("node") or "node", str(script), os.environ[VALIDATOR], str(shipped[1])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
