"""A face as one GLB file: textures, 52 ARKit morph targets by name, four joints, eyes, teeth and lashes.

Metres, and UV with v down, as glTF has it: here is the one place where both are turned. +y up and +z out of
the face are glTF's own axes. The file opens with the reconstructed expression: `mesh.weights` is its
weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pygltflib as gltf
from jaxtyping import Float

from hiface.assets.format import write_atomically
from hiface.errors import MeshError
from hiface.export.corners import Piece, pieces, tangent_frame
from hiface.export.gltf_animation import Animation, animation_of, quaternions
from hiface.export.gltf_buffer import BufferWriter
from hiface.export.gltf_material import FLAT, GlbTextures, add_pictures, material_of, wrinkle_extras
from hiface.export.morphs import Offset, gaze_offsets, normal_offsets, position_offsets, sparse_rows
from hiface.face.asset import ARKIT
from hiface.face.model import FaceModel
from hiface.types import JOINTS

__all__ = ["Animation", "GlbTextures", "write_glb"]

METRES = 1e-3
SEEN_WEIGHT = 0.02
"""Weights of the model's own expressions below this are left out of a GLB."""
_WITH_MOVING_NORMALS = ("face", "head")


def write_glb(
    path: str | Path,
    model: FaceModel,
    neutral: Float[np.ndarray, "V 3"],
    joints: Float[np.ndarray, "J 3"],
    textures: GlbTextures,
    weights: Float[np.ndarray, "E"] | None = None,
    rotation: Float[np.ndarray, "4 3"] | None = None,
    factor: float = 1.0,
    extras: Mapping[str, Any] | None = None,
    animation: Animation | None = None,
) -> Path:
    """Write a face to `path`; returns the path.

    neutral: all vertices, mm, no expression, no pose. joints: their rest positions, mm. factor: millimetres
    of `neutral` per millimetre of the model, by which expressions are scaled too. weights: the expression
    that the file opens with, in the model's order (the 52 ARKit units, then its own others); none: neutral.
    rotation: axis-angle of neck and head in which the file opens (rows 2 and 3 are ignored: gaze is in the
    weights); none: facing forward. extras: what to note in the file, plain JSON. animation: expression and turn
    over time, as tracks of the morph weights and of neck and head.

    Morph targets are named in `mesh.extras.targetNames`: the 52 ARKit units, and of the model's own others those that
    this face opens with (`written_units`). Those of the eyeLook units turn the eyeballs by
    the chord of `FaceModel.gaze`, so that a driver which only knows ARKit's weights moves the eyes; whoever
    turns the eye joints instead must leave these weights at zero. Raises `MeshError` for arrays of another
    model, `OutputError` where the file cannot be written.
    """
    _check(model, neutral, joints, weights)
    buffer = BufferWriter()
    document = gltf.GLTF2(asset=gltf.Asset(generator="hiface", version="2.0"))
    document.asset.extras = {"units": "metres", **(extras or {})}
    add_pictures(document, buffer, textures)
    mapped = None if textures.normal is None else "face"
    opening = np.zeros(model.expression_size) if weights is None else np.asarray(weights, np.float64)
    units = written_units(weights, animation, model.expression_size)
    face = _Face(model, np.asarray(neutral, np.float32), joints, factor, mapped, units)
    mesh = _mesh(document, buffer, face)
    mesh.weights = [round(float(opening[k]), 5) for k in units]
    mesh.extras = {"targetNames": [model.expression_names[k] for k in units]}
    document.meshes = [mesh]
    if textures.wrinkles is not None:
        names = [model.expression_names[k] for k in units]
        material = next(m for m in document.materials if m.name == "face")
        material.extras = wrinkle_extras(document, textures.wrinkles, names)
    _add_skeleton(document, buffer, model, joints, rotation)
    if animation is not None:
        document.animations = [animation_of(buffer, animation, units, node_of={"face": 0, "neck": 1, "head": 2})]
    blob = buffer.finish()
    document.accessors, document.bufferViews = buffer.accessors, buffer.views
    document.set_binary_blob(blob)
    document.buffers = [gltf.Buffer(byteLength=len(blob))]
    data = b"".join(document.save_to_bytes())
    return write_atomically(path, lambda temporary: temporary.write_bytes(data))


def written_units(weights: Float[np.ndarray, "E"] | None, animation: Animation | None, count: int) -> tuple[int, ...]:
    """Of `count` expressions those that become morph targets: ARKit's, and others with a weight that is seen.

    All 233 of a large model would make a file of 40 MB, of which engines ask for 52.
    """
    most = np.zeros(count) if weights is None else np.asarray(weights, np.float64)
    if animation is not None:
        most = np.maximum(most, animation.weights.max(0))
    return (*range(len(ARKIT)), *(k for k in range(len(ARKIT), count) if abs(most[k]) > SEEN_WEIGHT))


def _check(model: FaceModel, neutral: Any, joints: Any, weights: Any) -> None:
    wanted = {
        "neutral": (len(model.mean), 3),
        "joints": (len(JOINTS), 3),
        "weights": (model.expression_size,),
    }
    given = {"neutral": neutral, "joints": joints, "weights": weights}
    for name, shape in wanted.items():
        if given[name] is not None and np.shape(given[name]) != shape:
            raise MeshError(
                f"{name}: expected shape {shape} of the face model, got {np.shape(given[name])};"
                " give the arrays of one reconstruction and its own model"
            )


