"""Build `ambient_occlusion.safetensors`: how open each skin vertex of the neutral face is to light around it.

python -m tools.build_ambient_occlusion OUT.safetensors        (needs trimesh and embreex)
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
import trimesh
from trimesh.ray.ray_pyembree import RayMeshIntersector

from hiface.assets.format import write_asset
from hiface.face.model import FaceModel
from hiface.geometry.normals import vertex_normals
from hiface.geometry.topology import triangulate
from hiface.synth.body import OCCLUSION_SCHEMA

RAYS = 256
OFFSET_MM = 0.8
SHELLS = ("face", "head_neck", "mouth_socket")


def directions(count: int) -> np.ndarray:
    """Unit vectors spread evenly over the sphere (a spiral)."""
    index = np.arange(count) + 0.5
    height = 1 - 2 * index / count
    angle = np.pi * (1 + 5**0.5) * index
    flat = np.sqrt(1 - height**2)
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), height], 1)


def openness(model: FaceModel) -> np.ndarray:
    """(V_skin,) share of cosine-weighted directions that leave the face, 0 to 1."""
    points = model.mean.numpy()
    polygons = np.concatenate([model.polygons[model.polygon_range(part)] for part in SHELLS])
    triangles = triangulate(polygons)
    normals = vertex_normals(model.mean[None], torch.from_numpy(triangles))[0].numpy()
    rays = RayMeshIntersector(trimesh.Trimesh(points, triangles, process=False))
    count = model.vertex_count("skin")
    result = np.zeros(count)
    sphere = directions(RAYS)
    for first in range(0, count, 512):
        own = slice(first, min(first + 512, count))
        ways = sphere[None] + 1.02 * normals[own, None]  # a sphere that touches the surface: cosine-weighted
        ways /= np.linalg.norm(ways, axis=2, keepdims=True)
        starts = np.repeat(points[own] + OFFSET_MM * normals[own], RAYS, 0)
        hit = rays.intersects_first(starts, ways.reshape(-1, 3)) >= 0
        result[own] = 1 - hit.reshape(-1, RAYS).mean(1)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    model = FaceModel.load()
    values = openness(model)
    meta = {
        "units": "share of directions times 255",
        "licence": "Apache-2.0; computed from face_model.safetensors",
        "face_model": model.hash,
        "rays": RAYS,
    }
    digest = write_asset(args.out, OCCLUSION_SCHEMA, {"openness": np.round(values * 255).astype(np.uint8)}, meta)
    print(f"{args.out}: {len(values)} vertices, mean {values.mean():.3f}, {digest[:12]}")


if __name__ == "__main__":
    main()
