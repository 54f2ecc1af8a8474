"""Small files of other people's schemas: a tiny grid for what readers do, a head of the shipped model's own for what is
carried over. The head's vertices are shuffled and its shape is another person's, so every answer is known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hiface.face.model import FaceModel
from hiface.geometry.topology import triangulate
from tiny import _eye, _face_grid

IDENTITY_PERSON = 0.5


@dataclass(frozen=True)
class Head:
    """A head in mm whose vertex k is the shipped model's vertex `ours[k]`."""

    ours: np.ndarray
    mean: np.ndarray
    polygons: np.ndarray
    face: FaceModel
    part: np.ndarray

    def number(self, vertices: np.ndarray) -> np.ndarray:
        """The head's numbers of the shipped model's vertices."""
        new = np.full(len(self.face.mean), -1)
        new[self.ours] = np.arange(len(self.ours))
        return new[vertices]

    def modes(self, count: int) -> np.ndarray:
        return self.face.identity_basis[3 : 3 + count][:, self.ours].numpy().astype(np.float64)

    def places(self, name: str) -> np.ndarray:
        """Where a landmark set lies in truth."""
        index, weight = (x.numpy() for x in self.face.landmark_weights(name))
        return np.einsum("lnx,ln->lx", self.mean[self.number(index)], weight)


def head(parts: tuple[str, ...], seed: int = 0, only: str | None = None) -> Head:
    """A head of some parts; `only` keeps polygons inside a region."""
    face, rng = FaceModel.load(), np.random.default_rng(seed)
    polygons = np.concatenate([face.polygons[face.polygon_range(p)] for p in parts])
    part = np.concatenate([[p] * len(face.polygons[face.polygon_range(p)]) for p in parts])
    chosen = polygons[:, 3] >= 0
    if only is not None:
        chosen &= face.region(only)[polygons].all(1)
    polygons, part = polygons[chosen], part[chosen]
    ours = rng.permutation(np.unique(polygons))
    identity = IDENTITY_PERSON * rng.standard_normal(face.identity_size)
    mean = face.mean.numpy() + np.tensordot(identity, face.identity_basis.numpy(), 1)
    result = Head(ours, mean[ours].astype(np.float64) + np.array([3.0, -40.0, 15.0]), polygons, face, part)
    return Head(ours, result.mean, result.number(polygons), face, part)


