"""What the page knows of a face: all that Eqs. 1, 2 and 5 to 9 need to be worked out in a browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Shaped

from hiface.assets.format import quantise
from hiface.detail.dynamic import STATIC_FLOOR, STYLE_FLOOR
from hiface.errors import MeshError
from hiface.export.corners import pieces
from hiface.export.gltf_material import FLAT
from hiface.export.texture import FaceTexture
from hiface.face.asset import ARKIT
from hiface.geometry.tension import CEILING, SMOOTHING_STEPS
from hiface.geometry.topology import unique_edges
from hiface.reconstructor import NECK_SHARE
from hiface.view.face_pictures import photo_frame, pictures_of

if TYPE_CHECKING:
    from hiface.detail.sddetail import SDDetail
    from hiface.face.model import FaceModel
    from hiface.model import Reconstruction

_MOST = 65535
"""Vertices are named by 16 bits."""
DYNAMIC = ("compressed", "stretched")


@dataclass(frozen=True)
class PageData:
    """One face for the page."""

    meta: dict[str, Any]
    """Plain JSON: names, sizes, constants, the photo's own expression and pose."""
    arrays: dict[str, Shaped[np.ndarray, "..."]]
    pictures: dict[str, bytes]
    """Encoded; row 0 is v = 1."""


def page_data(result: Reconstruction, texture: FaceTexture | None = None) -> PageData:
    """All that the page holds of a face. texture: of `face_texture`, where the caller has it already."""
    detail = result.model.reconstructor.detail_model
    arrays = {**model_arrays(result.face, detail), **_own_arrays(result, detail)}
    pictures = pictures_of(result, texture)
    meta = {**model_meta(result.face, detail), **_own_meta(result), "eyes": pictures.eyes}
    return PageData(meta, arrays, pictures.encoded)


def model_arrays(face: FaceModel, detail: SDDetail) -> dict[str, Shaped[np.ndarray, "..."]]:
    """What is the same for all faces: expressions, skinning weights, topology, the bases and the network of dynamic
    detail."""
    weights = face.skin_weights.cpu().numpy()
    return {
        **sparse_offsets(face.expression_basis.cpu().numpy()),
        "skin_weights": np.round(weights * 65535).astype(np.uint16),
        **_topology_arrays(face),
        **_dynamic_arrays(detail),
    }


def model_meta(face: FaceModel, detail: SDDetail) -> dict[str, Any]:
    """Names, sizes and constants that are the same for all faces; plain JSON."""
    return {**_shape_meta(face), "detail": _detail_meta(detail), "flat": {k: list(v) for k, v in FLAT.items()}}


def sparse_offsets(basis: Float[np.ndarray, "E V 3"]) -> dict[str, Shaped[np.ndarray, "..."]]:
    """What each expression adds: vertices that it moves and offsets, one mode after another; mm are offset times scale.

    Sixteen bits over each mode's own range: no more and no less than the model's file holds.
    """
    if basis.shape[1] > _MOST:
        raise MeshError(f"a page holds up to {_MOST} vertices, the face model has {basis.shape[1]}")
    values, scale = quantise(basis, 16)
    moved = [np.flatnonzero((mode != 0).any(1)) for mode in values]
    return {
        "offset_rows": np.concatenate(moved).astype(np.uint16),
        "offset_values": np.concatenate([mode[rows] for mode, rows in zip(values, moved, strict=True)]),
        "offset_counts": np.array([len(rows) for rows in moved], np.uint16),
        "offset_scale": scale,
    }


