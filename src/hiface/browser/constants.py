"""What a client without torch needs beside the network: shape, detail, albedo and eyes as arrays, rules as numbers.

The rules (crop, detection, refinement) are told as they stand in Python, so that a client has no constant of its own.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from hiface import model as flow
from hiface.assets.format import json_text, quantise, write_atomically
from hiface.browser.pictures import eye_constants, pictures_for_all
from hiface.export.blend import shrunk
from hiface.export.texture import COARSE, tile_of
from hiface.face.albedo import BRIGHTEST, DENSITY_LIMIT, FULL, AlbedoModel, integers_of
from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE
from hiface.face.model import FaceModel
from hiface.model import HiFace
from hiface.network.age import AGE_GROUPS
from hiface.photo import crop, detect
from hiface.reconstructor import USUAL_SCALE, Reconstructor
from hiface.refine import MESH_POINTS, Trust
from hiface.view.face_data import model_arrays, model_meta
from hiface.view.pack import packed_bytes

Arrays = dict[str, Shaped[np.ndarray, "..."]]

PACK, TOLD = "model.pack", "model.json"
_EXACT_MM = 2e-5
"""What an identity mode in 8 bits may be off by at one standard deviation; others take 16."""
_RANK = 1e-7
"""Of the largest singular value: fields behind the skin that are weaker are rounding."""


@dataclass(frozen=True)
class ClientData:
    """Everything but the network."""

    meta: dict[str, Any]
    """Plain JSON."""
    arrays: dict[str, Shaped[np.ndarray, "..."] | bytes]


def client_data(model: HiFace) -> ClientData:
    """The constants of a loaded model."""
    reconstructor, face = model.reconstructor, model.face
    detail = reconstructor.detail_model
    arrays: dict[str, Shaped[np.ndarray, "..."] | bytes] = {
        **model_arrays(face, detail),
        **identity_arrays(face),
        **_landmark_arrays(face),
        **_mirror_arrays(reconstructor),
        **_static_arrays(model),
        **albedo_arrays(reconstructor.albedo),
        **_texture_arrays(face),
        **{f"picture.{name}": data for name, data in pictures_for_all().items()},
    }
    meta = {
        **model_meta(face, detail),
        "network": _network_meta(model),
        "crop": _crop_meta(),
        "detect": _detect_meta(),
        "refine": {**asdict(Trust()), "points": MESH_POINTS},
        "size": {"ipd_mm": list(flow.IPD_MM), "groups": list(AGE_GROUPS)},
        "albedo": {
            "limit": DENSITY_LIMIT,
            "brightest": BRIGHTEST,
            "full": FULL,
            "soft": len(reconstructor.albedo.face_soft),
        },
        "eyes": eye_constants(),
    }
    return ClientData(meta, arrays)


def write_client_data(model: HiFace, folder: Path) -> None:
    """Write `model.pack` (gzip of the arrays) and `model.json` (all else, and where each array lies) in a folder."""
    data = client_data(model)
    body, table = packed_bytes(data.arrays)
    text = json_text({**data.meta, "arrays": table})
    write_atomically(folder / PACK, lambda path: path.write_bytes(body))
    write_atomically(folder / TOLD, lambda path: path.write_text(text, encoding="utf-8"))


def identity_arrays(face: FaceModel) -> Arrays:
    """Mean and identity modes in little space. On the skin: 8 bits where they do not differ from the model's, else 16.

    Behind the skin the modes are few fields, and how much of each a mode has. `identity_fine` and `identity_coarse`
    name the modes of 16 and of 8 bits.
    """
    modes, skin = face.identity_basis.cpu().numpy(), face.vertex_count("skin")
    integers, scale = quantise(modes[:, :skin], 8)
    off = np.abs(integers * scale[:, None, None] - modes[:, :skin]).max((1, 2))
    fine, coarse = np.flatnonzero(off > _EXACT_MM), np.flatnonzero(off <= _EXACT_MM)
    weight, fields = _fields(modes[:, skin:])
    arrays: Arrays = {
        "mean": face.mean.cpu().numpy(),
        "identity_fine": fine.astype(np.uint16),
        "identity_coarse": coarse.astype(np.uint16),
        "identity_coarse_values": integers[coarse],
        "identity_coarse_scale": scale[coarse],
        "identity_inner_weight": weight,
        "joint_mean": face.joint_mean.cpu().numpy(),
        "joint_identity": face.joint_identity.cpu().numpy(),
    }
    for name, values in (("identity_fine", modes[fine, :skin]), ("identity_inner", fields)):
        arrays[f"{name}_values"], arrays[f"{name}_scale"] = quantise(values, 16)
    return arrays


def _fields(modes: Float[np.ndarray, "I N 3"]) -> tuple[Float[np.ndarray, "I K"], Float[np.ndarray, "K N 3"]]:
    """Modes as `weight @ fields` with as few fields as they have dimensions."""
    flat = modes.reshape(len(modes), -1).astype(np.float64)
    strength, vectors = np.linalg.eigh(flat @ flat.T)
    kept = vectors[:, strength > max(_RANK**2 * strength[-1], 1e-12)][:, ::-1]
    return kept.astype(np.float32), (kept.T @ flat).reshape(-1, *modes.shape[1:]).astype(np.float32)


def _landmark_arrays(face: FaceModel) -> Arrays:
    arrays: Arrays = {"expression_range": face.expression_range.cpu().numpy()}
    for name in ("mediapipe68", "mediapipe478"):
        index, weight = face.landmark_weights(name)
        arrays[f"{name}_index"] = index.cpu().numpy().astype(np.uint16)
        arrays[f"{name}_weight"] = weight.cpu().numpy().astype(np.float32)
    return arrays


def _mirror_arrays(reconstructor: Reconstructor) -> Arrays:
    """What a face's numbers are in the mirror, where the face model has one."""
    mirror = reconstructor.mirror
    if mirror is None:
        return {}
    return {
        "mirror_identity": mirror.identity.cpu().numpy().astype(np.int8),
        "mirror_expression": mirror.expression.cpu().numpy().astype(np.int8),  # zeros and ones, and minus one
        "mirror_points478": mirror.points478.cpu().numpy().astype(np.uint16),
    }


