"""A tiny synthetic face (about 180 vertices) with every field of a real one; makes unit tests quick and asset-free."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hiface.assets.format import quantise, write_asset
from hiface.detail.basis import DetailBasis
from hiface.detail.people import Captures
from hiface.face import albedo as albedo_file
from hiface.face.albedo import AlbedoModel
from hiface.face.asset import ARKIT, SCHEMA
from hiface.face.model import FaceModel

GRID = 13
REALY = ("realy_nose", "realy_mouth", "realy_forehead", "realy_cheek", "face_narrow")
SKIN = GRID * GRID


def _face_grid() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A bulging square of quads, about a face's size in mm; vertices, polygons, UV."""
    v, u = np.mgrid[0 : 1 : GRID * 1j, 0 : 1 : GRID * 1j]
    x, y = (u - 0.5) * 150, (v - 0.5) * 180
    z = 70 * (1 - (x / 110) ** 2 - (y / 150) ** 2) + 20 * np.exp(-((x / 15) ** 2) - ((y + 5) / 25) ** 2)
    vertices = np.stack([x, y, z], -1).reshape(-1, 3)
    i, j = np.mgrid[0 : GRID - 1, 0 : GRID - 1]
    a = (i * GRID + j).ravel()
    polygons = np.stack([a, a + 1, a + GRID + 1, a + GRID], 1)
    return vertices, polygons, np.stack([0.02 + 0.96 * u, 0.02 + 0.96 * v], -1).reshape(-1, 2)


def _eye(centre: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """An octahedron for an eyeball."""
    corners = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, -1]], float) * 12
    sides = [[0, k, k % 4 + 1, -1] for k in range(1, 5)] + [[5, k % 4 + 1, k, -1] for k in range(1, 5)]
    return corners + centre, np.array(sides)


