"""Places REALY's 85 keypoints on our topology and on MediaPipe's, and draws them to be checked by eye.

    python tools/build_keypoints85.py SHARED/data/mediapipe/canonical_face.npz --picture docs/pictures/keypoints85.jpg

The first 68 are iBUG's. Eyes, nose, lips and jaw are the source's own vertices; the brows are MediaPipe's, which lie
where photographs have the hair, 6 mm below the source's. The other 17 are placed by their coordinates in the frame of
the outer eye corners, as measured on the benchmark's own template, then moved along z onto the mean face; the three
above the chin are raised to our mean face's crease.
MediaPipe's mesh is laid on our mean face (its landmarks are weights on our vertices), so that both topologies carry
the same 85 places.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import torch

from hiface.assets.format import write_atomically
from hiface.evaluate.topologies import Topology, placed
from hiface.evaluate.writers import write_mesh_obj
from hiface.export.clay import key_shadow, openness
from hiface.export.pictures import clay, srgb
from hiface.export.seen import look_at
from hiface.face.model import FaceModel
from hiface.geometry.surface import Mesh
from hiface.geometry.topology import triangulate

ASSETS = Path("src/hiface/assets/files")
BROWS = slice(17, 27)
OUTER_EYES = (36, 45)
EXTRA = (
    (-0.46, -0.19), (0.48, -0.19),  # under the eyes
    (-0.30, -0.41), (0.30, -0.41),  # beside the nose's wings
    (-0.50, -0.72), (0.50, -0.72),  # lower cheeks
    (-0.75, -0.14), (0.75, -0.14),  # cheek bones
    (-0.64, -0.43), (0.64, -0.43),  # middle of the cheeks
    (-0.22, -0.99), (0.00, -0.98), (0.22, -0.99),  # crease above the chin; 1.06 and 1.05 on the benchmark's template
    (-0.81, -0.34), (0.81, -0.34), (-0.74, -0.65), (0.74, -0.65),  # outer cheeks
)  # fmt: skip
"""x to the subject's left and y up from the middle of the outer eye corners, in their distance."""
_PICTURE, _SHOWN_MM = 720, 190.0


def keypoints(face: FaceModel) -> np.ndarray:
    """(85, 3): the places on the mean face, mm."""
    first = face.landmarks(face.mean[None], "ibug68")[0].numpy()
    first[BROWS] = face.landmarks(face.mean[None], "mediapipe68")[0].numpy()[BROWS]
    eyes = first[list(OUTER_EYES)]
    unit = np.linalg.norm(eyes[1] - eyes[0])
    return np.concatenate([first, [_in_front(face, eyes.mean(0)[:2] + unit * np.array(xy)) for xy in EXTRA]])


def _in_front(face: FaceModel, place: np.ndarray) -> np.ndarray:
    """The foremost point of the skin at an x and y."""
    corners = face.mean.numpy().astype(np.float64)[face.part_triangles("skin")]
    a, u, v = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    q = place - a[:, :2]
    with np.errstate(divide="ignore", invalid="ignore"):
        s, t = (q[:, 0] * v[:, 1] - q[:, 1] * v[:, 0]) / area, (u[:, 0] * q[:, 1] - u[:, 1] * q[:, 0]) / area
    inside = (s >= 0) & (t >= 0) & (s + t <= 1)
    depth = np.where(inside, a[:, 2] + s * u[:, 2] + t * v[:, 2], -np.inf)
    return np.array([*place, depth.max()])


def on_mediapipe(face: FaceModel, canonical: Path, places: np.ndarray) -> Topology:
    with np.load(canonical) as file:
        triangles = file["faces"].astype(np.int64)
    points = face.landmarks(face.mean[None], "mediapipe478")[0].numpy()[:468]
    return placed(Mesh(points, triangles), places)


def picture(face: FaceModel, chosen: list[Topology]) -> np.ndarray:
    """Front and three-quarter views, one row a topology; BGR."""
    return np.vstack([np.hstack([_view(face, t, yaw) for yaw in (0.0, 0.75)]) for t in chosen])


def _view(face: FaceModel, topology: Topology, yaw: float) -> np.ndarray:
    c, s = np.cos(yaw), np.sin(yaw)
    turn, middle = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]), np.array([0, -5, 60.0])
    posed = ((face.mean.numpy() - middle) @ turn.T).astype(np.float32)
    seen = look_at(face, posed, 1 / _SHOWN_MM, _PICTURE)
    image = srgb(clay(seen, seen.normal, openness(seen), key_shadow(seen)))[..., ::-1].copy()
    points = seen.project((topology.anchors.on(topology.template.vertices) - middle) @ turn.T)
    for k, (x, y, _) in enumerate(points):
        colour = (60, 60, 255) if k < 68 else (40, 200, 40)
        cv2.circle(image, (round(x), round(y)), 6, colour, -1, cv2.LINE_AA)
        cv2.putText(image, str(k), (round(x) + 8, round(y) - 6), 0, 0.55, colour, 1, cv2.LINE_AA)
    return cv2.resize(image, (_PICTURE, _PICTURE), interpolation=cv2.INTER_AREA)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("canonical", type=Path)
    parser.add_argument("--picture", type=Path, required=True)
    options = parser.parse_args()
    face = FaceModel.load()
    places = keypoints(face)
    ours = placed(Mesh(face.mean.numpy(), triangulate(face.polygons)), places)
    theirs = on_mediapipe(face, options.canonical, places)
    for name, topology in (("hiface", ours), ("mediapipe", theirs)):
        off = np.linalg.norm(topology.anchors.on(topology.template.vertices) - places, axis=1)
        print(f"{name}: keypoints lie within {off.max():.2f} mm of their places, {off.mean():.2f} on average")
        rows = [[int(t), round(float(a), 6), round(float(b), 6)] for t, a, b in topology.table]
        write_atomically(ASSETS / f"keypoints85_{name}.json", lambda path, rows=rows: path.write_text(json.dumps(rows)))
    write_mesh_obj(ASSETS / "mediapipe468.obj", theirs.template)
    cv2.imwrite(str(options.picture), picture(face, [ours, theirs]), [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
