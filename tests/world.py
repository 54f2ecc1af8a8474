"""Shards and photos of a tiny world to train on."""

import io
import tarfile

import cv2
import numpy as np
from safetensors.numpy import save

from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE
from hiface.train.photos import PhotoSet
from tiny import albedo_model, detail_basis, face_model


def make_world(folder):
    """Assets, shards and photos in `folder`."""
    folder.mkdir(exist_ok=True)
    assets = face_model(folder), albedo_model(folder), detail_basis()
    rng = np.random.default_rng(0)
    with tarfile.open(folder / "000000.tar", "w") as archive:
        for k in range(5):
            for suffix, data in shard_members(rng, assets[0]).items():
                entry = tarfile.TarInfo(f"{k:06d}.{suffix}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    n = 4
    photos = PhotoSet(
        rng.integers(0, 255, (n, 64, 64, 3), np.uint8), np.stack([points_on_picture(rng) for _ in range(n)]),
        rng.uniform(0, 1, (n, 52)).astype(np.float32), np.array([0, 3, 5, -1]), np.zeros(n, np.float32),
        *(np.array(["x"] * n) for _ in range(4)),
    )  # fmt: skip
    return folder, assets, photos


def points_on_picture(rng, side=64):
    """478 points of which the 68 form something face-like enough for the crop rule."""
    from hiface.photo.crop import MEAN68

    points = rng.uniform(0.25, 0.75, (478, 2)) * side
    points[list(IBUG68_OF_MEDIAPIPE)] = side / 2 + MEAN68[:, :2] * [1, -1] * side / 320 + rng.normal(0, 0.2, (68, 2))
    return points.astype(np.float32)


def encoded(picture):
    return cv2.imencode(".png", picture)[1].tobytes()


def shard_members(rng, face):
    truth = {
        "identity": rng.normal(0, 1, face.identity_size), "expression": rng.uniform(0, 1, face.expression_size),
        "rotation": rng.normal(0, 0.1, (4, 3)), "light": rng.normal(0, 1, (9, 3)),
        "albedo_mean": rng.uniform(0.05, 0.5, 3),
        "static": rng.normal(0, 1, 5), "compressed": rng.normal(0, 1, 3), "stretched": rng.normal(0, 1, 3),
        "mediapipe478": points_on_picture(rng), "dense669": rng.uniform(10, 50, (669, 2)),
    }  # fmt: skip
    tensors = {k: np.asarray(v, np.float32) for k, v in truth.items()}
    tensors |= {"mediapipe478_visible": np.ones(478, np.uint8), "dense669_visible": np.ones(669, np.uint8)}
    picture = rng.integers(0, 255, (64, 64, 3), np.uint8)
    return {"jpg": encoded(picture), "mask.png": encoded(picture[..., 0]), "safetensors": save(tensors)}
