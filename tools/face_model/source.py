"""ICT-FaceKit as we take it: chosen parts, millimetres, and the way back to its own vertex numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# The transparent shells (lacrimal fluid, eye blend, eye occlusion) and the inner iris sphere are left out: they need
# blending, and the outer eyeball carries the iris in its texture.
PARTS = (
    "face", "head_neck", "mouth_socket", "eye_socket_left", "eye_socket_right", "gums_tongue", "teeth",
    "sclera_left", "sclera_right", "eyelashes_left", "eyelashes_right",
)  # fmt: skip
NAMES = {"sclera_left": "eyeball_left", "sclera_right": "eyeball_right"}
MM_PER_UNIT = 10.0


@dataclass
class Source:
    """The kept parts of ICT-FaceKit; arrays may be edited by later steps."""

    vertices: np.ndarray
    polygons: np.ndarray
    uv: np.ndarray
    uv_polygons: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    expression_names: list[str]
    ict_index: np.ndarray
    parts: dict[str, dict[str, list[int]]]
    ibug68: np.ndarray

    def vertex_slice(self, part: str) -> slice:
        return slice(*self.parts[part]["vertices"])

    def polygon_slice(self, part: str) -> slice:
        return slice(*self.parts[part]["polygons"])


def load(folder: Path) -> Source:
    """Read `ict_facekit.npz` and `regions.json`; vertices keep ICT's order, so face and head come first."""
    data = np.load(folder / "ict_facekit.npz")
    regions = json.loads((folder / "regions.json").read_text())
    kept = np.concatenate([np.arange(*regions["parts"][p]["vertices"]) for p in PARTS])
    new = np.full(len(data["neutral"]), -1)
    new[kept] = np.arange(len(kept))
    polygons, uv_polygons, parts = [], [], {}
    for part in PARTS:
        a, b = regions["parts"][part]["polygons"]
        va, vb = regions["parts"][part]["vertices"]
        first = sum(len(p) for p in polygons)
        source = data["faces"][a:b]
        polygons.append(np.where(source >= 0, new[source], -1))
        uv_polygons.append(data["uv_faces"][a:b])
        parts[NAMES.get(part, part)] = {
            "vertices": [int(new[va]), int(new[vb - 1]) + 1],
            "polygons": [first, first + b - a],
        }
    uv_ids, uv_index = np.unique(np.concatenate(uv_polygons), return_inverse=True)
    if uv_ids[0] < 0:
        uv_ids, uv_index = uv_ids[1:], uv_index - 1
    return Source(
        vertices=data["neutral"][kept].astype(np.float64) * MM_PER_UNIT,
        polygons=np.concatenate(polygons).astype(np.int64),
        uv=data["uv"][uv_ids].astype(np.float64),
        uv_polygons=uv_index.reshape(-1, 4),
        identity=_modes(data, "identity", kept),
        expression=_modes(data, "expression", kept),
        expression_names=[str(n) for n in data["expression_names"]],
        ict_index=kept,
        parts=parts,
        ibug68=new[np.array(regions["landmarks_multipie68"])],
    )


def _modes(data: np.lib.npyio.NpzFile, name: str, kept: np.ndarray) -> np.ndarray:
    scale = data[f"{name}_scale"][:, None, None] * MM_PER_UNIT
    return data[f"{name}_q"][:, kept].astype(np.float32) * scale.astype(np.float32)
