"""The folder of one face: every file that `hiface reconstruct` promises, written from one `Reconstruction`."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as safetensors_bytes

from hiface.assets.format import json_text, write_atomically
from hiface.detail.displace import Displacer
from hiface.errors import AssetError, PhotoError
from hiface.export.eye_colour import EyeLook, eye_look
from hiface.export.eyes import EyeTextures
from hiface.export.glb import Animation, GlbTextures, write_glb, written_units
from hiface.export.maps import normal_map, write_map16, write_png8
from hiface.export.obj import write_obj
from hiface.export.overview import overview
from hiface.export.pictures import FacePictures, face_pictures
from hiface.export.seen import Seen, look_at
from hiface.export.texture import FaceTexture, photo_texture
from hiface.export.wrinkles import enlarged, surface_steps, wrinkle_maps
from hiface.face.model import FaceModel
from hiface.geometry.camera import apply_affine, project
from hiface.geometry.colour import linear_from_srgb, srgb_from_linear
from hiface.photo.crop import CropBox, crop_pixels
from hiface.photo.read import read_photo
from hiface.types import Coefficients

if TYPE_CHECKING:
    from hiface.model import HiFace, Reconstruction

PICTURE, MAP, TEXTURE, EYES = 512, 512, 1024, 512
"""Sides of pictures, maps, textures and eye textures, pixels."""
DETAIL_LEVEL = 2
"""Each quad of the skin becomes 4² in `detail.obj`."""
COEFFICIENTS, SUMMARY, CROP = "coefficients.safetensors", "reconstruction.json", "crop.png"
"""The photo round the face: with the coefficients all that `load_folder` needs."""
MAPS = ("displacement", "static", "compressed", "stretched", "tension")


def write_folder(result: Reconstruction, folder: str | Path) -> Path:
    """Write all files of a face; returns the folder. Raises `OutputError` where it cannot be written."""
    folder, started = Path(folder), time.perf_counter()
    with ThreadPoolExecutor(2) as pool:  # meshes are text that Python writes, pictures leave the interpreter free
        meshes = pool.submit(_write_meshes, result, folder)
        maps = pool.submit(write_maps, result, folder / "maps")
        _write_look(result, folder)
        write_coefficients(result.coefficients, folder / COEFFICIENTS)
        ranges = maps.result()
        meshes.result()
    timings = {**result.timings_ms, "files": 1e3 * (time.perf_counter() - started)}
    text = json_text(summary(result, ranges, timings))
    write_atomically(folder / SUMMARY, lambda path: path.write_text(text, encoding="utf-8"))
    return folder


def _write_look(result: Reconstruction, folder: Path) -> None:
    """What shows the photo's colours: overview, crop, texture, GLB."""
    crop = crop_pixels(result.photo.pixels, result.box, PICTURE)
    texture = face_texture(result)
    pictures, eyes = face_pictures_of(result, crop, texture)
    write_png8(folder / "overview.png", overview(crop, pictures))
    write_png8(folder / CROP, crop)
    write_png8(folder / "texture.png", texture.colour)
    _write_glb(result, folder / "face.glb", texture, eyes)


