"""Readers: the source's mean and modes in mm, our axes, standard deviations; files that are wrong are named."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy.io import savemat
from scipy.spatial.transform import Rotation

from heads import flame_arrays, grid_with_eyes, waves, write_bfm2017
from hiface.cli.convert import convert_model
from hiface.convert import bfm2009, bfm2017, flame, gnm, ict, unwrap
from hiface.convert.kinds import READERS, kind_of
from hiface.convert.source import SKIN, SourceModel, Units, facing_out, triangles_as_polygons
from hiface.errors import AssetError, ConfigError
from hiface.face.model import FaceModel


def bfm2009_file(path, vertices, triangles, drop=()):
    basis = np.linalg.qr(waves(vertices, 3, 1.0).reshape(3, -1).T)[0]
    deviation = np.array([[5e5], [3e5], [1e5]])
    arrays = {
        "shapeMU": 1000 * vertices.reshape(-1, 1), "shapePC": basis, "shapeEV": deviation,
        "tl": triangles[:, [0, 2, 1]] + 1.0, "texMU": np.zeros((vertices.size, 1)),
    }  # fmt: skip
    savemat(path, {k: v for k, v in arrays.items() if k not in drop})
    return (basis * deviation.ravel()).T.reshape(3, -1, 3) / 1000


def test_flame_comes_in_millimetres_with_its_jaw_as_units(tmp_path):
    arrays = flame_arrays()
    np.savez(tmp_path / "flame.npz", **arrays)
    save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, tmp_path / "flame.safetensors")
    model, again = flame.read(tmp_path / "flame.npz"), flame.read(tmp_path / "flame.safetensors")
    np.testing.assert_array_equal(model.mean, again.mean)
    np.testing.assert_allclose(model.mean, 1000 * arrays["v_template"])
    np.testing.assert_allclose(model.identity, 1000 * np.moveaxis(arrays["shapedirs"][..., :300], -1, 0))
    own = [k for k, n in enumerate(model.units.names) if n.startswith("flame_")]
    np.testing.assert_allclose(model.units.offsets[own], 1000 * np.moveaxis(arrays["shapedirs"][..., 300:], -1, 0))
    assert (model.units.ranges[own] == [-3, 3]).all()
    assert {n: int((model.part_of_polygon == n).sum()) for n in ("skin", "eyeball_left", "eyeball_right")} == {
        "skin": 288, "eyeball_left": 8, "eyeball_right": 8,
    }  # fmt: skip
    np.testing.assert_allclose(model.skin_weights.sum(1), 1)
    assert (model.joint_rows[2] @ model.mean)[0] > 0 > (model.joint_rows[3] @ model.mean)[0]


def test_the_jaw_unit_is_the_turn_of_what_hangs_on_the_jaw(tmp_path):
    arrays = flame_arrays()
    np.savez(tmp_path / "flame.npz", **arrays)
    model = flame.read(tmp_path / "flame.npz")
    offset = model.units.offsets[model.units.names.index("jawOpen")]
    jaw = arrays["weights"][:, 2] == 1
    joint = arrays["J_regressor"][2] @ model.mean
    turned = Rotation.from_rotvec(flame.JAW_TURNS["jawOpen"]).apply(model.mean[jaw] - joint) + joint
    np.testing.assert_allclose(model.mean[jaw] + offset[jaw], turned, atol=1e-9)
    assert np.abs(offset[~jaw]).max() == 0
    assert offset[jaw][model.mean[jaw][:, 2].argmax(), 1] < -1  # the chin goes down


def test_bfm2009_deviations_are_taken_as_such_and_triangles_face_out(tmp_path):
    vertices, triangles = grid_with_eyes()
    modes = bfm2009_file(tmp_path / "01_MorphableModel.mat", vertices, triangles)
    model = bfm2009.read(tmp_path / "01_MorphableModel.mat")
    np.testing.assert_allclose(model.mean, vertices)
    np.testing.assert_allclose(model.identity, modes, atol=1e-9)
    assert {tuple(np.roll(t, -t.argmin())) for t in model.polygons[:, :3]} == {
        tuple(np.roll(t, -t.argmin())) for t in triangles
    }


@pytest.mark.parametrize("kind", ["bfm2017", "bfm2019"])
def test_bfm2017_has_expressions_and_named_points(tmp_path, kind):
    vertices, triangles = grid_with_eyes()
    path = tmp_path / f"model{kind[3:]}_bfm.h5"
    places = {"center.nose.tip": vertices[84], "left.ear.lobule": vertices[0], "right.lips.corner": vertices[40]}
    truth = write_bfm2017(path, vertices, triangles_as_polygons(triangles), places)
    assert kind_of(path) == kind
    model = READERS[kind](path)
    np.testing.assert_allclose(model.mean, truth["mean"])
    np.testing.assert_allclose(model.identity, truth["shape"], atol=1e-9)
    np.testing.assert_allclose(model.units.offsets[0], truth["expression_mean"])
    np.testing.assert_allclose(model.units.offsets[1:], truth["expression"], atol=1e-9)
    assert model.units.names[0] == "bfm_expression_mean"
    assert dict(zip(model.points[0].number, model.points[0].index[:, 0], strict=True)) == {30: 84, 48: 40}


def test_kinds_are_told_by_their_keys(tmp_path):
    np.savez(tmp_path / "a.npz", **flame_arrays())
    assert kind_of(tmp_path / "a.npz") == "flame"
    bfm2009_file(tmp_path / "b.mat", *grid_with_eyes())
    assert kind_of(tmp_path / "b.mat") == "bfm2009"
    np.savez(tmp_path / "c.npz", **{k: np.zeros(1) for k in gnm.KEYS})
    assert kind_of(tmp_path / "c.npz") == "gnm"
    np.savez(tmp_path / "d.npz", vertices=np.zeros(3))
    with pytest.raises(AssetError, match=r"no kind of face model.*vertices"):
        kind_of(tmp_path / "d.npz")
    with pytest.raises(ConfigError, match="known: auto"):
        kind_of(tmp_path / "d.npz", "smpl")


def test_missing_keys_are_named(tmp_path):
    arrays = flame_arrays()
    del arrays["posedirs"]
    np.savez(tmp_path / "flame.npz", **arrays)
    with pytest.raises(AssetError, match=r"flame\.npz.*posedirs.*missing"):
        flame.read(tmp_path / "flame.npz")
    bfm2009_file(tmp_path / "b.mat", *grid_with_eyes(), drop=("shapeEV",))
    with pytest.raises(AssetError, match="shapeEV"):
        bfm2009.read(tmp_path / "b.mat")
    np.savez(tmp_path / "g.npz", template_vertex_positions=np.zeros((3, 3)))
    with pytest.raises(AssetError, match="vertex_identity_basis"):
        gnm.read(tmp_path / "g.npz")
    np.savez(tmp_path / "i.npz", neutral=np.zeros((3, 3)))
    with pytest.raises(AssetError, match="identity_q"):
        ict.convert(tmp_path / "i.npz")
    np.savez(tmp_path / "h.npz", **{"shape/model/mean": np.zeros(9)})
    with pytest.raises(AssetError, match="pcaVariance"):
        bfm2017.read(tmp_path / "h.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.update(weights=a["weights"][:, :4]), r"weights has shape"),
        (lambda a: a.update(v_template=a["v_template"] * np.nan), "not"),
        (lambda a: a.update(f=a["f"] + 900), "polygons name vertices"),
        (lambda a: a.update(shapedirs=a["shapedirs"][..., :200]), "200 directions"),
        (lambda a: a.update(kintree_table=a["kintree_table"][:, ::-1]), "parents"),
    ],
)
def test_wrong_sizes_are_named(tmp_path, change, message):
    arrays = flame_arrays()
    change(arrays)
    np.savez(tmp_path / "flame.npz", **arrays)
    with pytest.raises(AssetError, match=message):
        flame.read(tmp_path / "flame.npz")


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


def test_pickles_are_never_opened(tmp_path):
    (tmp_path / "flame.pkl").write_bytes(pickle.dumps(Trap()))
    np.savez(tmp_path / "objects.npz", v_template=np.array([Trap()], dtype=object))
    np.save(tmp_path / "landmark_embedding.npy", np.array([Trap()], dtype=object))
    for name in ("flame.pkl", "objects.npz", "landmark_embedding.npy"):
        with pytest.raises(AssetError, match=r"never opened here.*face_model_format"):
            kind_of(tmp_path / name)
    (tmp_path / "renamed.npz").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(AssetError, match=r"renamed\.npz"):
        kind_of(tmp_path / "renamed.npz")


def ict_file(path):
    """ICT's npz with two identity modes and random shapes; the shapes too."""
    rng, shipped = np.random.default_rng(0), ict.VERTICES
    names = [n.replace("Left", "_L").replace("Right", "_R") for n in ict.ARKIT if n not in ("tongueOut", *ict.JOINED)]
    names += ["browInnerUp_L", "browInnerUp_R", "cheekPuff_L", "cheekPuff_R", "PupilDilate_L"]
    names = ["jawLeft" if n == "jaw_L" else n.replace("jaw_R", "jawRight") for n in names]
    names = [n.replace("mouth_L", "mouthLeft").replace("mouth_R", "mouthRight") for n in names]
    arrays = {
        "neutral": rng.normal(0, 8, (shipped, 3)).astype(np.float32),
        "identity_q": rng.integers(-99, 99, (2, shipped, 3)).astype(np.int16),
        "identity_scale": np.array([1e-3, 2e-3], np.float32),
        "expression_q": rng.integers(-99, 99, (len(names), shipped, 3)).astype(np.int16),
        "expression_scale": np.full(len(names), 1e-3, np.float32), "expression_names": np.array(names),
    }  # fmt: skip
    np.savez(path, **arrays)
    return arrays, names


