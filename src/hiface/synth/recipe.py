"""A sample's geometry from its fields: neutral and posed vertices, points in the picture and detail maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from hiface.detail.sddetail import SDDetail
from hiface.errors import ConfigError
from hiface.face.model import FaceModel
from hiface.geometry.skinning import points_on
from hiface.synth.camera import Camera
from hiface.types import Detail

FIELDS = ("identity", "expression", "rotation", "camera", "static", "compressed", "stretched")


@dataclass(frozen=True)
class SampleShape:
    """V vertices of the whole face model, mm."""

    neutral: Float[np.ndarray, "V 3"]
    """S_neu = S̄ + B_id β."""
    expressive: Float[np.ndarray, "V 3"]
    """S = S_neu + B_exp ξ."""
    posed: Float[np.ndarray, "V 3"]
    """S after `rotation`, no translation: what the camera of the sample sees."""
    camera: Camera

    def on_picture(self) -> Float[np.ndarray, "V 3"]:
        """Where every vertex lies: x and y in pixels of the stored picture, and 1 / depth in 1 / mm."""
        return self.camera.project(self.posed)


@torch.no_grad()
def sample_shape(model: FaceModel, fields: Mapping[str, np.ndarray]) -> SampleShape:
    """The shape of a sample from the fields of its `.safetensors`, by the model that drew it.

    The generator's own vertices, up to the order of float32 sums. Raises `ConfigError` for fields of another model.
    """
    identity, expression, rotation = (_row(fields, name) for name in ("identity", "expression", "rotation"))
    if identity.shape[1] != model.identity_size or expression.shape[1] != model.expression_size:
        raise ConfigError(
            f"the sample has {identity.shape[1]} identity and {expression.shape[1]} expression coefficients, the face"
            f" model {model.path} {model.identity_size} and {model.expression_size}; load the model that drew it"
        )
    neutral = model.neutral(identity)
    expressive = neutral + model.expression_offset(expression)
    posed = model.pose(expressive, identity, rotation, torch.zeros(1, 3))
    camera = np.asarray(fields["camera"])
    view = Camera(camera[:3], float(camera[3]), camera[4:])
    return SampleShape(neutral[0].numpy(), expressive[0].numpy(), posed[0].numpy(), view)


def sample_points(model: FaceModel, shape: SampleShape, name: str) -> Float[np.ndarray, "L 2"]:
    """A landmark set (`dense669`, `mediapipe478`) in pixels of the stored picture."""
    index, weight = model.landmark_weights(name)
    places = points_on(torch.from_numpy(shape.posed)[None], index, weight)[0].numpy()
    return shape.camera.project(places)[:, :2]


@torch.no_grad()
def sample_detail(detail: SDDetail, shape: SampleShape, fields: Mapping[str, np.ndarray]) -> Detail:
    """Static, compressed, stretched, tension and displacement maps of a sample; batch of one, the basis' own side.

    `detail`: `SDDetail.of_face(model, DetailBasis.load())`.
    """
    static, compressed, stretched = (_row(fields, name) for name in ("static", "compressed", "stretched"))
    tension = detail.tension_map(torch.from_numpy(shape.neutral)[None], torch.from_numpy(shape.expressive)[None])
    return detail.detail(static, compressed, stretched, tension)


def _row(fields: Mapping[str, np.ndarray], name: str) -> torch.Tensor:
    if name not in fields:
        raise ConfigError(f"the sample has no field {name!r}; expected {', '.join(FIELDS)}")
    return torch.from_numpy(np.asarray(fields[name], np.float32))[None]
