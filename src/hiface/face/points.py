"""Landmarks alone: the face model restricted to the vertices that some landmark sets need.

Training asks for a thousand points of every face and for no other vertex; this gives the same points as
`FaceModel` at a fraction of the cost.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from hiface.face.model import FaceModel
from hiface.geometry.skinning import points_on, skin


class PointModel(nn.Module):
    """The posed points of landmark sets, in the order of `names`."""

    mean: Float[Tensor, "N 3"]
    identity_basis: Float[Tensor, "I N*3"]
    expression_basis: Float[Tensor, "E N*3"]
    skin_weights: Float[Tensor, "N J"]
    joint_mean: Float[Tensor, "J 3"]
    joint_identity: Float[Tensor, "I J*3"]

    def __init__(self, face: FaceModel, names: tuple[str, ...] = ("mediapipe68", "mediapipe478", "dense669")) -> None:
        super().__init__()
        self.names = names
        sets = [face.landmark_weights(name) for name in names]
        vertices = torch.unique(torch.cat([index.flatten() for index, _ in sets]))
        position = torch.full((len(face.mean),), -1)
        position[vertices] = torch.arange(len(vertices))
        for name, (index, weight) in zip(names, sets, strict=True):
            self._keep(f"{name}_index", position[index])
            self._keep(f"{name}_weight", weight)
        self._keep("mean", face.mean[vertices])
        self._keep("identity_basis", face.identity_basis[:, vertices].flatten(1))
        self._keep("expression_basis", face.expression_basis[:, vertices].flatten(1))
        self._keep("skin_weights", face.skin_weights[vertices])
        self._keep("joint_mean", face.joint_mean)
        self._keep("joint_identity", face.joint_identity.flatten(1))
        self.joint_parents = face.joint_parents
        self._modes: dict[str, Tensor] = {}

    def _keep(self, name: str, tensor: Tensor) -> None:
        self.register_buffer(name, tensor.clone(), persistent=False)

    def forward(
        self,
        identity: Float[Tensor, "B I"],
        expression: Float[Tensor, "B E"],
        rotation: Float[Tensor, "B 4 3"],
    ) -> Float[Tensor, "B N 3"]:
        """Posed vertices that the landmark sets need, mm, before the root's translation; for `points`."""
        offset = identity @ self.identity_basis + expression @ self.expression_basis
        joints = self.joint_mean + (identity @ self.joint_identity).unflatten(1, (-1, 3))
        vertices = self.mean + offset.unflatten(1, (-1, 3))
        return skin(vertices, rotation, joints, self.skin_weights, self.joint_parents)

    def points(self, posed: Float[Tensor, "B N 3"], name: str) -> Float[Tensor, "B L 3"]:
        """A landmark set on the result of `forward`."""
        index: Int[Tensor, "L N"] = getattr(self, f"{name}_index")
        return points_on(posed, index, getattr(self, f"{name}_weight"))

    def modes(self, name: str) -> Float[Tensor, "N L 3"]:
        """What each identity mode, then each expression unit, does to a landmark set before pose, mm; computed once."""
        if name not in self._modes or self._modes[name].device != self.mean.device:
            basis = torch.cat([self.identity_basis, self.expression_basis]).unflatten(1, (-1, 3))
            self._modes[name] = self.points(basis, name)
        return self._modes[name]
