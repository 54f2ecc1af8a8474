"""Landmarks of the posed face and their exact derivatives by everything that moves them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from hiface.face.model import FaceModel
from hiface.geometry.skinning import joint_transforms
from hiface.reconstructor import NECK_SHARE

POSE = 6
"""Numbers of a photo's pose and camera: turn of the head (3), logarithm of the scale, shift (2)."""


_STEP = 1e-5  # radians


@dataclass(frozen=True)
class PointField:
    """One landmark set of a face model, with everything linear worked out beforehand.

    A skinned landmark is Σ_j R_j a_j + w_j s_j over the joints: a_j, the part of it that follows joint j, is linear in
    β and ξ; R_j and s_j are the joint's turn and shift. Double precision: normal equations square their condition.
    """

    rest: Float[Tensor, "L J 3"]
    """a_j of the mean face, mm."""
    modes: Float[Tensor, "N L J 3"]
    """What each identity mode and then each expression unit adds."""
    share: Float[Tensor, "L J"]
    """w_j."""
    joint_mean: Float[Tensor, "J 3"]
    joint_modes: Float[Tensor, "I J 3"]
    parents: tuple[int, ...]
    gaze: Float[Tensor, "E J 3"]
    """Turn of each joint by the expression: the eyes', by the eyeLook units."""

    @classmethod
    def of(cls, face: FaceModel, name: str, count: int | None = None) -> PointField:
        """The field of a landmark set, or of its first `count` points."""
        index, weight = (t[:count] for t in face.landmark_weights(name))
        share = weight.double()[..., None] * face.skin_weights.double()[index]  # (L, n, J)
        basis = torch.cat([face.identity_basis, face.expression_basis])

        def followed(vertices: Tensor) -> Tensor:
            return torch.einsum("lnj,...lnx->...ljx", share, vertices[..., index, :].double())

        gaze = torch.zeros(face.expression_size, len(face.joint_parents), 3, dtype=torch.float64, device=index.device)
        gaze[:, 2:] = face.gaze_map
        return cls(
            rest=followed(face.mean),
            modes=torch.stack([followed(mode) for mode in basis]),
            share=share.sum(1),
            joint_mean=face.joint_mean.double(),
            joint_modes=face.joint_identity.double(),
            parents=face.joint_parents,
            gaze=gaze,
        )

    def __len__(self) -> int:
        return len(self.share)

    @property
    def identity_size(self) -> int:
        return len(self.joint_modes)

    def __call__(self, identity: Float[Tensor, "I"], rest: Float[Tensor, "N"]) -> Float[Tensor, "L 2"]:
        """Points of a photo, crop sides, y down. `rest`: ξ, then pose and camera (`POSE` numbers)."""
        expression, turn, log_scale, shift = _parts(rest)
        posed = self._posed(identity, expression, self._rotation(expression, turn))
        return _on_screen(posed, log_scale, shift)

    def linearised(
        self, identity: Float[Tensor, "I"], rest: Float[Tensor, "N"]
    ) -> tuple[Float[Tensor, "L 2"], Float[Tensor, "L 2 M"]]:
        """Points, and their derivatives by β and then by `rest`."""
        expression, turn, log_scale, shift = _parts(rest)
        rotation = self._rotation(expression, turn)
        posed = self._posed(identity, expression, rotation)
        by_modes = self._by_modes(rotation)
        by_rotation = self._by_rotation(identity, expression, rotation)
        by_modes[:, :, self.identity_size :] += torch.einsum("lxjy,ejy->lxe", by_rotation, self.gaze)
        by_turn = NECK_SHARE * by_rotation[:, :, 0] + (1 - NECK_SHARE) * by_rotation[:, :, 1]
        flip = posed.new_tensor([1.0, -1.0])[:, None]
        moved = torch.cat([by_modes, by_turn], 2)[:, :2] * (flip * log_scale.exp())
        by_scale = (posed[:, :2] * log_scale.exp())[..., None] * flip
        by_shift = torch.diag(flip[:, 0]).expand(len(self), 2, 2)
        return _on_screen(posed, log_scale, shift), torch.cat([moved, by_scale, by_shift], 2)

    def _rotation(self, expression: Tensor, turn: Tensor) -> Float[Tensor, "J 3"]:
        rotation = torch.einsum("e,ejx->jx", expression, self.gaze)
        shares = rotation.new_zeros(len(rotation), 1)
        shares[0], shares[1] = NECK_SHARE, 1 - NECK_SHARE
        return rotation + shares * turn

    def _posed(self, identity: Tensor, expression: Tensor, rotation: Tensor) -> Float[Tensor, "L 3"]:
        return self._turned(identity, expression, rotation[None])[0]

    def _turned(self, identity: Tensor, expression: Tensor, rotations: Tensor) -> Float[Tensor, "N L 3"]:
        """One face under several rotations."""
        joints = self.joint_mean + torch.einsum("i,ijx->jx", identity, self.joint_modes)
        turns, shifts = joint_transforms(rotations, joints.expand(len(rotations), -1, -1), self.parents)
        weights = torch.cat([identity, expression])
        followed = self.rest + (weights @ self.modes.flatten(1)).unflatten(0, self.rest.shape)
        return torch.einsum("njxy,ljy->nlx", turns, followed) + self.share @ shifts

    def _by_rotation(self, identity: Tensor, expression: Tensor, rotation: Tensor) -> Float[Tensor, "L 3 J 3"]:
        """Central differences in double precision, good to nine digits."""
        steps = _STEP * torch.eye(rotation.numel()).to(rotation).unflatten(1, rotation.shape)
        there, back = (self._turned(identity, expression, rotation + s * steps) for s in (1, -1))
        return ((there - back) / (2 * _STEP)).permute(1, 2, 0).unflatten(2, rotation.shape)

    def _by_modes(self, rotation: Tensor) -> Float[Tensor, "L 3 N"]:
        """At a fixed rotation the points are linear in the modes, the joints' shifts included."""
        count = self.identity_size
        turns, shifts = joint_transforms(rotation.expand(count, -1, -1), self.joint_modes, self.parents)
        moved = torch.einsum("jxy,nljy->lxn", turns[0], self.modes)
        moved[:, :, :count] += torch.einsum("lj,ijx->lxi", self.share, shifts)
        return moved


def _parts(rest: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return rest[:-POSE], rest[-6:-3], rest[-3], rest[-2:]


def _on_screen(posed: Float[Tensor, "L 3"], log_scale: Tensor, shift: Float[Tensor, "2"]) -> Float[Tensor, "L 2"]:
    """Scaled orthography; `shift` is in crop sides, y up, as the translation times the scale."""
    flip = posed.new_tensor([1.0, -1.0])
    return 0.5 + flip * (posed[:, :2] * log_scale.exp() + shift)
