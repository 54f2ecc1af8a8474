"""Pictures of meshes of any topology: clay under a raking light, and a template beside our registered skin."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from hiface.evaluate.pictures import Patch, error_picture
from hiface.export.clay import key_shadow, openness
from hiface.export.overview import row_of
from hiface.export.pictures import clay, on_ground, srgb
from hiface.export.seen import FINER, Seen
from hiface.geometry.camera import project
from hiface.geometry.normals import vertex_normals
from hiface.geometry.surface import ClosestPoint, Mesh
from hiface.render.interpolate import interpolate
from hiface.render.rasterise import rasterise

_TOP_MM = 2.0


def clay_picture(
    vertices: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"], scale: float, side: int
) -> UInt8[np.ndarray, "S S 3"]:
    """A mesh in clay on a dark ground, sRGB. Frame: +x right, +y up, +z towards the eye, mm, the optical axis through
    the origin; `scale` is in picture sides per mm. Triangles that look away are left out."""
    seen = _seen(np.asarray(vertices, np.float32), triangles, scale, side)
    samples = clay(seen, seen.normal, openness(seen), key_shadow(seen))
    return on_ground(srgb(samples), seen)


def _seen(points: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"], scale: float, side: int) -> Seen:
    """What `export.seen` makes of our face, of any mesh: one piece, without UVs."""
    corners = torch.from_numpy(points)[None]
    faces = torch.from_numpy(np.ascontiguousarray(triangles, np.int64))
    a, b, c = (points[triangles[:, k]] for k in range(3))
    front = np.cross(b - a, c - a)[:, 2] > 0
    normals = vertex_normals(corners, faces)
    faces, samples = faces[torch.from_numpy(front)], side * FINER
    screen = project(corners, torch.tensor([scale], dtype=torch.float32), samples)
    raster = rasterise(screen, faces, samples, samples)
    values = interpolate(raster, screen, None, faces, normals)[0].numpy()
    planes = np.ascontiguousarray(np.moveaxis(values, -1, 0))
    planes /= np.maximum(np.linalg.norm(planes, axis=0), np.float32(1e-6))
    ids = raster.face_id[0].numpy()
    return Seen(
        mask=ids >= 0, piece=np.where(ids >= 0, 0, 255).astype(np.uint8), normal=planes,
        place=np.zeros((*ids.shape, 2), np.float32), depth=raster.depth[0].numpy(), mm=1 / (scale * samples),
        names=("face",), triangles=faces, corners=corners, raster=raster, screen=screen,
    )  # fmt: skip


def registration_picture(
    template: Float[np.ndarray, "V 3"], their_triangles: Int[np.ndarray, "T 3"], skin: Float[np.ndarray, "N 3"],
    our_triangles: Int[np.ndarray, "M 3"], side: int = 512,
) -> UInt8[np.ndarray, "H W 3"]:  # fmt: skip
    """Their template, our face laid on it, and how far each of our vertices lies from it."""
    face = Mesh(skin, our_triangles)
    used = np.unique(our_triangles)
    low, high = skin[used].min(0), skin[used].max(0)
    middle, scale = (low + high) / 2 * [1, 1, 0], 0.86 / float((high - low)[:2].max())
    clays = [clay_picture(v - middle, t, scale, side) for v, t in ((template, their_triangles), (skin, our_triangles))]
    distance = np.zeros(len(skin))
    distance[used] = ClosestPoint(Mesh(template, their_triangles)).query(skin[used]).distances
    numbers = np.searchsorted(used, our_triangles)
    errors = error_picture([Patch(Mesh(face.vertices[used], numbers), distance[used])], _TOP_MM, side)
    square = cv2.resize(errors, (side, side * side // errors.shape[1]), interpolation=cv2.INTER_AREA)
    third = np.full((side, side, 3), (24, 25, 27), np.uint8)
    top = (side - len(square)) // 2
    third[top : top + len(square)] = square
    return row_of([*clays, third], ("their template", "our face on it", f"distance, 0 to {_TOP_MM:g} mm"))
