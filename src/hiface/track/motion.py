"""What moves in a clip, frame by frame, in the frame of the picture: nothing of it depends on a crop."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hiface.geometry.camera import apply_affine
from hiface.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from hiface.photo.crop import CropBox, photo_from_crop
from hiface.reconstructor import NECK_SHARE, Reconstructor
from hiface.track.observe import box_of
from hiface.types import Batched, Coefficients


@dataclass(frozen=True)
class Motion(Batched):
    """Expression and pose of F frames."""

    expression: Float[Tensor, "F E"]
    turn: Float[Tensor, "F 3"]
    """Axis-angle of the head, radians; +x right in the picture, +y up, +z towards the camera."""
    log_size: Float[Tensor, "F"]
    """Natural logarithm of pixels per millimetre of the model."""
    centre: Float[Tensor, "F 2"]
    """Mean of the 68 points, pixels."""
    error: Float[Tensor, "F"]
    """What the network expects its points to be off by, crop sides; infinite where no face was found."""

    @property
    def found(self) -> Bool[np.ndarray, "F"]:
        return np.asarray(torch.isfinite(self.error).numpy())


def whole_picture(width: int, height: int) -> CropBox:
    """The square about a whole picture, upright: the crop of all frames."""
    return CropBox((width / 2, height / 2), float(max(width, height)), 0.0)


@torch.no_grad()
def motion_of(model: Reconstructor, c: Coefficients, boxes: Float[Tensor, "F 4"], error: Float[Tensor, "F"]) -> Motion:
    """Motion from coefficients in the crops of their frames."""
    middle = middle_of_points(model, c) + c.translation[:, :2]
    sides = 0.5 + middle * c.scale[:, None] * middle.new_tensor([1.0, -1.0])
    matrices = torch.from_numpy(np.stack([photo_from_crop(box_of(b), 1) for b in boxes]))
    roll = torch.zeros(len(c), 3)
    roll[:, 2] = -boxes[:, 3]
    # The crop's x axis points along (cos roll, sin roll) in a picture whose y runs down.
    turn = matrix_from_axis_angle(roll) @ matrix_from_axis_angle(c.rotation[:, 0] + c.rotation[:, 1])
    return Motion(
        c.expression,
        axis_angle_from_matrix(turn),
        (c.scale * boxes[:, 2]).log(),
        apply_affine(matrices, sides[:, None].double())[:, 0].float(),
        error,
    )


@torch.no_grad()
def coefficients_of(model: Reconstructor, motion: Motion, person: Coefficients, box: CropBox) -> Coefficients:
    """The coefficients of a person (batch of one) in motion, in an upright crop; `motion_of` inverted."""
    count = len(motion)
    gaze = model.face.gaze(motion.expression.to(model.device)).cpu()
    turn = motion.turn[:, None]
    rotation = torch.cat([NECK_SHARE * turn, (1 - NECK_SHARE) * turn, gaze], 1)
    scale = motion.log_size.exp() / box.side
    fixed = {n: getattr(person, n).expand(count, *getattr(person, n).shape[1:]) for n in vars(person)}
    c = replace(Coefficients(**fixed), expression=motion.expression, rotation=rotation, scale=scale)
    wanted = (motion.centre - torch.tensor(box.centre)) / box.side * torch.tensor([1.0, -1.0]) / scale[:, None]
    shift = wanted.float() - middle_of_points(model, c)
    return replace(c, translation=torch.cat([shift, torch.zeros(count, 1)], 1))


def middle_of_points(model: Reconstructor, c: Coefficients) -> Float[Tensor, "F 2"]:
    """The mean of the 68 points before the root's translation, mm."""
    points, there = model.points_model, c.to(model.device)
    posed = points(there.identity, there.expression, there.rotation)
    return points.points(posed, "mediapipe68").mean(1)[:, :2].cpu()