def test_ict_takes_mean_modes_and_names_of_the_source(tmp_path):
    arrays, names = ict_file(tmp_path / "ict.npz")
    tensors, meta = ict.convert(tmp_path / "ict.npz")
    kept = tensors["source_index"]
    np.testing.assert_allclose(tensors["mean"], 10 * arrays["neutral"][kept], rtol=1e-6)
    identity = tensors["identity"] * tensors["identity_scale"][:, None, None]
    np.testing.assert_allclose(
        identity, 10 * arrays["identity_q"][:, kept] * arrays["identity_scale"][:, None, None], atol=1e-3
    )
    jaw = tensors["expression"][24] * tensors["expression_scale"][24]
    skin = slice(0, 11248)
    own = arrays["expression_q"][names.index("jawOpen")][kept] * 1e-2
    np.testing.assert_allclose(jaw[skin], own[skin], atol=1e-3)
    assert tuple(meta["expression_names"][:52]) == ict.ARKIT
    assert meta["expression_names"][52:] == ["browInnerUpLeft", "browInnerUpRight", "cheekPuffLeft", "cheekPuffRight"]


def test_ict_reads_its_folder_of_obj_files(tmp_path, monkeypatch):
    monkeypatch.setattr(ict, "VERTICES", 4)
    neutral = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
    shapes = {"generic_neutral_mesh": 0.0, "identity000": 0.5, "identity001": -0.25, "jawOpen": 2.0}
    for name, lift in shapes.items():
        lines = [f"v {x} {y} {z + lift}" for x, y, z in neutral] + ["f 1 2 3 4"]
        (tmp_path / f"{name}.obj").write_text("\n".join(lines))
    mean, identity, expressions = ict._folder(tmp_path)
    np.testing.assert_allclose(mean, neutral)
    np.testing.assert_allclose(identity[:, :, 2], [[0.5] * 4, [-0.25] * 4])
    assert list(expressions) == ["jawOpen"]
    (tmp_path / "generic_neutral_mesh.obj").unlink()
    with pytest.raises(AssetError, match="generic_neutral_mesh"):
        ict.convert(tmp_path)


