"""ICT-FaceKit's light model: its own folder of OBJ files, or one npz of the same numbers.

Its topology is the shipped model's, so nothing is registered: parts, UVs, regions, landmarks, joints and weights are
the shipped file's, vertex by vertex, and mean, identity modes and expressions are the source's.

The folder holds `generic_neutral_mesh.obj`, `identity000.obj` and on (the neutral mesh with one mode added), and an
OBJ for each expression. The npz holds `neutral` (26719, 3), `identity_q` int16 with `identity_scale`, `expression_q`
with `expression_scale`, and `expression_names`. Centimetres.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from rich.progress import track

from hiface.assets.format import Array, dequantise, quantise, read_asset
from hiface.assets.store import locate
from hiface.convert.reading import read_arrays, require
from hiface.convert.source import EYES
from hiface.errors import AssetError
from hiface.export.obj import read_obj
from hiface.face.asset import ARKIT, META, SCHEMA

KEYS = ("neutral", "identity_q", "identity_scale", "expression_q", "expression_scale", "expression_names")
NEUTRAL = "generic_neutral_mesh.obj"
VERTICES = 26_719
MM_PER_UNIT = 10.0
JOINED = {"browInnerUp": ("browInnerUp_L", "browInnerUp_R"), "cheekPuff": ("cheekPuff_L", "cheekPuff_R")}
DROPPED = ("PupilDilate_L", "PupilDilate_R")
"""They move only the inner iris, which is not among the parts."""


def convert(path: str | Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Tensors and metadata of a face model file."""
    path = Path(path)
    neutral, identity, shapes = _folder(path) if path.is_dir() else _npz(path)
    base = read_asset(locate("face_model.safetensors"), SCHEMA)
    kept = base.tensors["ict_index"].astype(np.int64)
    names, expression = named_units({k: v[kept] for k, v in shapes.items()})
    for eye in EYES:  # joints turn the eyes
        expression[:, slice(*base.meta["parts"][eye]["vertices"])] = 0
    skeleton = {k: v for k, v in base.tensors.items() if not k.startswith(("identity", "expression", "people"))}
    tensors = skeleton | {"mean": (MM_PER_UNIT * neutral[kept]).astype(np.float32), "source_index": kept}
    tensors["identity"], tensors["identity_scale"] = quantise(MM_PER_UNIT * identity[:, kept])
    tensors["expression"], tensors["expression_scale"] = quantise(MM_PER_UNIT * expression)
    meta = {k: base.meta[k] for k in (*META, "units", "axes")} | {
        "expression_names": names,
        "source": "ICT-FaceKit light model",
        "licence": "MIT, (c) 2020 USC Institute for Creative Technologies",
        "conversion": {"kind": "ict", "units": "its own; tongueOut is zero", "notes": [_EYES_NOTE]},
    }
    return tensors, meta


_EYES_NOTE = "eyeballs keep the source's size; eyeLook units turn their joints and move no eyeball"


def _npz(path: Path) -> tuple[Float[np.ndarray, "V 3"], Float[np.ndarray, "I V 3"], dict[str, Array]]:
    arrays = read_arrays(path)
    require(arrays, KEYS, path, "ICT-FaceKit")
    neutral = arrays["neutral"].astype(np.float64)
    _check_count(len(neutral), path)
    expression = dequantise(arrays["expression_q"], arrays["expression_scale"])
    names = (str(n) for n in arrays["expression_names"])
    identity = dequantise(arrays["identity_q"], arrays["identity_scale"])
    return neutral, identity, dict(zip(names, expression, strict=True))


def _folder(path: Path) -> tuple[Float[np.ndarray, "V 3"], Float[np.ndarray, "I V 3"], dict[str, Array]]:
    files = {p.stem: p for p in sorted(path.glob("*.obj"))}
    if NEUTRAL.removesuffix(".obj") not in files:
        raise AssetError(f"{path}: {NEUTRAL} is missing; give the folder FaceXModel of ICT-FaceKit")
    neutral = read_obj(files.pop(NEUTRAL.removesuffix(".obj"))).vertices
    _check_count(len(neutral), path)
    modes = [name for name in files if re.fullmatch(r"identity\d+", name)]
    if not modes:
        raise AssetError(f"{path}: no identity000.obj and on; give the folder FaceXModel of ICT-FaceKit")
    offsets: dict[str, Array] = {}
    for name in track(files, "shapes", transient=True):
        vertices = read_obj(files[name]).vertices
        if len(vertices) != len(neutral):
            raise AssetError(f"{files[name]}: {len(vertices)} vertices, expected {len(neutral)} as in {NEUTRAL}")
        offsets[name] = (vertices - neutral).astype(np.float32)
    identity = np.stack([offsets.pop(name) for name in modes])
    return neutral, identity, offsets


def _check_count(found: int, path: Path) -> None:
    if found != VERTICES:
        raise AssetError(f"{path}: {found} vertices, expected {VERTICES} of ICT-FaceKit's light model")


def named_units(shapes: Mapping[str, Float[np.ndarray, "V 3"]]) -> tuple[list[str], Float[np.ndarray, "E V 3"]]:
    """The 52 in ARKit's order, then the source's others; halves of a unit are joined and stay as well.

    `tongueOut` is zero: the source has no such shape. Raises `AssetError` where one of the others is missing.
    """
    own = {name: values for name, values in shapes.items() if name not in DROPPED}
    named = {_long(k): v for k, v in own.items()}
    for name, halves in JOINED.items():
        if all(half in own for half in halves):
            named[name] = own[halves[0]] + own[halves[1]]
    missing = [n for n in ARKIT if n not in named and n != "tongueOut"]
    if missing:
        raise AssetError(f"ICT-FaceKit: expressions {missing} are missing; the source is not complete")
    named["tongueOut"] = np.zeros_like(named["jawOpen"])
    names = [*ARKIT, *sorted(set(named) - set(ARKIT))]
    return names, np.stack([named[n] for n in names])


def _long(name: str) -> str:
    """ICT's `_L`, `_R` as ARKit writes them."""
    return re.sub(r"_R$", "Right", re.sub(r"_L$", "Left", name))