def load_folder(model: HiFace, folder: str | Path) -> Reconstruction:
    """The face of a folder that `write_folder` wrote; its photo is the crop that was stored with it."""
    folder = Path(folder)
    for name in (CROP, COEFFICIENTS, SUMMARY):
        if not (folder / name).is_file():
            raise PhotoError(
                f"{folder / name}: no such file; give a folder that `hiface reconstruct` wrote, or a photo"
            )
    try:
        with safe_open(str(folder / COEFFICIENTS), framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        coefficients = Coefficients(**tensors)
        told = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        factor, assumption = float(told["millimetre_factor"]), str(told["metric_assumption"])
    except (SafetensorError, TypeError, ValueError, KeyError) as error:
        raise AssetError(f"{folder}: not a folder of `hiface reconstruct` ({error}); make it again") from error
    photo = read_photo(folder / CROP)
    side = photo.pixels.shape[0]
    box = CropBox((side / 2, side / 2), float(side), 0.0)
    return model.assemble(photo, box, coefficients, (factor, assumption))


def summary(
    result: Reconstruction, ranges: dict[str, dict[str, float]], timings: dict[str, float]
) -> dict[str, object]:
    """What `reconstruction.json` says; plain values."""
    c = result.coefficients
    width, height = result.photo.pixels.shape[1], result.photo.pixels.shape[0]
    return {
        "photo": result.photo.name,
        "photo_size": [width, height],
        "photo_from_crop": result.photo_from_crop.tolist(),
        "crop_side": result.crop_side,
        "camera": {
            "kind": "scaled orthographic",
            "crop_sides_per_mm": float(c.scale[0]) / result.millimetre_factor,
        },
        "pose": {
            "joints": ["neck", "head", "left_eye", "right_eye"],
            "rotation_axis_angle": c.rotation[0].tolist(),
            "translation_mm": (c.translation[0] * result.millimetre_factor).tolist(),
        },
        "landmarks68": result.landmarks68.round(2).tolist(),
        "landmark_sigma_pixels": round(result.landmark_sigma, 3),
        "arkit": result.arkit,
        "displacement_mm": ranges,
        "tension": result.model.reconstructor.config.tension,
        "metric_assumption": result.metric_assumption,
        "millimetre_factor": result.millimetre_factor,
        "texture": "the photo's own pixels where it sees the skin, mirrored or albedo elsewhere; its light is left in",
        "asset_ids": {**result.model.reconstructor.asset_ids(), "weights": result.model.weights_id},
        "timings_ms": {name: round(value, 1) for name, value in timings.items()},
    }


@torch.no_grad()
def face_texture(result: Reconstruction, side: int = TEXTURE) -> FaceTexture:
    """The face's texture from its photo."""
    albedo = result.model.reconstructor.albedo
    coefficient = result.coefficients.albedo.to(result.model.device)
    face, head = (tile(coefficient, side // 2)[0].cpu().numpy() for tile in (albedo.face, albedo.head))
    points = photo_points(result)
    return photo_texture(result.photo.pixels, points, result.shape.posed, result.face, face, head, side)


def photo_points(result: Reconstruction) -> Float[np.ndarray, "V 2"]:
    """Where every vertex lies in the photo, pixels."""
    scale = result.coefficients.scale.double() / result.millimetre_factor
    screen = project(torch.from_numpy(result.shape.posed)[None].double(), scale, result.crop_side)
    return apply_affine(torch.from_numpy(result.photo_from_crop), screen[0, :, :2]).numpy()


def face_pictures_of(
    result: Reconstruction, crop: UInt8[np.ndarray, "S S 3"], texture: FaceTexture
) -> tuple[FacePictures, UInt8[np.ndarray, "Re Re 3"]]:
    """The pictures of the overview, and the eye texture that was chosen for them."""
    eyes, look, seen = eyes_of(result, crop, texture)
    scale = float(result.coefficients.scale[0]) / result.millimetre_factor
    pictures = face_pictures(
        crop,
        result.shape.posed,
        scale,
        result.face,
        result.detail.displacement,
        texture,
        eyes,
        look.brightness,
        seen,
    )
    return pictures, eyes


def eyes_of(
    result: Reconstruction, crop: UInt8[np.ndarray, "S S 3"], texture: FaceTexture
) -> tuple[UInt8[np.ndarray, "Re Re 3"], EyeLook, Seen]:
    """The eye texture that goes with a photo, what it was chosen by, and the samples of the picture for it."""
    scale = float(result.coefficients.scale[0]) / result.millimetre_factor
    textures = EyeTextures.load()
    skin = linear_from_srgb(texture.colour.astype(np.float32) / 255)[texture.seen > 0.5]
    seen = look_at(result.face, result.shape.posed, scale, PICTURE)
    mean = skin.mean(0) if len(skin) else np.full(3, 0.3)
    look = eye_look(crop, seen, textures, mean)
    return textures.map(look.colour, EYES), look, seen


def write_maps(result: Reconstruction, folder: Path) -> dict[str, dict[str, float]]:
    """Displacement maps and their ranges in mm (tension: its own unit), the normal map and the albedo."""
    ranges = {}
    for name in MAPS:
        fine = enlarged(getattr(result.detail, name), MAP)
        span = write_map16(folder / f"{name}.png", fine)
        ranges[name] = {"min_mm": span.min_mm, "max_mm": span.max_mm}
    write_png8(folder / "normal.png", face_normal_map(result))
    with torch.no_grad():
        albedo = result.model.reconstructor.albedo.face(result.coefficients.albedo.to(result.model.device), MAP)
    write_png8(folder / "albedo.png", (srgb_from_linear(albedo[0].cpu().numpy()) * 255 + 0.5).astype(np.uint8))
    return ranges


def face_normal_map(result: Reconstruction, side: int = MAP) -> UInt8[np.ndarray, "R R 3"]:
    """Tangent-space normals of the displacement on the expressive face."""
    steps = surface_steps(result.face, result.shape.expressive, side)
    return normal_map(enlarged(result.detail.displacement, side), steps)


def _write_meshes(result: Reconstruction, folder: Path) -> None:
    """`coarse.obj`: the whole head as it is posed. `detail.obj`: its skin, subdivided and displaced."""
    face = result.face
    write_obj(
        folder / "coarse.obj",
        result.shape.posed,
        face.polygons,
        face.uv,
        face.uv_polygons,
        texture="texture.png",
    )
    write_detail_mesh(result, folder / "detail.obj", "texture.png")


def write_detail_mesh(result: Reconstruction, path: Path, texture: str | None = None) -> None:
    """The posed skin, subdivided and displaced, as an OBJ."""
    mesh = _displacer(result.face)(result.shape.posed, result.detail.displacement)
    write_obj(path, mesh.vertices, mesh.polygons, mesh.uv, mesh.uv_polygons, texture=texture)


@lru_cache(maxsize=2)
def _displacer(face: FaceModel) -> Displacer:
    skin = face.polygon_range("skin")
    return Displacer(face.polygons[skin], face.uv, face.uv_polygons[skin], DETAIL_LEVEL)


def write_animated_glb(result: Reconstruction, path: Path, animation: Animation) -> None:
    """The face in motion as one GLB; it opens in its own expression."""
    texture = face_texture(result)
    eyes, _, _ = eyes_of(result, crop_pixels(result.photo.pixels, result.box, PICTURE), texture)
    _write_glb(result, path, texture, eyes, animation)


def _write_glb(
    result: Reconstruction, path: Path, texture: FaceTexture, eyes: UInt8[np.ndarray, "Re Re 3"],
    animation: Animation | None = None,
) -> None:  # fmt: skip
    c, factor = result.coefficients, result.millimetre_factor
    with torch.no_grad():
        joints = result.face.joints(c.identity.to(result.model.device))[0].cpu().numpy() * factor
    weights = c.expression[0].numpy()
    wrinkles = wrinkle_maps(result, written_units(weights, animation, len(weights)))
    pictures = GlbTextures(texture.colour, texture.head, eyes, face_normal_map(result, TEXTURE), wrinkles)
    extras = {
        "metric_assumption": result.metric_assumption,
        "asset_ids": result.model.reconstructor.asset_ids(),
    }
    write_glb(
        path, result.face, result.shape.neutral, joints, pictures, weights, factor=factor,
        extras=extras, animation=animation,
    )  # fmt: skip


def write_coefficients(coefficients: Coefficients, path: Path) -> None:
    tensors = {f.name: np.ascontiguousarray(getattr(coefficients, f.name).numpy()) for f in fields(coefficients)}
    data = safetensors_bytes(tensors, metadata={"format": "hiface.coefficients", "version": "1"})
    write_atomically(path, lambda temporary: temporary.write_bytes(data))
