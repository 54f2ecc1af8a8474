"""What must hold between the fields of a face model file; a wrong one is refused by name, with the cure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from hiface.assets.format import Array, Asset
from hiface.errors import AssetError
from hiface.face.asset import ARKIT, LANDMARK_SETS

_SMALLEST_MM, _LARGEST_MM = 60.0, 1500.0
"""Longest side of the skin's bounding box; outside of it the unit is not millimetres."""
_SUM = 0.01

Shapes = dict[str, tuple[int, ...]]


def check_arrays(asset: Asset) -> None:
    """Raises `AssetError` that names the file, the field, what was expected and what came."""
    for problem in (*_sizes(asset), *_names(asset), *_indices(asset), *_weights(asset), *_unit(asset)):
        raise AssetError(f"{asset.path}: {problem} (docs/face_model_format.md)")


def _sizes(asset: Asset) -> Iterator[str]:
    t = asset.tensors
    vertices, polygons = len(t["mean"]), len(t["polygons"])
    joints, regions = len(t["joint_index"]), len(asset.meta["region_names"])
    expressions = len(asset.meta["expression_names"])
    wanted = {
        "mean": (vertices, 3), "polygons": (polygons, 4), "uv": (len(t["uv"]), 2), "uv_polygons": (polygons, 4),
        "expression_scale": (expressions,),
        "skin_weights": (vertices, joints), "region_masks": (regions, vertices),
        "joint_weight": t["joint_index"].shape, "ict_index": (vertices,), "source_index": (vertices,),
        "symmetry": (vertices,), "expression_range": (expressions, 2),
    }  # fmt: skip
    wanted |= _identity_sizes(t, vertices) | _expression_sizes(t, vertices, expressions) | _people_sizes(t)
    for name in LANDMARK_SETS:
        if f"landmark_{name}_index" in t:
            wanted[f"landmark_{name}_weight"] = t[f"landmark_{name}_index"].shape
    for name, shape in wanted.items():
        if name in t and t[name].shape != shape:
            yield f"{name} has shape {t[name].shape}, expected {shape} for {vertices} vertices"
    if joints != 4:
        yield f"joint_index has {joints} joints, expected 4: neck, head, left eye, right eye"


def _identity_sizes(t: Mapping[str, Array], vertices: int) -> Shapes:
    """Of identity in one block, or with modes in 8 bits and vertices behind the skin apart."""
    fine, coarse = len(t["identity"]), len(t.get("identity_coarse", ()))
    inner = t.get("identity_inner")
    outside = vertices if inner is None else vertices - inner.shape[1]
    wanted: Shapes = {"identity": (fine, outside, 3), "identity_scale": (fine,)}
    if coarse:
        wanted |= {"identity_coarse": (coarse, outside, 3), "identity_coarse_scale": (coarse,)}
    if inner is not None:
        wanted |= {"identity_inner_weight": (fine + coarse, len(inner)), "identity_inner_scale": (len(inner),)}
    return wanted


def _expression_sizes(t: Mapping[str, Array], vertices: int, expressions: int) -> Shapes:
    """Of expressions in one block, or of the vertices that move alone."""
    moved = t.get("expression_moved")
    if moved is None:
        return {"expression": (expressions, vertices, 3)}
    count = int(np.unpackbits(moved).sum()) if moved.dtype == np.uint8 else 0
    return {"expression_moved": (expressions, -(-vertices // 8)), "expression": (1, count, 3)}


def _people_sizes(t: Mapping[str, Array]) -> Shapes:
    if "people_years" not in t:
        return {}
    identity = len(t["identity"]) + len(t.get("identity_coarse", ()))
    shape = (2, len(t["people_years"]), identity)
    return {"people_mean": shape, "people_deviation": shape}


def _names(asset: Asset) -> Iterator[str]:
    names = tuple(asset.meta["expression_names"])
    if names[: len(ARKIT)] != ARKIT:
        yield f"the first 52 expressions must be the ARKit units in order; got {names[:3]}..."
    if len(set(names)) != len(names):
        yield "two expressions have one name"
    if "face" not in asset.meta["parts"]:
        yield f"parts must name the face; got {sorted(asset.meta['parts'])}"
    if "face" not in asset.meta["region_names"]:
        yield f"region_names must have face; got {asset.meta['region_names']}"
    for part, ranges in {**asset.meta["parts"], "skin": asset.meta["skin"]}.items():
        for key, field in (("vertices", "mean"), ("polygons", "polygons")):
            first, last = ranges[key]
            if not 0 <= first <= last <= len(asset.tensors[field]):
                yield f"part {part} has {key} {first} to {last} of {len(asset.tensors[field])}"


def _indices(asset: Asset) -> Iterator[str]:
    t = asset.tensors
    vertices = len(t["mean"])
    into = {"polygons": vertices, "uv_polygons": len(t["uv"]), "joint_index": vertices, "symmetry": vertices}
    into |= {f"landmark_{name}_index": vertices for name in LANDMARK_SETS}
    for name, count in into.items():
        if name not in t or not t[name].size:
            continue
        if int(t[name].max()) >= count:
            yield f"{name} names vertex {int(t[name].max())} of {count}"
        lowest = -1 if name in ("polygons", "uv_polygons") else 0
        if int(t[name].min()) < lowest:
            yield f"{name} holds {int(t[name].min())}"


def _weights(asset: Asset) -> Iterator[str]:
    sums = {"skin_weights", "joint_weight", *(f"landmark_{name}_weight" for name in LANDMARK_SETS)}
    for name in sorted(sums & set(asset.tensors)):
        total = asset.tensors[name].astype(np.float64).sum(1)
        worst = int(np.abs(total - 1).argmax())
        if abs(total[worst] - 1) > _SUM:
            yield f"{name}: row {worst} sums to {total[worst]:.3f}, not 1"


def _unit(asset: Asset) -> Iterator[str]:
    first, last = asset.meta["skin"]["vertices"]
    size = _longest(asset.tensors["mean"][first:last])
    if not _SMALLEST_MM <= size <= _LARGEST_MM:
        yield f"mean is {size:.4g} across; lengths must be millimetres, heads are 150 to 350"


def _longest(vertices: Array) -> float:
    return float(np.ptp(vertices, axis=0).max()) if len(vertices) else 0.0