def test_polygons_are_turned_to_face_out():
    vertices, triangles = grid_with_eyes()
    polygons = triangles_as_polygons(triangles)
    np.testing.assert_array_equal(facing_out(polygons, vertices), polygons)
    turned = facing_out(polygons[:, [0, 2, 1, 3]], vertices)
    np.testing.assert_array_equal(turned, polygons)


def test_uvs_of_a_mesh_are_found_whatever_its_order(tmp_path):
    """The mesh file lists its polygons in another order, each begun at another corner."""
    vertices, triangles = grid_with_eyes()
    polygons = triangles_as_polygons(triangles)
    model = SourceModel(
        "t", vertices, polygons, vertices[None], Units.named({}, len(vertices)), "", np.full(len(polygons), SKIN)
    )
    uv = np.random.default_rng(0).uniform(0, 1, (3 * len(triangles), 2)).round(4)
    corners = np.arange(3 * len(triangles)).reshape(-1, 3)
    lines = [f"v {x} {y} {z}" for x, y, z in vertices] + [f"vt {u} {v}" for u, v in uv]
    for k in np.random.default_rng(1).permutation(len(triangles)):
        pairs = zip(np.roll(triangles[k], 1), np.roll(corners[k], 1), strict=True)
        lines.append("f " + " ".join(f"{v + 1}/{c + 1}" for v, c in pairs))
    (tmp_path / "mesh.obj").write_text("\n".join(lines))
    found = unwrap._of_mesh(SimpleNamespace(source=model), tmp_path / "mesh.obj")
    np.testing.assert_allclose(found[:, :3], uv[corners])
    (tmp_path / "mesh.obj").write_text("\n".join(lines[:-1]))
    with pytest.raises(AssetError, match="1 polygons of the model's skin are missing"):
        unwrap._of_mesh(SimpleNamespace(source=model), tmp_path / "mesh.obj")


def test_the_command_writes_a_model_and_refuses_what_makes_no_sense(tmp_path):
    ict_file(tmp_path / "ict.npz")
    convert_model(tmp_path / "ict.npz", out=tmp_path / "ict.safetensors")
    assert FaceModel.load(tmp_path / "ict.safetensors").identity_size == 2
    with pytest.raises(ConfigError, match="the shipped maps fit"):
        convert_model(tmp_path / "ict.npz", out=tmp_path / "b.safetensors", albedo=tmp_path / "albedo.safetensors")
    with pytest.raises(ConfigError, match="ends with"):
        convert_model(tmp_path / "ict.npz", out=tmp_path / "ict.npy")
