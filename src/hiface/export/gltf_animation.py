"""An animation of morph weights and joints, as glTF wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pygltflib as gltf
import torch
from jaxtyping import Float

from hiface.export.gltf_buffer import BufferWriter
from hiface.geometry.rotation import matrix_from_axis_angle, quaternion_from_matrix


@dataclass(frozen=True)
class Animation:
    """A face over time, F frames."""

    seconds: Float[np.ndarray, "F"]
    """Ascending, from 0."""
    weights: Float[np.ndarray, "F E"]
    """In the model's order. Gaze is in the eyeLook weights."""
    rotation: Float[np.ndarray, "F 2 3"]
    """Axis-angle of neck and head, radians."""


def animation_of(
    buffer: BufferWriter, animation: Animation, units: Sequence[int], node_of: Mapping[str, int]
) -> gltf.Animation:
    """Linear tracks: the weights of the mesh's node, the rotations of neck and head. `units`: the written targets."""
    times = buffer.array(animation.seconds.astype(np.float32), target=None, bounds=True)
    turned = steady(quaternions(animation.rotation))
    tracks = {
        ("face", "weights"): animation.weights[:, list(units)].astype(np.float32).ravel(),
        ("neck", "rotation"): turned[:, 0].astype(np.float32),
        ("head", "rotation"): turned[:, 1].astype(np.float32),
    }
    samplers: list[gltf.AnimationSampler] = []
    channels: list[gltf.AnimationChannel] = []
    for (node, path), values in tracks.items():
        target = gltf.AnimationChannelTarget(node=node_of[node], path=path)
        channels.append(gltf.AnimationChannel(sampler=len(samplers), target=target))
        output = buffer.array(values, target=None)
        samplers.append(gltf.AnimationSampler(input=times, output=output, interpolation=gltf.ANIM_LINEAR))
    return gltf.Animation(name="clip", samplers=samplers, channels=channels)


def quaternions(axis_angle: Float[np.ndarray, "*B 3"]) -> Float[np.ndarray, "*B 4"]:
    """(x, y, z, w), glTF's order."""
    matrix = matrix_from_axis_angle(torch.from_numpy(np.asarray(axis_angle, np.float64)))
    return np.asarray(quaternion_from_matrix(matrix).numpy()[..., [1, 2, 3, 0]])


def steady(turns: Float[np.ndarray, "F J 4"]) -> Float[np.ndarray, "F J 4"]:
    """The same rotations, each with the sign nearer to the frame before: a linear track takes the short way."""
    flips = (turns[1:] * turns[:-1]).sum(-1) < 0
    signs = np.concatenate([np.ones((1, turns.shape[1])), np.where(np.cumsum(flips, 0) % 2, -1.0, 1.0)])
    return np.asarray(turns * signs[..., None])
