"""The documented format: its example works, every rule that it states is kept by the loader."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from hiface.assets.format import write_asset
from hiface.convert.landmarks import read_known_points
from hiface.convert.mirror import mirror_vertices
from hiface.convert.nearest import Surface, barycentric_of_closest
from hiface.errors import AssetError
from hiface.face.asset import META, SCHEMA, expression_fields, identity_fields
from hiface.face.model import FaceModel
from hiface.geometry.surface import ClosestPoint, Mesh
from tiny import face_tensors

DOC = Path(__file__).parents[2] / "docs" / "face_model_format.md"


def test_the_documents_example_writes_a_file_that_loads(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", DOC.read_text(), re.S)
    assert len([line for line in code.splitlines() if line.strip() and "import" not in line]) <= 25
    exec(compile(code, str(DOC), "exec"), {})
    face = FaceModel.load(tmp_path / "egg.safetensors")
    assert (face.identity_size, face.expression_size, face.uv_layout) == (1, 52, "egg")
    one = face.neutral(torch.ones(1, 1))[0, :, 0] / face.mean[:, 0].where(face.mean[:, 0] != 0, torch.ones(()))
    assert one[face.mean[:, 0].abs() > 1].sub(1.03).abs().max() < 1e-4
    assert bool(face.atlas(32).mask.all())


def test_the_document_names_every_field():
    text = DOC.read_text()
    for name in (*SCHEMA.required, *SCHEMA.optional, *META, "uv_layout"):
        short = re.sub(r"_weight$", "", name) if name.startswith("landmark") else name
        assert f"`{name}`" in text or short.replace("_index", "") in text, name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, m: t.update(identity=t["identity"][:, :-1]), r"identity has shape .*expected .*181, 3"),
        (lambda t, m: t.update(skin_weights=t["skin_weights"][:, :3]), "skin_weights has shape"),
        (lambda t, m: t.update(skin_weights=2 * t["skin_weights"]), r"skin_weights: row \d+ sums to 2.000"),
        (lambda t, m: t.update(mean=t["mean"] / 1000), "lengths must be millimetres"),
        (lambda t, m: t["landmark_dense669_index"].__iadd__(500), "landmark_dense669_index names"),
        (lambda t, m: t.update(symmetry=t["symmetry"] - 5), "symmetry holds -5"),
        (lambda t, m: t.update(expression_range=np.zeros((3, 2), np.float32)), "expression_range has shape"),
        (lambda t, m: m.update(parts={"skull": m["parts"]["face"]}), "parts must name the face"),
        (lambda t, m: m.pop("joint_parents"), "metadata lack .'joint_parents'"),
        (lambda t, m: m.update(expression_names=[*m["expression_names"][:-1], "jawOpen"]), "two expressions"),
    ],
)  # fmt: skip
def test_broken_files_are_refused_by_name(tmp_path, change, message):
    tensors, meta = face_tensors()
    change(tensors, meta)
    path = tmp_path / "broken.safetensors"
    write_asset(path, SCHEMA, tensors, meta)
    with pytest.raises(AssetError, match=message) as error:
        FaceModel.load(path)
    assert str(path) in str(error.value)


def test_a_pickle_is_no_face_model(tmp_path):
    (tmp_path / "flame.pkl").write_bytes(b"\x80\x04\x95cos\nsystem\n")
    with pytest.raises(AssetError, match=r"flame\.pkl.*convert-model"):
        FaceModel.load(tmp_path / "flame.pkl")


def test_closest_points_are_those_of_the_exact_search():
    rng = np.random.default_rng(0)
    vertices, triangles = rng.normal(size=(40, 3)), rng.integers(0, 40, (60, 3))
    triangles = triangles[np.diff(np.sort(triangles, 1), axis=1).all(1)]
    points = rng.normal(size=(50, 3))
    weights = barycentric_of_closest(points[:, None], vertices[triangles][None])
    places = np.einsum("ntkx,ntk->ntx", np.broadcast_to(vertices[triangles], (50, *triangles.shape, 3)), weights)
    nearest = np.linalg.norm(places - points[:, None], axis=2).min(1)
    np.testing.assert_allclose(nearest, ClosestPoint(Mesh(vertices, triangles)).query(points).distances, atol=1e-9)


def test_a_surface_answers_with_what_faces_the_same_way():
    """Two sheets a millimetre apart, as lips are: each query finds its own."""
    square = np.array([[0, 0, 0], [10, 0, 0], [10, 10, 0], [0, 10, 0]], float)
    vertices = np.concatenate([square, square + np.array([0, 0, 1])])
    triangles = np.array([[0, 2, 1], [0, 3, 2], [4, 5, 6], [4, 6, 7]])
    surface, query = Surface(vertices, triangles), np.array([[3.0, 4, 0.9], [3, 4, 0.1]])
    found = surface.query(query, np.array([[0.0, 0, -1], [0, 0, 1]]))
    np.testing.assert_allclose(found.of(vertices), [[3, 4, 0], [3, 4, 1]])


def test_mirror_images_are_an_involution():
    points = np.array([[6.0, 0, 0], [3.95, 0, 0], [5, 2, 0], [14, 9, 9]])
    np.testing.assert_array_equal(mirror_vertices(points, 5.0), [1, 0, 2, 3])


def test_landmark_files_of_several_habits(tmp_path):
    triangles = np.arange(300).reshape(100, 3)
    (tmp_path / "a.txt").write_text("\n".join(str(k) for k in range(68)))
    (tmp_path / "b.txt").write_text("# eos\n[landmark_mappings]\n 31 = 12 # nose\n37 =  7\n")
    (tmp_path / "c.txt").write_text("\n".join(f"{k} 0.5 {k + 1} 0.25 {k + 2} 0.25" for k in range(68)))
    thirds = np.full((105, 3), 1 / 3)
    np.savez(tmp_path / "d.npz", lmk_face_idx=np.arange(51), lmk_b_coords=thirds[:51])
    np.savez(
        tmp_path / "e.npz", lmk_face_idx=np.arange(105) % 100, lmk_b_coords=thirds, landmark_indices=np.arange(105)
    )
    np.savez(tmp_path / "f.npz", full_lmk_faces_idx=np.arange(70)[None], full_lmk_bary_coords=thirds[None, :70])
    read = {p.stem: read_known_points(p, triangles, 400) for p in sorted(tmp_path.iterdir())}
    assert read["a"].index[:, 0].tolist() == list(range(68))
    assert (read["b"].number.tolist(), read["b"].index[:, 0].tolist()) == ([30, 36], [12, 7])
    assert read["c"].weight[5].tolist() == [0.5, 0.25, 0.25]
    assert read["d"].number.tolist() == list(range(17, 68))
    assert read["d"].index[1].tolist() == [3, 4, 5]
    assert read["e"].numbering == "mediapipe478"
    assert len(read["f"].number) == 68


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3", "3 points, expected 68"),
        ("one two", "expected vertex numbers"),
        (" ".join(["999"] * 68), "names vertex 999 of 400"),
    ],
)
def test_wrong_landmark_files_are_named(tmp_path, text, message):
    (tmp_path / "points.txt").write_text(text)
    with pytest.raises(AssetError, match=message) as error:
        read_known_points(tmp_path / "points.txt", np.zeros((1, 3), int), 400)
    assert "points.txt" in str(error.value)


def test_compact_files_are_checked_too(tmp_path):
    """Identity and expressions in less space: the same modes, and sizes that must agree."""
    tensors, meta = face_tensors(identity=6)
    plain = FaceModel.load(written(tmp_path / "plain.safetensors", tensors, meta))
    compact = {k: v for k, v in tensors.items() if not k.startswith(("identity", "expression"))}
    skin = meta["skin"]["vertices"][1]
    compact |= identity_fields(plain.identity_basis.numpy(), skin, 4, 3)
    compact |= expression_fields(plain.expression_basis.numpy())
    small = FaceModel.load(written(tmp_path / "small.safetensors", compact, meta))
    torch.testing.assert_close(small.expression_basis, plain.expression_basis, atol=0.02, rtol=0)
    torch.testing.assert_close(small.identity_basis[:, :skin], plain.identity_basis[:, :skin], atol=0.05, rtol=0)
    for name in ("identity_coarse", "identity_inner_weight", "expression_moved", "expression"):
        broken = compact | {name: compact[name][..., :-1] if name.endswith("moved") else compact[name][:, :-1]}
        with pytest.raises(AssetError, match=rf"{name} has shape|expression has shape"):
            FaceModel.load(written(tmp_path / "broken.safetensors", broken, meta))


def written(path, tensors, meta):
    write_asset(path, SCHEMA, tensors, meta)
    return path
