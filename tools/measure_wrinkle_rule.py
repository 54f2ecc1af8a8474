"""How near the rule in face.glb comes to SD-DeTail itself, on one face in a dozen expressions.

    python tools/measure_wrinkle_rule.py examples/astronaut.jpg [--age 68]

By expression: RMS of the slopes that dynamic detail adds (exact: Eqs. 6, 8 and 9), and the error of the slopes that the
rule's textures give, relative to it; the same for tension that is summed over units at every vertex ("linear"), which
no choice of regions can beat; the angle between normals, median and 95th percentile over the skin that has detail. By
area of skin.
With --age the face wears a capture of that age (all three maps), else what the network sees in the photo.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float

import hiface
from hiface.detail.people import Captures
from hiface.export.maps import SurfaceSteps
from hiface.export.wrinkle_shader import wrinkled_normals
from hiface.export.wrinkles import SIDE, enlarged, surface_steps, wrinkle_maps
from hiface.face.asset import ARKIT
from hiface.geometry.tension import CEILING
from hiface.model import Reconstruction

EXPRESSIONS: dict[str, dict[str, float]] = {
    "brows raised": {"browInnerUp": 1, "browOuterUp": 1},
    "frown": {"browDown": 1},
    "smile": {"mouthSmile": 1},
    "half a smile": {"mouthSmile": 0.5, "cheekSquint": 0.3},
    "smile, left": {"mouthSmileLeft": 1, "cheekSquintLeft": 0.5},
    "laugh": {"mouthSmile": 0.9, "jawOpen": 0.35, "mouthUpperUp": 0.4, "cheekSquint": 0.6, "eyeSquint": 0.5},
    "sneer": {"noseSneer": 1, "mouthUpperUp": 0.4, "browDown": 0.4},
    "surprise": {"browInnerUp": 0.8, "browOuterUp": 0.8, "eyeWide": 0.6, "jawOpen": 0.4},
    "squint": {"cheekSquint": 1, "eyeSquint": 0.7},
    "kiss": {"mouthPucker": 0.9},
    "sad": {"browInnerUp": 0.8, "mouthFrown": 0.8, "mouthShrugLower": 0.3},
    "jaw dropped": {"jawOpen": 0.8},
}


class Measure:
    """One face, its exact detail and its rule."""

    def __init__(self, face: Reconstruction) -> None:
        self.face, self.detail = face, face.model.reconstructor.detail_model
        self.maps = wrinkle_maps(face, range(len(ARKIT)))
        self.neutral = torch.from_numpy(face.shape.neutral / face.millimetre_factor)[None].float()
        self.steps = surface_steps(face.face, face.shape.neutral, SIDE)
        self.area = self._areas()
        self.rest = self._slopes(face.detail.static)

    def _areas(self) -> Float[np.ndarray, "R R 1"]:
        """Skin under each texel that has detail."""
        mask = enlarged(self.detail.basis.mask.numpy().astype(np.float32), SIDE) > 0.5
        per_texel = np.where(self.steps.per_u > 0, 1 / np.maximum(self.steps.per_u * self.steps.per_b, 1e-9), 0)
        return (per_texel * mask)[..., None]

    def _slopes(self, displacement: Float[np.ndarray, "r r"], steps: SurfaceSteps | None = None) -> np.ndarray:
        steps = steps or self.steps
        down, along = np.gradient(enlarged(displacement, SIDE).astype(np.float64), 1 / SIDE)
        slope = along * steps.per_u
        return np.stack([slope, (-down - steps.skew * slope) * steps.per_b], -1)

    def rms(self, slopes: np.ndarray) -> float:
        return float(np.sqrt((slopes**2 * self.area).sum() / self.area.sum()))

    @torch.no_grad()
    def row(self, weights: dict[str, float]) -> tuple[float, ...]:
        """RMS of the exact dynamic slopes, errors of rule and linear tension relative to it, two angles."""
        expression = torch.zeros(1, self.face.face.expression_size)
        for unit, weight in weights.items():
            for k, own in enumerate(ARKIT):
                if own in (unit, f"{unit}Left", f"{unit}Right"):
                    expression[0, k] = weight
        expressive = self.neutral + self.face.face.expression_offset(expression)
        exact = self.detail(self.neutral, expressive, expression, self.face.coefficients.static)
        truth = self._slopes(exact.dynamic[0].numpy())
        named = {n: float(w) for n, w in zip(ARKIT, expression[0], strict=False) if w}
        normals = wrinkled_normals(self.maps, named)
        found = -normals[..., :2] / normals[..., 2:] - self.rest
        scale = self.rms(truth)
        own_steps = surface_steps(self.face.face, expressive[0].numpy() * self.face.millimetre_factor, SIDE)
        real = self._slopes((exact.static + exact.dynamic)[0].numpy(), own_steps)
        angles = _angles(normals, real)[self.area[..., 0] > 0]
        linear = self._linear(exact, expression)
        return (
            scale,
            self.rms(found - truth) / scale,
            self.rms(linear - truth) / scale,
            *np.quantile(angles, (0.5, 0.95)),
        )

    def _linear(self, exact, expression: torch.Tensor) -> np.ndarray:  # type: ignore[no-untyped-def]
        units = torch.eye(self.face.face.expression_size)[: len(ARKIT)][expression[0, : len(ARKIT)] > 0]
        moved = self.neutral + self.face.face.expression_offset(units)
        each = self.detail.tension_map(self.neutral.expand_as(moved), moved)
        total = (each * expression[0][expression[0] > 0][:, None, None]).sum(0).clamp(-CEILING, CEILING)
        return self._slopes(
            (total.clamp_min(0) * exact.compressed + (-total).clamp_min(0) * exact.stretched)[0].numpy()
        )


def _angles(normals: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    real = np.concatenate([-slopes, np.ones_like(slopes[..., :1])], -1)
    real /= np.linalg.norm(real, axis=-1, keepdims=True)
    return np.degrees(np.arccos((normals * real).sum(-1).clip(-1, 1)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--age", type=float, help="wear the detail of a capture of this age")
    options = parser.parse_args()
    model = hiface.load(device="cpu")
    (face,) = model.reconstruct(options.photo)
    if options.age is not None:
        face = aged(model, face, options.age)
    measure = Measure(face)
    rows = {name: measure.row(weights) for name, weights in EXPRESSIONS.items()}
    print("| expression | RMS slope | rule | linear | angle, median | 95 % |\n|---|---|---|---|---|---|")
    for name, (scale, rule, linear, middle, most) in rows.items():
        print(f"| {name} | {scale:.4f} | {rule:.2f} | {linear:.2f} | {middle:.2f}° | {most:.2f}° |")
    table = np.array(list(rows.values()))
    scale = table[:, 0]
    together = np.sqrt(((table[:, 1:3] * scale[:, None]) ** 2).sum(0) / (scale**2).sum())
    print(f"| all | {np.sqrt((scale**2).mean()):.4f} | {together[0]:.2f} | {together[1]:.2f} | | |")
    print_cost(face)


def print_cost(face: Reconstruction) -> None:
    """Processor time of making and encoding the maps, and their size."""
    started = time.process_time()
    maps = wrinkle_maps(face, range(len(ARKIT)))
    made = time.process_time()
    size = sum(cv2.imencode(".png", p, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].size for p in maps.pictures().values())
    print(
        f"\nmaps and rule {1e3 * (made - started):.0f} ms, encoding {1e3 * (time.process_time() - made):.0f} ms of"
        f" processor time, {size / 1e6:.2f} MB; more threads than free cores (OMP_NUM_THREADS) only add waiting"
    )


class Worn(torch.nn.Module):
    """φ_com and φ_str of one capture, whatever the expression: in place of Eq. 6."""

    def __init__(self, compressed: np.ndarray, stretched: np.ndarray) -> None:
        super().__init__()
        self.coefficients = torch.from_numpy(compressed)[None], torch.from_numpy(stretched)[None]

    def forward(self, expression: torch.Tensor, static: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(c.expand(len(expression), -1) for c in self.coefficients)


def aged(model: hiface.HiFace, face: Reconstruction, age: float) -> Reconstruction:
    """The face with the static, compressed and stretched detail of the capture nearest to an age."""
    captures = Captures.load()
    k = int(np.abs(captures.age - age).argmin())
    model.reconstructor.detail_model.dynamic = Worn(captures.compressed[k], captures.stretched[k])
    metric = face.millimetre_factor, face.metric_assumption
    static = torch.from_numpy(captures.static[[k]])
    return model.assemble(face.photo, face.box, replace(face.coefficients, static=static), metric)


if __name__ == "__main__":
    main()
