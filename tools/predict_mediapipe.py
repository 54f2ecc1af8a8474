"""MediaPipe's 468 points of a folder of pictures as meshes, a peer for `hiface evaluate`.

    pip install mediapipe && python tools/predict_mediapipe.py face_landmarker.task BENCHMARK/images OUT

Runs in an environment of its own, since MediaPipe brings another OpenCV. One .obj a picture, under the pictures' own
sub-folders. Frame: +x the subject's left, +y up, +z to the front; x, y and z in pixels, as MediaPipe gives them (z in
the unit of x). Pictures without a face are named at the end, and the exit status says so.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

POINTS = 468


def write_mesh(path: Path, points: np.ndarray, faces: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"v {x:.6g} {y:.6g} {z:.6g}" for x, y, z in points]
    temporary = path.with_suffix(".part")
    temporary.write_text("\n".join([*lines, *faces]) + "\n")
    temporary.replace(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--topology", type=Path, default=Path("src/hiface/assets/files/mediapipe468.obj"))
    options = parser.parse_args()
    faces = [line for line in options.topology.read_text().splitlines() if line.startswith("f ")]
    settings = vision.FaceLandmarkerOptions(base_options=BaseOptions(model_asset_path=str(options.task)))
    missing = []
    with vision.FaceLandmarker.create_from_options(settings) as detector:
        for path in sorted(p for p in options.images.rglob("*") if p.suffix.lower() in (".png", ".jpg", ".jpeg")):
            image = mediapipe.Image.create_from_file(str(path))
            found = detector.detect(image).face_landmarks
            if not found:
                missing.append(str(path))
                continue
            points = np.array([[p.x, p.y, p.z] for p in found[0][:POINTS]])
            points *= [image.width, -image.height, -image.width]
            write_mesh((options.out / path.relative_to(options.images)).with_suffix(".obj"), points, faces)
    for name in missing:
        print(f"{name}: MediaPipe finds no face", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
