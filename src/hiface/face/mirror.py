"""A face model's coefficients in the mirror: what makes the mirror image of a face.

Identity modes are their own mirror images or those with another sign. A unit's mirror image is the unit of the other
side; of a left half without a right one it is the whole less that half. So coefficients have exact mirror images, a
linear map.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hiface.face.landmarks import mirror_pairs
from hiface.face.model import FaceModel

INEXACT = 0.15
"""Relative error of a mirror image above which it is none."""
_SWAP = {"Left": "Right", "Right": "Left"}


@dataclass(frozen=True)
class FaceMirror:
    """What a face's numbers are in the mirror."""

    identity: Float[Tensor, "I"]
    """Sign of each mode."""
    expression: Float[Tensor, "E E"]
    """ξ' = ξ M. A unit without a mirror image stays what it is."""
    mirrored: Bool[Tensor, "E"]
    """Whether a unit has a mirror image."""
    points478: Int[Tensor, "478"]
    """For each of MediaPipe's points the one that stands for it."""

    @classmethod
    def of(cls, face: FaceModel) -> FaceMirror | None:
        """The mirror of a face model; None where it has no symmetry map or modes without mirror images."""
        if face.symmetry is None or bool(face.signed.any()):
            return None
        count = face.vertex_count("skin")
        order = torch.from_numpy(face.symmetry[:count].astype(np.int64)).to(face.mean.device)
        if int(order.max()) >= count:
            return None
        signs = _signs(face.identity_basis[:, :count], order)
        if signs is None:
            return None
        units = face.expression_basis[:, :count]
        expression, known = mirror_of_units(face.expression_names)
        known &= _agree(units, order, expression)
        expression[~known] = torch.eye(len(known))[~known]
        points = face.landmarks(open_mouthed(face), "mediapipe478")[0].cpu().numpy()
        pairs = torch.from_numpy(mirror_pairs(points))
        device = face.mean.device
        return cls(signs, expression.to(device), known.to(device), pairs.to(device))


def mirror_of_units(names: tuple[str, ...]) -> tuple[Float[Tensor, "E E"], Bool[Tensor, "E"]]:
    """M of ξ' = ξ M by the units' names, and which of them have a mirror image."""
    result, known = torch.zeros(len(names), len(names)), torch.ones(len(names), dtype=torch.bool)
    place = {name: k for k, name in enumerate(names)}
    for k, name in enumerate(names):
        other = re.sub("Left|Right", lambda side: _SWAP[side[0]], name)
        whole = name.replace("Left", "", 1)
        if other in place:
            result[k, place[other]] = 1
        elif whole in place:
            result[k, place[whole]], result[k, k] = 1, -1
        else:
            known[k] = False
    return result, known


def _signs(modes: Float[Tensor, "I V 3"], order: Int[Tensor, "V"]) -> Float[Tensor, "I"] | None:
    """Each mode's sign, or None where one is neither even nor odd."""
    reflected = modes[:, order] * modes.new_tensor([-1.0, 1.0, 1.0])
    signs = torch.sign((reflected * modes).sum((1, 2)))
    wrong = (reflected - signs[:, None, None] * modes).norm() / modes.norm().clamp(min=1e-9)
    return signs if float(wrong) < INEXACT else None


def _agree(
    units: Float[Tensor, "E V 3"], order: Int[Tensor, "V"], expression: Float[Tensor, "E E"]
) -> Bool[Tensor, "E"]:
    """Whether a unit's shape has the mirror image that its name promises; tried on every third vertex."""
    flip = units.new_tensor([-1.0, 1.0, 1.0])
    reflected = units[:, order[::3]] * flip
    promised = (expression.to(units) @ units[:, ::3].flatten(1)).reshape(reflected.shape)
    wrong = (reflected - promised).flatten(1).norm(dim=1)
    agrees: Tensor = wrong <= INEXACT * reflected.flatten(1).norm(dim=1) + 1e-6
    return agrees.cpu()


def open_mouthed(face: FaceModel) -> Float[Tensor, "1 V 3"]:
    """A symmetric face on which every landmark has a place of its own: where lips meet, upper and lower coincide."""
    weights = face.mean.new_zeros(1, face.expression_size)
    if "jawOpen" in face.expression_names:
        weights[0, face.expression_names.index("jawOpen")] = 1
    return face.mean[None] + face.expression_offset(weights)