def face_tensors(identity: int = 4, seed: int = 0) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    """Fields and meta of the tiny face model; edit them to make broken ones."""
    rng = np.random.default_rng(seed)
    skin, polygons, uv = _face_grid()
    left, eye_sides = _eye((32, 35, 62))
    right, _ = _eye((-32, 35, 62))
    vertices = np.concatenate([skin, left, right])
    n = len(vertices)
    eyes = [np.where(eye_sides < 0, -1, eye_sides + SKIN + 6 * k) for k in (0, 1)]
    all_polygons = np.concatenate([polygons, *eyes])
    all_uv = np.concatenate([uv, np.full((12, 2), 0.5) + rng.uniform(-0.2, 0.2, (12, 2))])
    names = [*ARKIT, "cheekRaiserLeft"]
    modes = _smooth(rng, vertices, identity, 4.0)
    expressions = _smooth(rng, vertices, len(names), 3.0)
    expressions[ARKIT.index("tongueOut")] = 0
    expressions[:, SKIN:] = 0
    tensors = {
        "mean": vertices.astype(np.float32), "polygons": all_polygons.astype(np.int32),
        "uv": all_uv.astype(np.float32), "uv_polygons": all_polygons.astype(np.int32),
        "joint_index": np.array([[0, 1], [6, 7], [SKIN, SKIN + 5], [SKIN + 6, SKIN + 11]], np.int32),
        "joint_weight": np.full((4, 2), 0.5, np.float32),
        "skin_weights": _weights(n), "symmetry": _symmetry(),
        "region_masks": np.stack([np.arange(n) < SKIN, np.arange(n) < SKIN // 2, *_quarters(n)]).astype(np.uint8),
    }  # fmt: skip
    tensors["identity"], tensors["identity_scale"] = quantise(modes)
    tensors["expression"], tensors["expression_scale"] = quantise(expressions)
    for name, count in (("mediapipe478", 478), ("mediapipe68", 68), ("dense669", 669)):
        index = rng.integers(0, SKIN, (count, 3)).astype(np.int32)
        weight = rng.dirichlet(np.ones(3), count).astype(np.float32)
        tensors[f"landmark_{name}_index"], tensors[f"landmark_{name}_weight"] = index, weight
    meta = {
        "expression_names": names, "joint_parents": [-1, 0, 1, 1], "region_names": ["face", "lower", *REALY],
        "parts": {
            "face": {"vertices": [0, SKIN], "polygons": [0, len(polygons)]},
            "eyeball_left": {"vertices": [SKIN, SKIN + 6], "polygons": [len(polygons), len(polygons) + 8]},
            "eyeball_right": {"vertices": [SKIN + 6, n], "polygons": [len(polygons) + 8, len(polygons) + 16]},
        },
        "skin": {"vertices": [0, SKIN], "polygons": [0, len(polygons)]},
    }  # fmt: skip
    return tensors, meta


def _quarters(count: int) -> list[np.ndarray]:
    """Quarters of the skin for the four regions, and its middle for the narrow face."""
    index = np.arange(count)
    row, column = np.divmod(index, GRID)
    on = index < SKIN
    quarters = [on & ((row < 6) == low) & ((column < 6) == left) for low in (True, False) for left in (True, False)]
    return [*quarters, on & (np.abs(row - 6) < 4) & (np.abs(column - 6) < 4)]


def _symmetry() -> np.ndarray:
    """The mirror image of each vertex: columns of the grid swap, the eyes swap, and each eye's left and right."""
    grid = np.arange(SKIN).reshape(GRID, GRID)[:, ::-1].reshape(-1)
    eye = np.array([0, 3, 2, 1, 4, 5])
    return np.concatenate([grid, SKIN + 6 + eye, SKIN + eye]).astype(np.int32)


def _smooth(rng: np.random.Generator, vertices: np.ndarray, count: int, size: float) -> np.ndarray:
    waves = rng.normal(0, 1 / 60, (count, 3, 3))
    phase = rng.uniform(0, 6, (count, 1, 3))
    return (size * np.sin(np.einsum("vx,nxc->nvc", vertices, waves) + phase)).astype(np.float32)


def _weights(count: int) -> np.ndarray:
    weights = np.zeros((count, 4), np.float32)
    weights[:SKIN, 1] = np.repeat(np.linspace(0.2, 1, GRID), GRID)
    weights[:SKIN, 0] = 1 - weights[:SKIN, 1]
    weights[SKIN : SKIN + 6, 2] = 1
    weights[SKIN + 6 :, 3] = 1
    return weights


def write_face(path: Path, **changes: int) -> Path:
    tensors, meta = face_tensors(**changes)
    write_asset(path, SCHEMA, tensors, meta)
    return path


def face_model(folder: Path) -> FaceModel:
    return FaceModel.load(write_face(folder / "face.safetensors"))


def albedo_model(folder: Path, modes: int = 3, side: int = 16) -> AlbedoModel:
    rng = np.random.default_rng(1)
    tensors: dict[str, np.ndarray] = {}
    for tile in ("face", "head"):
        integers, scale = quantise(rng.normal(0, 0.2, (modes, side // 2, side // 2, 3)).astype(np.float32), bits=8)
        tensors[f"{tile}_mean"] = albedo_file.integers_of(rng.normal(0.5, 0.2, (side, side, 3)))
        tensors[f"{tile}_modes"], tensors[f"{tile}_scale"] = integers, scale
    write_asset(
        folder / "albedo.safetensors",
        albedo_file.SCHEMA,
        tensors,
        {"mode_names": [str(k) for k in range(modes)]},
    )
    return AlbedoModel.load(folder / "albedo.safetensors")


def detail_basis(side: int = 16, static: int = 5, dynamic: int = 3) -> DetailBasis:
    rng = np.random.default_rng(2)
    mask = np.ones((side, side), bool)
    mask[0], mask[-1] = False, False
    texels = int(mask.sum())
    counts = {"static": static, "compressed": dynamic, "stretched": dynamic}
    means = {k: rng.normal(0, 0.1, texels).astype(np.float32) for k in counts}
    modes = {k: rng.normal(0, 0.1, (n, texels)).astype(np.float32) for k, n in counts.items()}
    return DetailBasis.from_arrays(mask, means, modes)


def captures(people: int = 40, static: int = 5, dynamic: int = 3) -> Captures:
    """Coefficients for `detail_basis`: dynamic ones are a function of the static ones' direction."""
    rng = np.random.default_rng(3)
    age = np.linspace(5, 90, people)
    own = rng.normal(size=(people, static)) * (age / 50)[:, None]
    own[:, 0] += (age - 47.5) / 24.5
    direction = own / np.sqrt(own.var(1, keepdims=True) + 0.01)
    maps = [direction @ rng.normal(0, 0.5, (static, dynamic)) for _ in range(2)]
    return Captures(age, own, *maps)
