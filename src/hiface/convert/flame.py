"""FLAME 2020, 2023 and 2023 Open, from an npz or safetensors copy of their pickle (Li et al., SIGGRAPH Asia 2017).

Keys as in the pickle: `v_template` (V, 3), `shapedirs` (V, 3, 400), `posedirs` (V, 3, 9 (J - 1)), `J_regressor`
(J, V), `weights` (V, J), `f` (T, 3), `kintree_table` (2, J). Metres; joints are root, neck, jaw, left and right eye.
The first 300 shape directions are identity, the others expression.

The four joints of ours are FLAME's root (the base of the neck), neck (the head turns in it) and eyes. The jaw is a
joint there and units here: what its turn does to the mean face, with pose correctives, becomes `jawOpen`, `jawLeft`
and `jawRight`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from hiface.convert.reading import Arrays, read_arrays, require
from hiface.convert.source import SKIN, SourceModel, Units, facing_out, triangles_as_polygons
from hiface.errors import AssetError
from hiface.geometry.rotation import matrix_from_axis_angle
from hiface.geometry.skinning import skin
from hiface.geometry.topology import unique_edges

KEYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "f", "kintree_table")
IDENTITY_MODES = 300
MM_PER_UNIT = 1000.0
ROOT, NECK, JAW, FIRST_EYE, SECOND_EYE = range(5)
JAW_TURNS = {"jawOpen": (0.35, 0.0, 0.0), "jawLeft": (0.0, 0.12, 0.0), "jawRight": (0.0, -0.12, 0.0)}
"""Axis-angle of the jaw at weight 1, radians: open by 20°, sideways by 7°."""


def read(path: str | Path) -> SourceModel:
    """The model of a file that holds `KEYS`."""
    arrays = read_arrays(path)
    require(arrays, KEYS, path, "FLAME")
    _check(arrays, path)
    mean = MM_PER_UNIT * arrays["v_template"].astype(np.float64)
    modes = MM_PER_UNIT * np.moveaxis(arrays["shapedirs"].astype(np.float64), -1, 0)
    count = _identity_count(len(modes), path)
    polygons = facing_out(triangles_as_polygons(arrays["f"]), mean)
    joints = arrays["J_regressor"].astype(np.float64)
    order = _joint_order(joints @ mean)
    jaw = _jaw_units(arrays, mean, joints)
    return SourceModel(
        kind="flame",
        mean=mean,
        polygons=polygons,
        identity=modes[:count],
        units=Units.named(jaw, len(mean)).joined(Units.modes("flame_expression_", modes[count:])),
        licence="FLAME: the licence of the file that you converted holds for this one",
        part_of_polygon=_parts(polygons, arrays["weights"], order),
        joint_rows=joints[order],
        skin_weights=_four(arrays["weights"].astype(np.float64), order),
        source_triangles=arrays["f"].astype(np.int64),
        notes=("jawOpen, jawLeft and jawRight are turns of FLAME's jaw, made linear at the mean face",),
    )


def _check(arrays: Arrays, path: str | Path) -> None:
    count = len(arrays["v_template"])
    joints = len(arrays["J_regressor"])
    wanted = {
        "v_template": (count, 3), "shapedirs": (count, 3, arrays["shapedirs"].shape[-1]),
        "J_regressor": (joints, count), "weights": (count, joints), "posedirs": (count, 3, 9 * (joints - 1)),
    }  # fmt: skip
    for name, shape in wanted.items():
        if arrays[name].shape != shape:
            raise AssetError(f"{path}: {name} has shape {arrays[name].shape}, expected {shape} as in FLAME's pickle")
    parents = [int(p) for p in arrays["kintree_table"][0][1:]]
    if joints != 5 or parents != [0, 1, 1, 1]:
        raise AssetError(f"{path}: expected 5 joints with parents [0, 1, 1, 1], found {joints} with {parents}")


def _identity_count(modes: int, path: str | Path) -> int:
    if modes <= IDENTITY_MODES:
        raise AssetError(f"{path}: shapedirs has {modes} directions; FLAME has 300 of identity, then the expressions")
    return IDENTITY_MODES


def _joint_order(places: Float[np.ndarray, "5 3"]) -> list[int]:
    """Root, neck, and the eyes with the subject's left one, which lies at +x, first."""
    eyes = sorted((FIRST_EYE, SECOND_EYE), key=lambda j: -places[j, 0])
    return [ROOT, NECK, *eyes]


def _four(weights: Float[np.ndarray, "V 5"], order: list[int]) -> Float[np.ndarray, "V 4"]:
    """What follows the jaw follows the head."""
    four = weights[:, order].copy()
    four[:, 1] += weights[:, JAW]
    return four


def _parts(polygons: Int[np.ndarray, "F 4"], weights: Float[np.ndarray, "V 5"], order: list[int]) -> np.ndarray:
    """Connected pieces: an eyeball is bound to an eye's joint, the piece with most polygons is the skin."""
    edges = unique_edges(polygons)
    graph = csr_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), (len(weights), len(weights)))
    piece = connected_components(graph, directed=False)[1][polygons[:, 0]]
    names = np.full(len(polygons), "other", dtype="U16")
    names[piece == np.bincount(piece).argmax()] = SKIN
    for number in np.unique(piece[names != SKIN]):
        members = np.unique(polygons[piece == number][:, :3])
        bound = weights[members].mean(0)
        for joint, name in ((order[2], "eyeball_left"), (order[3], "eyeball_right")):
            if bound[joint] > 0.5:
                names[piece == number] = name
    return names


def _jaw_units(
    arrays: Arrays, mean: Float[np.ndarray, "V 3"], joints: Float[np.ndarray, "5 V"]
) -> dict[str, Float[np.ndarray, "V 3"]]:
    """What each turn of the jaw does to the mean face: pose correctives, then skinning."""
    correctives = MM_PER_UNIT * torch.from_numpy(arrays["posedirs"].astype(np.float64))
    weights = torch.from_numpy(arrays["weights"].astype(np.float64))
    rest, places = torch.from_numpy(mean), torch.from_numpy(joints @ mean)[None]
    offsets = {}
    for name, turn in JAW_TURNS.items():
        rotation = torch.zeros(1, 5, 3, dtype=torch.float64)
        rotation[0, JAW] = torch.tensor(turn, dtype=torch.float64)
        feature = (matrix_from_axis_angle(rotation[0, 1:]) - torch.eye(3, dtype=torch.float64)).flatten()
        posed = skin((rest + correctives @ feature)[None], rotation, places, weights, (-1, 0, 1, 1, 1))
        offsets[name] = (posed[0] - rest).numpy()
    return offsets