def waves(vertices: np.ndarray, count: int, size: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    turns = rng.normal(0, 1 / 60, (count, 3, 3))
    return size * np.sin(np.einsum("vx,nxc->nvc", vertices, turns))


SKIN = ("face", "head_neck")


def gnm_arrays(found: Head) -> dict[str, np.ndarray]:
    """GNM's schema, metres."""
    face, count = found.face, len(found.mean)
    joints = np.zeros((4, len(face.mean)))
    asset = _shipped()
    for row, index, weight in zip(joints, asset["joint_index"], asset["joint_weight"], strict=True):
        np.add.at(row, index, weight)
    groups = {
        "skin": [*SKIN, "mouth_socket"], "left_eye": ["eyeball_left"], "right_eye": ["eyeball_right"],
        "tongue": ["gums_tongue"], "mouth_sock": ["mouth_socket"],
    }  # fmt: skip
    masks = [
        np.isin(np.arange(count), found.polygons[np.isin(found.part, members)]).astype(np.float32)
        for members in groups.values()
    ]
    return {
        "version": np.array("3.0"), "variant": np.array("head"),
        "template_vertex_positions": (found.mean / 1000).astype(np.float32),
        "vertex_identity_basis": (found.modes(3) / 1000).astype(np.float32),
        "expression_basis": (waves(found.mean, 2, 1.0) / 1000).astype(np.float32),
        "expression_names": np.array(["lower_face_region_0", "left_eye_region_0"]),
        "identity_names": np.array(["head_0", "head_1", "head_2"]),
        "quads": found.polygons.astype(np.int32),
        "quad_uvs": np.random.default_rng(1).uniform(0, 1, (len(found.polygons), 4, 2)).astype(np.float32),
        "skinning_weights": face.skin_weights.numpy()[found.ours].T,
        "joint_regressor": joints[:, found.ours].astype(np.float32),
        "joint_names": np.array(["neck", "head", "left_eye", "right_eye"]),
        "vertex_groups": np.stack(masks), "vertex_group_names": np.array(list(groups)),
        "mesh_component_names": np.array(["skin", "left_eye", "right_eye", "tongue"]),
        "pose_correctives_regressor": np.zeros((36, 3 * count), np.float32),
    }  # fmt: skip


def _shipped() -> dict[str, np.ndarray]:
    from hiface.assets.format import read_asset
    from hiface.assets.store import locate
    from hiface.face.asset import SCHEMA

    return read_asset(locate("face_model.safetensors"), SCHEMA, verify=False).tensors


def write_bfm2017(path: Path, mean: np.ndarray, polygons: np.ndarray, places: dict[str, np.ndarray]) -> dict:
    """BFM 2017's schema, mm: orthonormal columns, variances, cells (3, T); returns what it should give."""
    import h5py

    rng, size = np.random.default_rng(0), mean.size
    truth = {"mean": mean, "expression_mean": waves(mean, 1, 2.0, 3)[0]}
    with h5py.File(path, "w") as file:
        for model, count, middle in (("shape", 3, mean), ("expression", 2, truth["expression_mean"])):
            basis = np.linalg.qr(waves(mean, count, 1.0, count).reshape(count, -1).T)[0]
            deviation = np.sqrt(size / 3) * rng.uniform(1, 3, count)
            truth[model] = (basis * deviation).T.reshape(count, -1, 3)
            group = file.create_group(f"{model}/model")
            group["mean"], group["pcaBasis"], group["pcaVariance"] = middle.ravel(), basis, deviation**2
        file["shape/representer/cells"] = triangulate(polygons).T.astype(np.int32)
        table = [{"id": name, "coordinates": place.tolist()} for name, place in places.items()]
        file["metadata/landmarks/json"] = np.frombuffer(json.dumps(table).encode(), np.uint8)
    return truth


def grid_with_eyes() -> tuple[np.ndarray, np.ndarray]:
    """A face-like grid and two eyeballs apart from it; mm, triangles."""
    skin, polygons, _ = _face_grid()
    (left, sides), (right, _) = _eye((32, 35, 62)), _eye((-32, 35, 62))
    count = len(skin)
    eyes = [triangulate(sides) + count + 6 * k for k in (0, 1)]
    return np.concatenate([skin, left, right]), np.concatenate([triangulate(polygons), *eyes])


def flame_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """FLAME's schema, metres: 300 identity and 2 expression directions, five joints; the right eye comes last."""
    rng = np.random.default_rng(seed)
    vertices, triangles = grid_with_eyes()
    count = len(vertices)
    skin = count - 12
    weights = np.zeros((count, 5))
    weights[:skin, 1] = 0.7
    weights[:skin, 0] = 0.3
    low = np.flatnonzero(vertices[:skin, 1] < -40)
    weights[low] = [0, 0, 1, 0, 0]
    weights[skin : skin + 6] = [0, 0, 0, 1, 0]
    weights[skin + 6 :] = [0, 0, 0, 0, 1]
    regressor = np.zeros((5, count))
    for joint, members in enumerate(([0, 1], [60, 61, 62], [20, 30], range(skin, skin + 6), range(skin + 6, count))):
        regressor[joint, list(members)] = 1 / len(list(members))
    return {
        "v_template": vertices / 1000, "shapedirs": rng.normal(0, 1e-3, (count, 3, 302)),
        "posedirs": np.zeros((count, 3, 36)), "J_regressor": regressor, "weights": weights,
        "f": triangles.astype(np.uint32), "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]]),
    }  # fmt: skip
