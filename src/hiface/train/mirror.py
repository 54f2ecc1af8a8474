"""Drawn faces as a mirror shows them: twice the people, and a network that measures both halves of a face alike.

Identity modes are their own mirror images or those with another sign; units swap sides, and the mirror image of a left half is
the whole less that half; so coefficients have exact mirror images, a linear map. Wrinkles have none in their bases (the
captures' left and right differ, and 300 modes hold those of one side), so a mirrored face is no truth of detail.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from hiface.face.model import FaceModel
from hiface.train.shards import Sample

INEXACT = 0.02
"""Relative error of a mode's mirror image above which a face model has no mirror."""
_OUTSIDE = 0.02
"""How far a weight may leave its range."""
_ODD_LIGHT = (3, 4, 7)
"""Harmonics that change sign with x: x, xy, xz."""


@dataclass(frozen=True)
class FaceMirror:
    """What a face's numbers are in the mirror."""

    identity: Float[np.ndarray, "I"]
    """Sign of each mode."""
    expression: Float[np.ndarray, "E E"]
    """ξ' = ξ M."""
    dense: Int[np.ndarray, "669"]
    points478: Int[np.ndarray, "478"]
    """For each point the one that stands for it."""

    @classmethod
    def of(cls, face: FaceModel, points478: Int[np.ndarray, "478"]) -> FaceMirror | None:
        """The mirror of a face model; None where it has no symmetry map, or modes without mirror images."""
        if face.symmetry is None or bool(face.signed.any()):
            return None
        count = face.vertex_count("skin")
        order = torch.from_numpy(face.symmetry[:count].astype(np.int64))
        if int(order.max()) >= count:
            return None
        flip = torch.tensor([-1.0, 1.0, 1.0])
        modes, units = face.identity_basis[:, :count], face.expression_basis[:, :count]
        signs = ((modes * flip)[:, order] * modes).sum((1, 2)).sign()
        wrong = (modes * flip)[:, order] - signs[:, None, None] * modes
        if float(wrong.norm() / modes.norm()) > INEXACT:
            return None
        dense = _dense_pairs(face, order.numpy())
        if dense is None:
            return None
        return cls(signs.numpy(), _expression_map(units, (units * flip)[:, order]), dense, points478)

    def sample(self, sample: Sample) -> Sample | None:
        """The mirrored sample, without truth of detail; None where its expression has no weights in the mirror."""
        truth, wide = sample.truth, sample.picture.shape[1]
        expression = truth["expression"] @ self.expression
        if expression.min() < -_OUTSIDE or expression.max() > 1 + _OUTSIDE:
            return None
        light = truth["light"].copy()
        light[list(_ODD_LIGHT)] *= -1
        mirrored = {
            **truth,
            "identity": truth["identity"] * self.identity,
            "expression": expression.clip(0, 1).astype(np.float32),
            "light": light,
            "rotation": truth["rotation"][[0, 1, 3, 2]] * np.array([1.0, -1.0, -1.0], np.float32),
            "as_drawn": np.float32(0),
        }
        for name, order in (("dense669", self.dense), ("mediapipe478", self.points478)):
            x, y = truth[name][order].T
            mirrored |= {name: np.stack([wide - x, y], 1), f"{name}_visible": truth[f"{name}_visible"][order]}
        picture, mask = (np.ascontiguousarray(a[:, ::-1]) for a in (sample.picture, sample.mask))
        return Sample(picture, mask, mirrored)


def _expression_map(
    units: Float[torch.Tensor, "E V 3"], mirrored: Float[torch.Tensor, "E V 3"]
) -> Float[np.ndarray, "E E"]:
    """Least squares, with a ridge for units that are zero; what rounding leaves is dropped."""
    a, b = units.flatten(1).double(), mirrored.flatten(1).double()
    gram = a @ a.T
    ridge = 1e-6 * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    answer = torch.linalg.solve(gram + ridge, a @ b.T).T
    answer[answer.abs() < INEXACT] = 0
    return np.asarray(answer.float().numpy())


def _dense_pairs(face: FaceModel, order: Int[np.ndarray, "V"]) -> Int[np.ndarray, "669"] | None:
    """Dense points are vertices; their mirror images are dense points too, or there is no mirror."""
    index, weight = (t.numpy() for t in face.landmark_weights("dense669"))
    if index.shape[1] != 1 or not np.allclose(weight, 1):
        return None
    place = {int(v): k for k, v in enumerate(index[:, 0])}
    if any(int(order[v]) not in place for v in index[:, 0]):
        return None
    return np.array([place[int(order[v])] for v in index[:, 0]])
