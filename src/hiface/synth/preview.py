"""Sheets of samples, plain or with their truth drawn in: `python -m hiface.synth.preview OUT.png --data DATA`."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from hiface.synth.generate import Sample

_SEEN, _BY_FACE, _BY_THING = (80, 255, 80), (255, 60, 60), (255, 160, 0)


def truth_picture(sample: Sample, name: str = "dense669", scale: int = 3) -> UInt8[np.ndarray, "S S 3"]:
    """The picture enlarged, skin tinted blue, points green where seen, red behind the face, orange behind a thing."""
    picture = sample.picture.astype(np.float32)
    tinted = picture * [0.6, 0.75, 1] + [0, 0, 70]
    shown = np.where(sample.skin[..., None], tinted, picture).clip(0, 255).astype(np.uint8)
    shown = cv2.resize(shown, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    for (x, y), flag in zip(sample.tensors[name], sample.tensors[f"{name}_hidden"], strict=True):
        colour = _SEEN if flag == 0 else _BY_FACE if flag & 1 else _BY_THING
        cv2.circle(shown, (round(float(x) * scale - 0.5), round(float(y) * scale - 0.5)), 1, colour, -1)
    return np.asarray(shown)


def sheet(pictures: list[UInt8[np.ndarray, "S S 3"]], columns: int) -> UInt8[np.ndarray, "H W 3"]:
    """Pictures side by side; the last row is filled with black."""
    rest = -len(pictures) % columns
    pictures = pictures + [np.zeros_like(pictures[0])] * rest
    rows = [np.hstack(pictures[k : k + columns]) for k in range(0, len(pictures), columns)]
    return np.asarray(np.vstack(rows))


def main() -> None:
    """Draw a sheet of samples; see --help."""
    parser = argparse.ArgumentParser(prog="python -m hiface.synth.preview", description=main.__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--points", choices=("dense669", "mediapipe478"), help="draw the truth, three times as large")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    from hiface.synth.assets import load_sources
    from hiface.synth.generate import Generator

    generator = Generator(load_sources(args.data), args.seed)
    samples = [generator.sample(args.first + k) for k in range(args.rows * args.columns)]
    pictures = [truth_picture(s, args.points) if args.points else s.picture for s in samples]
    cv2.imwrite(str(args.out), cv2.cvtColor(sheet(pictures, args.columns), cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
