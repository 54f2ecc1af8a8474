"""Build `face_model.safetensors` from ICT-FaceKit.

python -m tools.build_face_model DATA/ict_facekit MEDIAPIPE_ON_ICT.npz OUT.safetensors
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from hiface.assets.format import quantise, write_asset
from hiface.face.asset import ARKIT, SCHEMA
from tools.face_model import eyes, joints, landmarks, regions, source

JOINED = {"browInnerUp": ("browInnerUp_L", "browInnerUp_R"), "cheekPuff": ("cheekPuff_L", "cheekPuff_R")}
DROPPED = ("PupilDilate_L", "PupilDilate_R")  # they move only the inner iris, which is a texture here


def long_name(name: str) -> str:
    """ICT's `_L`, `_R` as ARKit writes them."""
    return name.replace("_L", "Left").replace("_R", "Right")


def expressions(model: source.Source) -> tuple[list[str], np.ndarray]:
    """The 52 in ARKit's order, then ICT's others. `tongueOut` is zero: the source has no such shape."""
    own = dict(zip(model.expression_names, model.expression, strict=True))
    by_name = {long_name(k): v for k, v in own.items() if k not in DROPPED}
    by_name |= {k: own[a] + own[b] for k, (a, b) in JOINED.items()}
    by_name["tongueOut"] = np.zeros_like(model.vertices, dtype=np.float32)
    names = [*ARKIT, *sorted(set(by_name) - set(ARKIT))]
    return names, np.stack([by_name[n] for n in names])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ict", type=Path)
    parser.add_argument("mediapipe_on_ict", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    model = source.load(args.ict)
    mirror = regions.symmetry(model)
    masks = regions.masks(model)
    centres = eyes.resize(model)
    eyes.make_rigid(model)
    eyes.unwrap(model, centres)
    names, expression = expressions(model)
    tensors = _arrays(model, expression) | {"symmetry": mirror.astype(np.int32)}
    tensors["region_masks"] = np.stack(list(masks.values())).astype(np.uint8)
    tensors["joint_index"], tensors["joint_weight"] = joints.regressor(model, centres)
    tensors["skin_weights"] = joints.skin_weights(model)
    for name, (index, weight) in landmarks.landmark_sets(model, args.mediapipe_on_ict, mirror).items():
        tensors[f"landmark_{name}_index"], tensors[f"landmark_{name}_weight"] = index, weight
    digest = write_asset(args.out, SCHEMA, tensors, _meta(model, names, list(masks)))
    print(f"{args.out}: {len(model.vertices)} vertices, {args.out.stat().st_size / 2**20:.1f} MiB, {digest[:12]}")


def _arrays(model: source.Source, expression: np.ndarray) -> dict[str, np.ndarray]:
    identity, identity_scale = quantise(model.identity)
    expression_q, expression_scale = quantise(expression)
    return {
        "mean": model.vertices.astype(np.float32),
        "polygons": model.polygons.astype(np.int32),
        "uv": model.uv.astype(np.float32),
        "uv_polygons": model.uv_polygons.astype(np.int32),
        "identity": identity, "identity_scale": identity_scale,
        "expression": expression_q, "expression_scale": expression_scale,
        "ict_index": model.ict_index.astype(np.int32),
    }  # fmt: skip


def _meta(model: source.Source, names: list[str], regions_: list[str]) -> dict[str, object]:
    return {
        "units": "millimetres",
        "axes": "right-handed, +x the subject's left, +y up, +z out of the face",
        "licence": "MIT, (c) 2020 USC Institute for Creative Technologies; landmark map Apache-2.0",
        "source": "ICT-FaceKit light model, commit da5f95a (2020-12-01)",
        "expression_names": names,
        "joint_parents": list(joints.PARENTS),
        "parts": model.parts,
        "skin": {"vertices": [0, 11248], "polygons": [0, 11144]},
        "region_names": regions_,
    }


if __name__ == "__main__":
    main()
