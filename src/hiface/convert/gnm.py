"""Google's GNM head from its npz (Apache-2.0).

`template_vertex_positions` (V, 3), `vertex_identity_basis` (I, V, 3), `expression_basis` (E, V, 3) with
`expression_names`, `quads` (Q, 4) with `quad_uvs` (Q, 4, 2), `skinning_weights` (J, V), `joint_regressor` (J, V) with
`joint_names`, `vertex_groups` (G, V) with `vertex_group_names`, and `mesh_component_names`. Metres, coefficients about
-3 to 3. Its four joints are ours. The `pose_correctives_regressor` is zero in the released head and is not taken.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float

from hiface.convert.reading import Arrays, read_arrays, require
from hiface.convert.source import SIGNED_RANGE, SKIN, SourceModel, Units, facing_out, ranges
from hiface.errors import AssetError
from hiface.types import JOINTS

KEYS = (
    "template_vertex_positions", "vertex_identity_basis", "expression_basis", "expression_names", "quads", "quad_uvs",
    "skinning_weights", "joint_regressor", "joint_names", "vertex_groups", "vertex_group_names",
    "mesh_component_names",
)  # fmt: skip
MM_PER_UNIT = 1000.0
MOUTH = "mouth_sock"
"""The vertex group that lines the mouth; part of the skin component, but not of anybody's face."""
_PARTS = {
    "skin": SKIN, "left_eye": "eyeball_left", "right_eye": "eyeball_right",
    "upper_teeth_and_gums": "teeth", "lower_teeth_and_gums": "teeth", "tongue": "gums_tongue",
}  # fmt: skip


def read(path: str | Path) -> SourceModel:
    """The model of a file that holds `KEYS`."""
    arrays = read_arrays(path)
    require(arrays, KEYS, path, "GNM")
    mean = MM_PER_UNIT * arrays["template_vertex_positions"].astype(np.float64)
    polygons = facing_out(arrays["quads"].astype(np.int64), mean)
    turned = not np.array_equal(polygons, arrays["quads"])
    uv = arrays["quad_uvs"].astype(np.float64)
    uv, corners = np.unique((uv[:, [0, 3, 2, 1]] if turned else uv).reshape(-1, 2), axis=0, return_inverse=True)
    offsets = MM_PER_UNIT * arrays["expression_basis"].astype(np.float64)
    names = tuple(str(n) for n in arrays["expression_names"])
    if len(names) != len(offsets):
        raise AssetError(f"{path}: {len(names)} expression_names for {len(offsets)} rows of expression_basis")
    joints = _joint_rows(arrays, path)
    correctives = arrays.get("pose_correctives_regressor", np.zeros(1))
    return SourceModel(
        kind="gnm",
        mean=mean,
        polygons=polygons,
        identity=MM_PER_UNIT * arrays["vertex_identity_basis"].astype(np.float64),
        units=Units(names, offsets, ranges(SIGNED_RANGE, len(names))),
        licence="GNM head, (c) Google LLC, Apache-2.0",
        part_of_polygon=_parts(arrays, polygons),
        uv=uv,
        uv_polygons=corners.reshape(-1, 4),
        joint_rows=arrays["joint_regressor"].astype(np.float64)[joints],
        skin_weights=arrays["skinning_weights"].astype(np.float64)[joints].T,
        notes=() if not np.any(correctives) else ("pose correctives of the source are left out",),
    )


def _joint_rows(arrays: Arrays, path: str | Path) -> list[int]:
    names = [str(n) for n in arrays["joint_names"]]
    missing = [j for j in JOINTS if j not in names]
    if missing:
        raise AssetError(f"{path}: joints {missing} are missing; it has {names}. Only GNM's head variant is read")
    return [names.index(j) for j in JOINTS]


def _parts(arrays: Arrays, polygons: np.ndarray) -> np.ndarray:
    """The mesh component of each polygon under our names; the mouth's lining is a part of its own."""
    groups = dict(zip((str(n) for n in arrays["vertex_group_names"]), arrays["vertex_groups"] > 0.5, strict=True))
    parts = np.full(len(polygons), "other", dtype="U16")
    for component in (str(n) for n in arrays["mesh_component_names"]):
        inside = _all_in(groups.get(component), polygons)
        parts[inside] = _PARTS.get(component, component)
    parts[_all_in(groups.get(MOUTH), polygons)] = "mouth_socket"
    return parts


def _all_in(group: Float[np.ndarray, "V"] | None, polygons: np.ndarray) -> np.ndarray:
    if group is None:
        return np.zeros(len(polygons), bool)
    return np.asarray(group[polygons].all(1))
