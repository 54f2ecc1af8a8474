"""Where a fit begins: the network's answer, or the mean face under the camera that landmarks suggest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hiface.errors import ConfigError, PhotoError
from hiface.fit.given import GivenPoints
from hiface.geometry.rotation import axis_angle_from_matrix
from hiface.model import FaceHint, HiFace, PhotoLike
from hiface.network.head import AMBIENT
from hiface.photo.crop import CropBox, crop_from_landmarks, photo_from_crop, transform_points
from hiface.photo.read import Photo
from hiface.reconstructor import NECK_SHARE, USUAL_SCALE, Reconstructor
from hiface.types import Coefficients


@dataclass(frozen=True)
class Start:
    """One photo before the fit."""

    photo: Photo
    box: CropBox
    coefficients: Coefficients
    """Batch of one; frame of the crop."""
    seen_xy: Float[Tensor, "478 2"]
    """Points that the network saw, crop sides; empty without it."""
    seen_sigma: Float[Tensor, "478"]
    landmark_sigma: float
    """Photo pixels; NaN without the network."""

    def rest(self) -> Float[Tensor, "N"]:
        """Expression, turn, logarithm of the scale, shift; double precision."""
        c = self.coefficients
        turn = c.rotation[0, 0] + c.rotation[0, 1]
        shift = c.translation[0, :2] * c.scale
        return torch.cat([c.expression[0].clamp(0, 1), turn, c.scale.log(), shift]).double()


def start_of_network(model: HiFace, photo: PhotoLike, given: GivenPoints | None = None) -> Start:
    """The network's answer before its points were met, and the points. `given` says which face is meant."""
    hint = None
    if given is not None:
        hint = FaceHint(landmarks68=_points68(model.reconstructor, given))
    face = model.reconstruct(photo, hint=hint)[0]
    prediction, _ = model.predict(face.photo, [face.box])
    if prediction.seen is None and given is None:
        raise ConfigError("these weights have no head for points; give landmarks, or use the shipped weights")
    none = torch.zeros(0, device=model.device)
    xy, sigma = (none[:, None].expand(0, 2), none)
    if prediction.seen is not None:
        xy, sigma = prediction.seen.xy[0], prediction.seen.log_sigma[0].exp()
    return Start(face.photo, face.box, prediction.coefficients, xy, sigma, face.landmark_sigma)


@torch.no_grad()
def start_alone(model: HiFace, photo: Photo, given: GivenPoints) -> Start:
    """The mean face at rest, turned and placed as the landmarks lie; even light, mean skin, no lines."""
    own = model.reconstructor
    face, device = own.face, model.device
    box = crop_from_landmarks(_points68(own, given))
    points = transform_points(np.linalg.inv(photo_from_crop(box, 1)), np.asarray(given.xy, np.float64))
    turn = torch.tensor(_turn(*_affine(own, given.name, points)), device=device, dtype=torch.float32)
    zero = {
        "identity": face.identity_size, "expression": face.expression_size, "albedo": own.albedo.size,
        "static": own.detail_model.basis.sizes["static"],
    }  # fmt: skip
    light = torch.zeros(1, 9, 3, device=device)
    light[:, 0] = AMBIENT
    rotation = torch.zeros(1, 4, 3, device=device)
    rotation[0, 0], rotation[0, 1] = NECK_SHARE * turn, (1 - NECK_SHARE) * turn
    groups = {name: torch.zeros(1, size, device=device) for name, size in zero.items()}
    scale = torch.full((1,), USUAL_SCALE, device=device)
    parts = own.points_model(groups["identity"], groups["expression"], rotation)
    posed = own.points_model.points(parts, given.name)[0, : len(points), :2]
    known = torch.from_numpy(np.isfinite(points).all(1)).to(device)
    seen = torch.from_numpy((points - 0.5) * [1, -1]).to(posed)[known]
    shift = (seen / USUAL_SCALE - posed[known]).mean(0)
    translation = torch.cat([shift, shift.new_zeros(1)])[None]
    c = Coefficients(**groups, rotation=rotation, translation=translation, scale=scale, light=light)
    empty = torch.zeros(0, 2, device=device)
    return Start(photo, box, c, empty, empty[:, 0], float("nan"))


def _points68(model: Reconstructor, given: GivenPoints) -> Float[np.ndarray, "68 2"]:
    """The 68 points of the mean face under the affine view that the given points suggest; any set will do."""
    view, shift = _affine(model, given.name, np.asarray(given.xy, np.float64))
    return np.asarray(_mean_points(model, "mediapipe68") @ view.T + shift)


def _affine(
    model: Reconstructor, name: str, points: Float[np.ndarray, "L 2"]
) -> tuple[Float[np.ndarray, "2 3"], Float[np.ndarray, "2"]]:
    """The affine view of the mean face, least squares with a ridge on depth, as the crop rule's."""
    known = np.isfinite(points).all(1)
    mean, points = _mean_points(model, name)[: len(points)][known], points[known]
    offset = mean - mean.mean(0)
    spread = float((offset**2).sum())
    if not np.ptp(points, axis=0).min() > 0:
        raise PhotoError("landmarks: all in one place or on one line, which is no face")
    normal = offset.T @ offset + np.diag([1e-9, 1e-9, 0.03]) * spread
    view = np.linalg.solve(normal, offset.T @ (points - points.mean(0))).T
    return view, points.mean(0) - view @ mean.mean(0)


def _mean_points(model: Reconstructor, name: str) -> Float[np.ndarray, "L 3"]:
    parts = model.points_model
    return parts.points(parts.mean[None], name)[0].double().cpu().numpy()


def _turn(view: Float[np.ndarray, "2 3"], _shift: Float[np.ndarray, "2"]) -> Float[np.ndarray, "3"]:
    """The rotation nearest to an affine view in crop sides, y down; axis-angle."""
    rows = view * [[1.0], [-1.0]]
    scale = np.sqrt((rows**2).sum() / 2)
    u, _, vt = np.linalg.svd(rows / scale, full_matrices=False)
    first, second = u @ vt
    matrix = torch.from_numpy(np.stack([first, second, np.cross(first, second)]))
    return np.asarray(axis_angle_from_matrix(matrix[None])[0].numpy())
