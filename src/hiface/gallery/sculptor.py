"""People who are in no photo, sculpted: shape and detail coefficients to clay pictures and maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hiface.detail.compose import Parts, shown
from hiface.detail.people import Captures, aged
from hiface.errors import ConfigError
from hiface.export.clay import OVERHEAD, RAKING
from hiface.export.sculpture import Frame, sculpture, whole_face
from hiface.face.model import FaceModel
from hiface.gallery.sheets import Picture
from hiface.model import HiFace
from hiface.types import Detail

EXPRESSIONS: Mapping[str, Mapping[str, float]] = {
    "at rest": {},
    "frown": {"browDown": 1.0, "noseSneer": 0.25, "eyeSquint": 0.3, "mouthFrown": 0.3},
    "brows raised": {"browInnerUp": 1.0, "browOuterUp": 1.0},
    "smile": {"mouthSmile": 0.85, "cheekSquint": 0.8, "eyeSquint": 0.4},
    "delight": {"mouthSmile": 0.8, "cheekSquint": 0.7, "browInnerUp": 1.0, "browOuterUp": 1.0, "jawOpen": 0.15},
}


@dataclass(frozen=True)
class Worn:
    """A person with an expression on: pose in mm, and all maps."""

    posed: Float[np.ndarray, "V 3"]
    detail: Detail


@dataclass(frozen=True)
class Sculptor:
    """Draws one person of the captures at any age under any expression; dynamic detail is Eq. 6's."""

    model: HiFace
    captures: Captures
    person: int
    """Row of the captures."""
    identity: Float[Tensor, "1 I"]

    @classmethod
    def of(cls, model: HiFace, captures: Captures, seed: int) -> Sculptor:
        """Somebody of about sixty, not far from the mean shape."""
        rng = np.random.default_rng(seed)
        near = np.flatnonzero(np.abs(captures.age - 62) < 6)
        if not len(near):
            raise ConfigError("the detail basis has no capture of somebody of about 62 years")
        noise = rng.standard_normal(model.face.identity_size).astype(np.float32)
        people = model.face.people
        shape = 0.7 * noise if people is None else people.identity(0.6 * noise, 45.0, bool(seed % 2))
        return cls(model, captures, int(rng.choice(near)), torch.from_numpy(shape)[None])

    @torch.no_grad()
    def worn(self, years: float, expression: str = "at rest", parts: Parts = "both", yaw: float = 0.0) -> Worn:
        face, detail = self.model.face, self.model.reconstructor.detail_model
        device = self.model.device
        weights = weights_of(face, expression).to(device)
        static = torch.from_numpy(aged(self.captures, self.person, years).static)[None].to(device)
        neutral = face.neutral(self.identity.to(device))
        expressive = neutral + face.expression_offset(weights)
        maps = shown(detail(neutral, expressive, weights, static), parts)
        turn = torch.tensor([[0.0, yaw, 0.0]], device=device)
        rotation = torch.cat([0.3 * turn, 0.7 * turn, face.gaze(weights)[0]])[None]
        posed = face.pose(expressive, self.identity.to(device), rotation, torch.zeros(1, 3, device=device))
        return Worn(posed[0].cpu().numpy(), maps.to("cpu"))

    def picture(self, worn: Worn, side: int, map_name: str = "displacement", close: str = "") -> Picture:
        """The person in clay with one of the maps as relief ("none" for the coarse face); `close` as in `close_up`."""
        frame = close_up(_raised(whole_face(self.model.face, worn.posed, 1.16)), close)
        relief = None if map_name == "none" else getattr(worn.detail, map_name)[0].numpy()
        return sculpture(self.model.face, worn.posed, relief, frame, side, OVERHEAD if close == "eye" else RAKING)


_CLOSE = {"": (0.0, 0.0, 1.0), "brow": (0.0, 0.20, 0.42), "eye": (-0.225, 0.075, 0.23), "mouth": (-0.04, -0.24, 0.40)}
"""Centre right and up of the whole frame's, and width, in whole frames. The light comes from the left."""


def _raised(frame: Frame) -> Frame:
    """A little higher: less neck, all of the head."""
    x, y = frame.centre
    return Frame((x, y + 0.07 * frame.width_mm), frame.width_mm)


def close_up(whole: Frame, where: str) -> Frame:
    """Part of a frame: "brow" (forehead and brows), "eye" (the eye's corner), "mouth"; "" for all of it."""
    right, up, share = _CLOSE[where]
    x, y = whole.centre
    return Frame((x + right * whole.width_mm, y + up * whole.width_mm), share * whole.width_mm)


def weights_of(face: FaceModel, expression: str) -> Float[Tensor, "1 E"]:
    """One of `EXPRESSIONS`, with correctives."""
    names = face.expression_names
    weights = torch.zeros(1, face.expression_size)
    for unit, weight in EXPRESSIONS[expression].items():
        own = [unit] if unit in names else [f"{unit}Left", f"{unit}Right"]
        for name in own:
            if name in names:
                weights[0, names.index(name)] = weight
    return face.with_correctives(weights.to(face.mean.device)).cpu()
