"""Build `albedo.safetensors` from photographic skins in our UV.

    python -m tools.build_albedo DATA/makehuman/skins_ict OUT.safetensors [--modes 30] [--picture SHEET.png]

Three named axes come first (melanin, redness, brows), each regressed over the skins and their tints; the rest is
a PCA of what they leave, all in density (hiface/face/albedo.py). A coefficient of 1 is one standard deviation over
the tinted skins.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from hiface.assets.format import quantise, write_asset
from hiface.face.albedo import SCHEMA, density_of, integers_of

FACE, HEAD = 512, 256
# Log-reflectance change of R, G, B per unit of melanin and of blood. Directions after the study of the generator:
# melanin absorbs more towards blue; haemoglobin takes green and blue and leaves red.
MELANIN = np.array([-0.50, -0.75, -0.95], np.float32)
BLOOD = np.array([0.15, -0.30, -0.25], np.float32)
TINTS = 6
BROW_COLOUR = np.array([0.035, 0.022, 0.015], np.float32)


def linear(picture: np.ndarray) -> np.ndarray:
    """Linear light of sRGB bytes."""
    value = picture.astype(np.float32) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


def read(path: Path, side: int) -> np.ndarray:
    picture = cv2.imread(str(path))[..., ::-1]
    return linear(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA))


def brow_layers(folder: Path, index: dict) -> np.ndarray:
    """(12, FACE, FACE) opacity of the brow layers."""
    layers = []
    for entry in index["eyebrows"]:
        picture = cv2.imread(str(folder / (entry.get("file") or entry["name"] + ".webp")), cv2.IMREAD_UNCHANGED)
        x0, y0, x1, y1 = entry["box_xyxy_in_face_tile"]
        alpha = np.zeros((1024, 1024), np.float32)
        alpha[y0:y1, x0:x1] = picture[..., 3] / 255
        layers.append(cv2.resize(alpha, (FACE, FACE), interpolation=cv2.INTER_AREA))
    return np.stack(layers)


def people(folder: Path, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tinted, browed skins: face maps, head maps, and (N, 3) melanin, blood and brow of each."""
    index = json.loads((folder / "index.json").read_text())
    brows = brow_layers(folder, index)
    faces, heads, factors = [], [], []
    for entry in index["skins"]:
        face, head = read(folder / entry["face"], FACE), read(folder / entry["head"], HEAD)
        for k in range(TINTS):
            melanin, blood = (0.0, 0.0) if k == 0 else (rng.normal(0, 0.35), rng.normal(0, 0.3))
            tint = np.exp(melanin * MELANIN + blood * BLOOD)
            thickness = float(np.clip(rng.normal(0.65, 0.3), 0, 1))
            alpha = brows[rng.integers(len(brows))][..., None] * thickness
            browed = np.minimum(face * tint, 1) * (1 - alpha) + BROW_COLOUR * alpha
            faces.append(browed[:, ::-1] if k % 2 else browed)
            heads.append(np.minimum(head * tint, 1)[:, :: -1 if k % 2 else 1])
            tone = np.log(np.median(faces[-1][200:330, 150:360], axis=(0, 1)) + 1e-3)
            factors.append([tone @ MELANIN, tone[0] - tone[1], thickness])
    return density_of(np.stack(faces)), density_of(np.stack(heads)), np.array(factors, np.float32)


def halve(maps: np.ndarray) -> np.ndarray:
    return np.stack([cv2.resize(m, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for m in maps])


def fit(
    faces: np.ndarray, heads: np.ndarray, factors: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Modes of face and head together, one standard deviation each, and the share of variance each explains."""
    n = len(faces)
    flat = np.concatenate([halve(faces).reshape(n, -1), halve(heads).reshape(n, -1)], axis=1)
    flat -= flat.mean(0)
    named, rest = [], flat
    whitened = (factors - factors.mean(0)) / factors.std(0)
    for k in range(factors.shape[1]):  # one after another, so that each explains what the former leave
        score = whitened[:, k] - (
            whitened[:, :k] @ np.linalg.lstsq(whitened[:, :k], whitened[:, k], rcond=None)[0] if k else 0
        )
        score = (score / score.std()).astype(np.float32)
        mode = score @ rest / n
        named.append(mode)
        rest = rest - score[:, None] * mode
    _, s, v = np.linalg.svd(rest, full_matrices=False)
    left = count - len(named)
    modes = np.concatenate([np.stack(named), s[:left, None] * v[:left] / np.sqrt(n)])
    return modes, (modes**2).sum(1) / (flat**2).sum() * n, s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("skins", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--modes", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    faces, heads, factors = people(args.skins, np.random.default_rng(args.seed))
    modes, share, _ = fit(faces, heads, factors, args.modes)
    print("explained:", " ".join(f"{x:.3f}" for x in share), f"sum {share.sum():.3f}")
    cut = (FACE // 2) ** 2 * 3
    face_q, face_scale = quantise(modes[:, :cut].reshape(-1, FACE // 2, FACE // 2, 3), bits=8)
    head_q, head_scale = quantise(modes[:, cut:].reshape(-1, HEAD // 2, HEAD // 2, 3), bits=8)
    names = ["melanin", "redness", "brows", *(f"texture{k}" for k in range(len(modes) - 3))]
    tensors = {
        "face_mean": integers_of(faces.mean(0)), "face_modes": face_q, "face_scale": face_scale,
        "head_mean": integers_of(heads.mean(0)), "head_modes": head_q, "head_scale": head_scale,
    }  # fmt: skip
    meta = {
        "units": "density d of linear reflectance A = 0.9 / (1 + exp d); mean stored as 16 bits over [-6, 6]",
        "licence": "CC0 1.0 (MakeHuman system and community skins)",
        "mode_names": names,
        "explained": [float(x) for x in share],
    }
    digest = write_asset(args.out, SCHEMA, tensors, meta)
    print(f"{args.out}: {len(modes)} modes, {args.out.stat().st_size / 2**20:.1f} MiB, {digest[:12]}")


if __name__ == "__main__":
    main()
