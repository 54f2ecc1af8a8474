"""Scenes with an ingredient left out, to learn what it is worth: the person, the pose and the camera stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hiface.synth.kinds import Ingredient
from hiface.synth.light import Lighting
from hiface.synth.scene import Scene

OCCLUDERS = {"frame", "lens", "hat", "mask", "loops"}


def stripped(scene: Scene, without: frozenset[Ingredient]) -> Scene:
    """The scene without hair of the head, without what is worn before or on it, or in plain light.

    Hands, patches and the picture's degradation come later (`Generator`).
    """
    gone = ({"hair"} if "hair" in without else set()) | (OCCLUDERS if "occluders" in without else set())
    if gone:
        scene = replace(scene, things=[t for t in scene.things if t.name not in gone])
    if "hair" in without:
        scene = replace(scene, look=scene.look._replace(scalp=0.0), hair="none")
    return replace(scene, light=plain_light(scene.light)) if "hdri" in without else scene


def plain_light(light: Lighting) -> Lighting:
    """The main light, white, and the same grey light from everywhere, as bright as the environment's mean."""
    ambient = np.float32(light.harmonics[0].mean())
    harmonics = np.zeros_like(light.harmonics)
    harmonics[0] = ambient
    return light._replace(
        harmonics=harmonics,
        soft=np.full_like(light.soft, ambient),
        sharp=np.full_like(light.sharp, ambient),
        key=np.full_like(light.key, light.key.mean()),
    )