@dataclass(frozen=True)
class _Face:
    """What is written: arrays in mm, as `write_glb` got them."""

    model: FaceModel
    neutral: Float[np.ndarray, "V 3"]
    joints: Float[np.ndarray, "J 3"]
    factor: float
    with_tangents: str | None
    """The piece that has a normal map."""
    units: tuple[int, ...]
    """Expressions that become targets."""


def _mesh(document: gltf.GLTF2, buffer: BufferWriter, face: _Face) -> gltf.Mesh:
    """One primitive a piece, with its material and all its targets."""
    normals = _normal_targets(buffer, face)
    primitives = []
    for piece in pieces(face.model):
        targets = [gltf.Attributes(POSITION=accessor) for accessor in _position_targets(buffer, face, piece)]
        for target, accessor in zip(targets, normals.get(piece.name, ()), strict=False):
            target.NORMAL = accessor
        kind = np.uint16 if len(piece.source) < 65536 else np.uint32
        indices = buffer.array(piece.triangles.ravel().astype(kind), gltf.ELEMENT_ARRAY_BUFFER)
        primitives.append(
            gltf.Primitive(
                attributes=_attributes(buffer, face, piece),
                indices=indices,
                material=len(document.materials),
                targets=targets,
            )
        )
        document.materials.append(material_of(piece.name, document))
    return gltf.Mesh(name="face", primitives=primitives)


def _attributes(buffer: BufferWriter, face: _Face, piece: Piece) -> gltf.Attributes:
    normals = piece.surface.normals(face.neutral)[piece.source]
    without_area = np.einsum("vx,vx->v", normals, normals) < 0.5
    normals[without_area] = (0, 0, 1)  # glTF wants unit length there too
    weights = face.model.skin_weights.cpu().numpy()[piece.source]
    order = np.argsort(-weights, axis=1, kind="stable")
    weights = np.take_along_axis(weights, order, 1)
    tangents = None
    if piece.name == face.with_tangents:
        tangents = buffer.array(tangent_frame(piece, face.neutral, normals))
    return gltf.Attributes(
        POSITION=buffer.array(face.neutral[piece.source] * np.float32(METRES), bounds=True),
        NORMAL=buffer.array(normals),
        TANGENT=tangents,
        TEXCOORD_0=None if piece.name in FLAT else buffer.array(_turned(piece.uv)),
        JOINTS_0=buffer.array(np.where(weights > 0, order, 0).astype(np.uint8)),
        WEIGHTS_0=buffer.array(weights / weights.sum(1, keepdims=True)),
    )


def _turned(uv: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "N 2"]:
    """glTF's UV: v down."""
    return np.stack([uv[:, 0], 1 - uv[:, 1]], 1)


def _position_targets(buffer: BufferWriter, face: _Face, piece: Piece) -> list[int]:
    """Accessors of what each expression adds, in metres."""
    offsets, scale = position_offsets(face.model)[piece.name], np.float32(METRES * face.factor)
    if piece.name == "eyes":
        offsets = gaze_offsets(face.model, piece, face.neutral, face.joints, face.factor)
        scale = np.float32(METRES)
    chosen = (offsets[k] for k in face.units)
    return [buffer.offsets(Offset(o.rows, o.values * scale), len(piece.source)) for o in chosen]


def _normal_targets(buffer: BufferWriter, face: _Face) -> dict[str, list[int]]:
    """Accessors of the change of normals, by piece; the pieces of skin share one surface."""
    turned = [p for p in pieces(face.model) if p.name in _WITH_MOVING_NORMALS]
    targets: dict[str, list[int]] = {piece.name: [] for piece in turned}
    changes = normal_offsets(face.model, turned[0].surface, face.neutral, face.factor, face.units) if turned else ()
    for change in changes:
        for piece in turned:
            rows = sparse_rows(change[piece.source])
            targets[piece.name].append(buffer.offsets(rows, len(piece.source)))
    return targets


def _add_skeleton(
    document: gltf.GLTF2,
    buffer: BufferWriter,
    model: FaceModel,
    joints: Float[np.ndarray, "J 3"],
    rotation: Float[np.ndarray, "4 3"] | None,
) -> None:
    """The mesh's node, the joints as nodes at their rest positions, and the skin that binds them."""
    rest = np.asarray(joints, np.float32) * np.float32(METRES)
    first = 1  # node 0 is the mesh
    nodes = [gltf.Node(name="face", mesh=0, skin=0)]
    for j, (name, parent) in enumerate(zip(JOINTS, model.joint_parents, strict=True)):
        about = rest[j] if parent < 0 else rest[j] - rest[parent]
        children = [first + k for k, p in enumerate(model.joint_parents) if p == j]
        nodes.append(gltf.Node(name=name, translation=[float(x) for x in about], children=children))
    if rotation is not None:
        for j in (0, 1):
            nodes[first + j].rotation = quaternions(rotation[j]).tolist()
    inverse = np.tile(np.eye(4, dtype=np.float32), (len(JOINTS), 1, 1))
    inverse[:, 3, :3] = -rest  # glTF stores columns one after another
    document.nodes = nodes
    document.skins = [
        gltf.Skin(
            joints=[first + j for j in range(len(JOINTS))],
            skeleton=first,
            inverseBindMatrices=buffer.array(inverse, target=None),
        )
    ]
    roots = [first + j for j, parent in enumerate(model.joint_parents) if parent < 0]
    document.scenes, document.scene = [gltf.Scene(nodes=[0, *roots])], 0
