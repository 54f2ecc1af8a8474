"""Drawn faces as a mirror shows them: twice the people, and a network that measures both halves of a face alike.

Coefficients have exact mirror images (`face.mirror`). Wrinkles have none in their bases (the captures' left and right
differ, and 300 modes hold those of one side), so a mirrored face is no truth of detail.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from hiface.face.mirror import FaceMirror
from hiface.face.model import FaceModel
from hiface.render.lighting import ODD_IN_X
from hiface.train.shards import Sample

_OUTSIDE = 0.02
"""How far a weight may leave its range, and how much a unit without a mirror image may weigh."""


@dataclass(frozen=True)
class SampleMirror:
    """Mirrors samples of one face model."""

    identity: Float[np.ndarray, "I"]
    expression: Float[np.ndarray, "E E"]
    mirrored: Bool[np.ndarray, "E"]
    points478: Int[np.ndarray, "478"]
    dense: Int[np.ndarray, "669"]

    @classmethod
    def of(cls, face: FaceModel) -> SampleMirror | None:
        """None for a face model without a mirror, or whose dense points are not vertices in pairs."""
        own, dense = FaceMirror.of(face), _dense_pairs(face)
        if own is None or dense is None:
            return None
        identity, expression, mirrored, points = (
            t.cpu().numpy() for t in (own.identity, own.expression, own.mirrored, own.points478)
        )
        return cls(identity, expression, mirrored, points, dense)

    def __call__(self, sample: Sample) -> Sample | None:
        """The mirrored sample, without truth of detail; None where its expression has no weights in the mirror."""
        truth, wide = sample.truth, sample.picture.shape[1]
        expression = truth["expression"] @ self.expression
        if expression.min() < -_OUTSIDE or expression.max() > 1 + _OUTSIDE:
            return None
        if truth["expression"][~self.mirrored].max(initial=0) > _OUTSIDE:
            return None
        light = truth["light"].copy()
        light[list(ODD_IN_X)] *= -1
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


def _dense_pairs(face: FaceModel) -> Int[np.ndarray, "669"] | None:
    """Dense points are vertices; their mirror images are dense points too, or there is no mirror."""
    if face.symmetry is None:
        return None
    index, weight = (t.cpu().numpy() for t in face.landmark_weights("dense669"))
    if index.shape[1] != 1 or not np.allclose(weight, 1):
        return None
    place = {int(v): k for k, v in enumerate(index[:, 0])}
    others = [int(face.symmetry[v]) for v in index[:, 0]]
    return np.array([place[v] for v in others]) if set(others) <= set(place) else None
