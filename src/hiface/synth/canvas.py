"""Drawing a scene: rasterising, shadows, occlusion on the screen, shading; at twice the picture's size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from hiface.synth import kernels
from hiface.synth.body import EYE, GUMS, LASH, MOUTH, NECK, SKIN, SOCKET, TEETH, Body
from hiface.synth.light import Lighting
from hiface.synth.scene import Scene
from hiface.synth.shade import shade_body
from hiface.synth.shade_things import shade_thing
from hiface.synth.things import OPAQUE, Thing

_NO_TANGENTS = np.zeros((1, 3), np.float32)
SAMPLES = 2
"""Samples a pixel, in x and in y."""
TEETH_BEHIND = 5.0
"""mm by which teeth stand back when it is decided what is seen: real lips give way, drawn ones would be pierced."""
_NOT_OCCLUDING = {"lens": 0.0, "frame": 0.35, "clothes": 0.0, "mask": 0.0, "loops": 0.0, "beard": 0.5}
"""How much of the light a thing keeps from the skin around it; hair and hats keep all."""


@dataclass(frozen=True)
class Drawn:
    """A drawn scene, S = SAMPLES × the picture's side."""

    radiance: Float[np.ndarray, "S S 3"]
    """Linear, before exposure."""
    cover: Bool[np.ndarray, "S S"]
    """Where the person or a thing is."""
    skin: Bool[np.ndarray, "S S"]
    """Visible skin of face, head and neck."""
    nearest_body: Float[np.ndarray, "S S"]
    """1 / depth of the body without lashes, 0 where it is not."""
    nearest: Float[np.ndarray, "S S"]
    """1 / depth of everything."""


@dataclass(frozen=True)
class _Placed:
    """A thing in the camera's frame."""

    thing: Thing
    points: Float[np.ndarray, "N 3"]
    screen: Float[np.ndarray, "N 3"]
    cover: Int[np.ndarray, "T"]
    first_id: int


def draw(scene: Scene, body: Body, growth: Float[np.ndarray, "N 3"], side: int) -> Drawn:
    """The scene at SAMPLES × `side` pixels. `growth`: beard, lips, scalp per corner."""
    size = side * SAMPLES
    camera = scene.camera.enlarged(SAMPLES)
    posed = scene.points - scene.camera.translation
    screen = _screen(camera.project(posed.astype(np.float32)))[body.source]
    face_id = np.full((size, size), -1, np.int32)
    depth = np.zeros((size, size), np.float32)
    _draw_body(body, screen, scene.mouth_open, face_id, depth)
    nearest_body = depth.copy()
    lashes = body.range_of(LASH, LASH)
    _raster(body, screen, lashes, 0, face_id, depth)
    placed = _draw_things(scene, len(body.triangles), face_id, depth)
    light = cast_shadows(scene.light, scene.points, body, placed)
    density = scene.camera.focal / -float(scene.points[: len(posed), 2].mean()) * SAMPLES
    cavity, under_hair = screen_occlusion(face_id, body, placed, density)
    radiance = np.zeros((size, size, 3), np.float32)
    seen = np.zeros((size, size), np.int32)
    shade_body(
        face_id, screen, scene.points[body.source], scene.normals[body.source], body.triangles, body.material,
        body.uv, body.openness, growth, scene.look, light, cavity, under_hair, radiance, seen,
    )  # fmt: skip
    worn = np.zeros((size, size), np.uint8)
    for p in placed:
        _shade_placed(p, scene, face_id, light, radiance, worn)
    skin = (seen == SKIN + 1) | (seen == NECK + 1)
    return Drawn(radiance, (seen > 0) | (worn > 0), skin, nearest_body, depth)


