"""Build `albedo.safetensors`: 300 modes of skin colour in the two tiles of our UV.

    python -m tools.build_albedo DATA/makehuman/skins_ict OUT.safetensors [--report REPORT.json]

Three pigment axes, patterns of photographic skins, then families of features (tools/albedo). Skins of the open
benchmark (`hiface.synth.assets.HELD_OUT_SKINS`) are never read. docs/albedo.md says what came of it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hiface.assets.format import quantise, write_asset
from hiface.face.albedo import FULL, SCHEMA, integers_of
from hiface.face.model import FaceModel
from hiface.synth.body import build_body
from tools.albedo.axes import Axes, fit_axes
from tools.albedo.families import SOFT_FAMILIES, Family, all_families
from tools.albedo.patterns import Patterns, find_patterns, leave_one_out
from tools.albedo.skins import brow_layers, read_skins
from tools.albedo.tiles import FACE, HEAD, Tiles, joined, resized

AXES = ("melanin", "haemoglobin", "undertone")
PATTERNS = 37


def middle_mean(face: Float[np.ndarray, "*N R R C"]) -> Float[np.ndarray, "*N C"]:
    """Mean over the middle of the face, as `AlbedoModel.middle` takes it."""
    side = face.shape[-2]
    rows, columns = slice(int(0.39 * side), int(0.64 * side)), slice(int(0.29 * side), int(0.7 * side))
    return np.asarray(face[..., rows, columns, :].mean((-3, -2)))


def axis_maps(axes: Axes, patterns: Patterns) -> tuple[Float[np.ndarray, "3 S S 3"], Float[np.ndarray, "3 Sh Sh 3"]]:
    """Melanin with its slope over the face, and the two others even; the middle of the face moves as `axes` says."""
    faces, heads = [], []
    unit = np.linalg.norm(axes.melanin)
    offset = middle_mean(patterns.slope[0])
    for k, axis in enumerate((axes.melanin, axes.haemoglobin, axes.undertone)):
        extra = [unit * (s - offset) if k == 0 else 0 * s for s in patterns.slope]
        faces.append(extra[0] + axis)
        heads.append(extra[1] + axis)
    return np.stack(faces), np.stack(heads)


def mean_maps(
    axes: Axes, patterns: Patterns, families: list[Family]
) -> tuple[Float[np.ndarray, "R R 3"], Float[np.ndarray, "Rh Rh 3"]]:
    """The average person, whose cheeks and nose have the density `axes.centre`."""
    maps = [patterns.mean[k] + sum(resized(f.mean[k], side) for f in families) for k, side in ((0, FACE), (1, HEAD))]
    shift = axes.centre - np.median(maps[0][200:328, 150:362].reshape(-1, 3), axis=0)
    return maps[0] + shift, maps[1] + shift


def packed(
    tiles: Tiles, axes: Axes, patterns: Patterns, families: list[Family]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """The file's tensors, with every mode joined at the tiles' border, and the modes' names."""
    mean, head_mean = mean_maps(axes, patterns, families)
    head_mean = joined(tiles, mean, head_mean)
    axis_faces, axis_heads = axis_maps(axes, patterns)
    faces = np.concatenate([axis_faces, patterns.face]).astype(np.float32)
    heads = np.concatenate([axis_heads, patterns.head]).astype(np.float32)
    heads = np.stack([joined(tiles, f, h) for f, h in zip(faces, heads, strict=True)])
    face_q, face_scale = quantise(faces, bits=8)
    head_q, head_scale = quantise(heads, bits=8)
    soft = [f for f in families if f.name in SOFT_FAMILIES]
    fine = [f for f in families if f.name not in SOFT_FAMILIES]
    head_tinted = np.concatenate(
        [joined(tiles, np.moveaxis(f.face, 0, -1), np.moveaxis(f.head, 0, -1)) for f in [*soft, *fine]], -1
    )
    tensors = {
        "face_mean": integers_of(mean), "face_modes": face_q, "face_scale": face_scale,
        "head_mean": integers_of(head_mean), "head_modes": head_q, "head_scale": head_scale,
        "face_soft": _bytes(np.concatenate([f.face for f in soft])),
        "face_fine": _bytes(np.concatenate([f.face for f in fine])),
        "head_tinted": _bytes(np.moveaxis(head_tinted, -1, 0)),
        "tints": np.concatenate([f.tints for f in [*soft, *fine]]).astype(np.float32),
    }  # fmt: skip
    names = [*AXES, *(f"skin pattern {k + 1}" for k in range(len(patterns.face)))]
    names += [f"{f.name} {k + 1}" for f in [*soft, *fine] for k in range(len(f.face))]
    return tensors, names


def _bytes(maps: Float[np.ndarray, "N R R"]) -> np.ndarray:
    return np.round(np.clip(maps, -1, 1) * FULL).astype(np.int8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("skins", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--report", type=Path, help="JSON of what was measured while building; takes minutes more")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    model = FaceModel.load()
    tiles = Tiles.of(model)
    skins = read_skins(args.skins, tiles)
    axes = fit_axes(np.stack([s.colour for s in skins]))
    direction = axes.melanin / np.linalg.norm(axes.melanin)
    patterns = find_patterns(skins, direction, PATTERNS)
    tints = {"melanin": axes.melanin, "haemoglobin": axes.haemoglobin, "thin melanin": axes.thin_melanin}
    families = all_families(tiles, brow_layers(args.skins), build_body(model).growth, tints, args.seed)
    tensors, names = packed(tiles, axes, patterns, families)
    meta = {
        "units": "density d of linear reflectance A = 0.9 / (1 + exp d); means stored as 16 bits over [-6, 6]; "
        "tinted modes: map / 127 times the mode's tint",
        "licence": "CC0 1.0 (MakeHuman system and community skins)",
        "mode_names": names,
        "families": {"axes": len(AXES), "skin patterns": len(patterns.face)} | {f.name: len(f.face) for f in families},
        "skins": [s.name for s in skins],
    }
    digest = write_asset(args.out, SCHEMA, tensors, meta)
    print(f"{args.out}: {len(names)} modes, {args.out.stat().st_size / 1e6:.2f} MB, {digest[:12]}")
    if args.report:
        left = leave_one_out(skins, tiles, direction)
        report = {
            "skins": meta["skins"], "families": meta["families"],
            "pattern_share": patterns.share.tolist(),
            "family_share": {f.name: f.explained for f in families},
            "axes": {k: getattr(axes, k).tolist() for k in ("centre", "melanin", "haemoglobin", "undertone")},
            "left_out": {"modes": left.modes, "density": left.density.tolist(), "delta_e": left.delta_e.tolist()},
        }  # fmt: skip
        args.report.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