def _static_arrays(model: HiFace) -> Arrays:
    """Eq. 4 at the texels of the mask."""
    basis = model.reconstructor.detail_model.basis
    modes, scale = quantise(basis.get_buffer("static_modes").cpu().numpy(), 8)
    return {
        "static_mean": basis.get_buffer("static_mean").cpu().numpy(), "static_modes": modes, "static_scale": scale,
    }  # fmt: skip


def albedo_arrays(albedo: AlbedoModel) -> Arrays:
    """Means as 16-bit densities, modes as the file holds them; channels last for means, first for modes."""
    arrays: Arrays = {"tints": albedo.tints.cpu().numpy()}
    for tile in ("face", "head"):
        mean = albedo.get_buffer(f"{tile}_mean").cpu().numpy()
        arrays[f"{tile}_albedo_mean"] = integers_of(np.moveaxis(mean, 0, -1))
        modes = albedo.get_buffer(f"{tile}_modes").cpu().numpy()
        arrays[f"{tile}_albedo_modes"], arrays[f"{tile}_albedo_scale"] = quantise(modes, 8)
    for name in ("face_soft", "face_fine", "head_tinted"):
        arrays[f"albedo_{name}"] = np.round(albedo.get_buffer(name).cpu().numpy() * FULL).astype(np.int8)
    return arrays


def _texture_arrays(face: FaceModel) -> Arrays:
    """In the face tile, row 0 is v = 1: how far its outline is, where the photo is believed whatever its colour, and
    where its colours say what skin is. By vertex: the mirror."""
    tile = tile_of(face, 2 * COARSE)
    shares = {"inside": shrunk(tile.inside, COARSE), "trusted": tile.trusted, "core": tile.core.astype(np.float32)}
    arrays: Arrays = {f"tile_{name}": np.round(255 * share).astype(np.uint8) for name, share in shares.items()}
    if face.symmetry is not None:
        arrays["symmetry"] = face.symmetry.astype(np.uint16)
    return arrays


def _network_meta(model: HiFace) -> dict[str, Any]:
    return {
        "side": model.reconstructor.config.crop,
        "weights": model.weights_id,
        "assets": model.reconstructor.asset_ids(),
        "usual_scale": USUAL_SCALE,
        "ibug68": list(IBUG68_OF_MEDIAPIPE),
        "doubt": flow.DOUBT,
        "beside": [list(look) for look in flow.BESIDE],
        "settled": flow.SETTLED,
        "most": flow.MOST_REFINEMENTS,
    }


def _crop_meta() -> dict[str, Any]:
    return {
        "mean68": crop.MEAN68.tolist(), "ridge68": crop.RIDGE68, "mean5": crop.MEAN5.tolist(), "ridge5": crop.RIDGE5,
        "centre_mm": crop.CENTRE_MM.tolist(), "side_mm": crop.SIDE_MM, "side_of_box": crop.SIDE_OF_BOX,
        "centre_below_box": crop.CENTRE_BELOW_BOX,
    }  # fmt: skip


def _detect_meta() -> dict[str, Any]:
    def told(look: detect.Pass) -> dict[str, Any]:
        return {**asdict(look), "sizes": [min(size, 1e9) for size in look.sizes]}

    return {
        "upright": [told(look) for look in detect.UPRIGHT],
        "turned": [told(look) for look in detect.TURNED],
        "sure": detect.SURE,
        "overlap": detect.OVERLAP,
        "inside": detect.INSIDE,
    }