def _screen(pixels: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    """From pixels with centres at one half to the kernels', with centres at whole numbers."""
    pixels[:, :2] -= 0.5
    return pixels


def _raster(
    body: Body, screen: Float[np.ndarray, "N 3"], chosen: slice, culled: int,
    face_id: Int[np.ndarray, "S S"], depth: Float[np.ndarray, "S S"],
) -> None:  # fmt: skip
    kernels.rasterise(
        screen,
        body.triangles[chosen],
        body.cover[chosen],
        body.uv,
        OPAQUE,
        chosen.start,
        culled,
        face_id,
        depth,
    )


def _draw_body(
    body: Body, screen: Float[np.ndarray, "N 3"], mouth_open: bool,
    face_id: Int[np.ndarray, "S S"], depth: Float[np.ndarray, "S S"],
) -> None:  # fmt: skip
    """Skin and eyes; what is inside the mouth only when it can be seen."""
    _raster(body, screen, body.range_of(SKIN, NECK), 1, face_id, depth)
    _raster(body, screen, body.range_of(SOCKET, SOCKET), 1, face_id, depth)
    _raster(body, screen, body.range_of(EYE, EYE), 1, face_id, depth)
    if mouth_open:
        _raster(body, screen, body.range_of(MOUTH, MOUTH), 1, face_id, depth)
        behind = screen.copy()
        behind[:, 2] = 1 / (1 / behind[:, 2] + TEETH_BEHIND)
        for material in (GUMS, TEETH):
            _raster(body, behind, body.range_of(material, material), 1, face_id, depth)


def _draw_things(
    scene: Scene, first_id: int, face_id: Int[np.ndarray, "S S"], depth: Float[np.ndarray, "S S"]
) -> list[_Placed]:
    placed = []
    camera = scene.camera.enlarged(SAMPLES)
    for thing in scene.things:
        screen = _screen(camera.project(thing.points))
        points = (thing.points + scene.camera.translation).astype(np.float32)
        cover = np.full(len(thing.triangles), thing.cover, np.int32)
        kernels.rasterise(screen, thing.triangles, cover, thing.uv, thing.alpha, first_id, 0, face_id, depth)
        placed.append(_Placed(thing, points, screen, cover, first_id))
        first_id += len(thing.triangles)
    return placed


def _shade_placed(
    p: _Placed, scene: Scene, face_id: Int[np.ndarray, "S S"], light: Lighting,
    radiance: Float[np.ndarray, "S S 3"], worn: UInt8[np.ndarray, "S S"],
) -> None:  # fmt: skip
    thing = p.thing
    normals = thing.normals
    if normals is None:
        normals = np.zeros(p.points.shape, np.float32)
        kernels.vertex_normals(p.points, thing.triangles, normals)
    tangents = _NO_TANGENTS if thing.tangents is None else thing.tangents
    fine = thing.name in ("hair", "beard")
    shade_thing(
        face_id, p.first_id, fine, p.screen, p.points, normals, tangents, thing.triangles, thing.uv, thing.texture,
        np.asarray(thing.colour, np.float32), np.float32(thing.gloss), np.float32(thing.power), light, radiance, worn,
    )  # fmt: skip


def cast_shadows(light: Lighting, points: Float[np.ndarray, "V 3"], body: Body, placed: list[_Placed]) -> Lighting:
    """The light with its shadow map filled; unchanged where there is no main light."""
    if float(light.key.max()) < 0.04:
        return light
    shadow = light.shadow.copy()
    ids = np.zeros(shadow.shape, np.int32)
    skin = body.skin_triangles()
    opaque = np.full(skin, 255, np.int32)
    from_light = _seen_from_light(light, points)
    kernels.rasterise(from_light, body.vertex_triangles[:skin], opaque, body.uv, OPAQUE, 0, False, ids, shadow)
    for p in placed:
        if p.thing.name != "lens":
            from_light = _seen_from_light(light, p.points)
            kernels.rasterise(from_light, p.thing.triangles, p.cover, p.thing.uv, p.thing.alpha, 0, 0, ids, shadow)
    return light._replace(shadow=shadow)


def _seen_from_light(light: Lighting, points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    matrix = light.shadow_from_camera
    return np.ascontiguousarray(points @ matrix[:, :3].T + matrix[:, 3], np.float32)


def screen_occlusion(
    face_id: Int[np.ndarray, "S S"], body: Body, placed: list[_Placed], density: float
) -> tuple[Float[np.ndarray, "S S"], Float[np.ndarray, "S S"]]:
    """Openness of eyes and mouth by how far inside their openings a sample lies, and of skin under hair.

    `density`: samples per mm at the face.
    """
    size = face_id.shape[0]
    inside, hidden = (np.zeros((size // 2, size // 2), np.float32) for _ in range(2))
    shares = [np.full(len(p.cover), _NOT_OCCLUDING.get(p.thing.name, 1.0), np.float32) for p in placed]
    share = np.concatenate([*shares, np.zeros(1, np.float32)])
    kernels.screen_maps(face_id, body.material, share, MOUTH, EYE, inside, hidden)
    cavity = cv2.GaussianBlur(inside, (0, 0), max(0.8 * density, 0.3))
    cavity = cv2.resize(np.clip((cavity - 0.35) / 0.45, 0.2, 1), (size, size), interpolation=cv2.INTER_LINEAR)
    width = int(4.5 * density) | 1
    shade = np.roll(cv2.blur(hidden, (width, width)), int(1.5 * density), 0)
    under_hair = cv2.resize(1 - 0.5 * shade, (size, size), interpolation=cv2.INTER_LINEAR)
    return cavity, under_hair