def _topology_arrays(face: FaceModel) -> dict[str, Shaped[np.ndarray, "..."]]:
    """Corners and triangles of all pieces, the edges that tension is measured on, and those of the wireframe."""
    drawn = pieces(face)
    start = np.cumsum([0, *(len(p.source) for p in drawn)])
    triangles = np.concatenate([p.triangles + s for p, s in zip(drawn, start[:-1], strict=True)])
    return {
        "source": np.concatenate([p.source for p in drawn]).astype(np.uint16),
        "uv": np.round(np.concatenate([p.uv for p in drawn]).clip(0, 1) * 65535).astype(np.uint16),
        "triangles": triangles.astype(np.uint32 if start[-1] > 65535 else np.uint16),
        "edges": unique_edges(face.polygons[face.polygon_range("face")]).astype(np.uint16),
        "skin_edges": unique_edges(face.polygons[face.polygon_range("skin")]).astype(np.uint16),
    }


def _own_arrays(result: Reconstruction, detail: SDDetail) -> dict[str, Shaped[np.ndarray, "..."]]:
    """One face's neutral shape in mm, D_sta at the texels of the mask, and φ."""
    return {
        "neutral": result.shape.neutral.astype(np.float32),
        "static_map": result.detail.static[detail.basis.mask.cpu().numpy()].astype(np.float32),
        "static": result.coefficients.static[0].numpy().astype(np.float32),
    }


def _dynamic_arrays(detail: SDDetail) -> dict[str, Shaped[np.ndarray, "..."]]:
    """The bases of Eq. 5 at the texels of their mask, the network of Eq. 6, and what edges weigh in an oriented tension
    (65535 is 1)."""
    basis = detail.basis
    arrays: dict[str, Shaped[np.ndarray, "..."]] = {"mask": np.packbits(basis.mask.cpu().numpy())}
    for name in DYNAMIC:
        mean, modes = (basis.get_buffer(f"{name}_{what}").cpu().numpy() for what in ("mean", "modes"))
        arrays[f"{name}_mean"] = mean
        arrays[f"{name}_modes"], arrays[f"{name}_scale"] = quantise(modes, 8)
    if detail.tension.end_weights is not None:
        arrays["edge_weights"] = np.round(detail.tension.end_weights.numpy() * 65535).astype(np.uint16)
    for name, parameter in detail.dynamic.state_dict().items():
        arrays[f"dynamic.{name}"] = parameter.cpu().numpy().astype(np.float16)  # as weight files hold them
    return arrays


def _shape_meta(face: FaceModel) -> dict[str, Any]:
    drawn = pieces(face)
    return {
        "expressions": list(face.expression_names),
        "units": len(ARKIT),
        "empty": _without_effect(face),
        "joint_parents": list(face.joint_parents),
        "neck_share": NECK_SHARE,
        "gaze": face.gaze_map.cpu().tolist(),
        "pieces": [{"name": p.name, "corners": len(p.source), "triangles": len(p.triangles)} for p in drawn],
    }


def _own_meta(result: Reconstruction) -> dict[str, Any]:
    """One face's size, joints, expression and pose, and how its photo is framed."""
    face, c = result.face, result.coefficients
    joints = face.joints(c.identity.to(result.model.device))[0].cpu() * result.millimetre_factor
    return {
        "millimetre_factor": result.millimetre_factor,
        "joints": joints.tolist(),
        "expression": c.expression[0].tolist(),
        "rotation": c.rotation[0].tolist(),
        "translation": (c.translation[0] * result.millimetre_factor).tolist(),
        "metric_assumption": result.metric_assumption,
        "photo": photo_frame(result),
    }


def _without_effect(face: FaceModel) -> list[str]:
    """Expressions that neither move a vertex nor turn an eye."""
    moves = face.expression_basis.abs().amax((1, 2)) + face.gaze_map.abs().amax((1, 2))
    return [name for name, much in zip(face.expression_names, moves.tolist(), strict=True) if much == 0]


def _detail_meta(detail: SDDetail) -> dict[str, Any]:
    """Constants of Eqs. 6 to 9."""
    return {
        "side": detail.basis.side,
        "form": detail.dynamic.form,
        "floors": {"static": STATIC_FLOOR, "style": STYLE_FLOOR},
        "tension": {"gain": detail.tension.gain, "ceiling": CEILING, "steps": SMOOTHING_STEPS},
        "parts": detail.parts,
    }
