"""Plain and oriented tension side by side: raw values at the sites where skin folds, and one face under both.

    python tools/compare_tension.py table [--own-field]
    python tools/compare_tension.py picture --out tension.png

table: mean raw tension (smoothed, unscaled) over each site of the mean face with a unit at 1, both forms, and the
weight M that it becomes; and the factors that would bring the sites' own units to 1. picture: one old face in
expressions that squeeze one way and stretch the other, Eq. 8 above, the oriented form below.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from hiface.detail.people import draw_detail
from hiface.detail.sddetail import SDDetail
from hiface.detail.squeeze import unit_offsets
from hiface.export.maps import write_png8
from hiface.export.portrait import Sitter, Studio, grid
from hiface.face.front import front_chart
from hiface.geometry.tension import TENSIONS, TensionKind, scaled_tension


@dataclass(frozen=True)
class Site:
    """A unit at 1 and where it is looked at: an ellipse in the front chart, mm, with its mirror image."""

    unit: str
    name: str
    x: float
    y: float
    half_width: float
    half_height: float
    leads: bool = False
    """Whether the unit is the one that folds the site, so that the site speaks for the factor."""


SITES = (
    Site("mouthPucker", "upper lip", 0, -18, 14, 5, True),
    Site("mouthFunnel", "upper lip", 0, -18, 14, 5),
    Site("mouthPress", "upper lip", 0, -18, 14, 5),
    Site("mouthPress", "below the lip", 0, -47, 14, 5),
    Site("mouthSmile", "nasolabial fold", 28, -18, 6, 16, True),
    Site("browInnerUp", "forehead", 0, 80, 25, 14, True),
    Site("browDown", "glabella", 0, 57, 9, 10, True),
    Site("cheekSquint", "crow's feet", 53, 32, 7, 11, True),
    Site("mouthShrugLower", "chin", 0, -62, 12, 8),
    Site("mouthFrown", "marionette line", 29, -50, 5, 12),
    Site("mouthShrugLower", "marionette line", 29, -50, 5, 12),
    Site("jawOpen", "neck under the chin", 0, -98, 30, 14),
    Site("noseSneer", "side of the nose", 11, 18, 7, 12, True),
)
EXPRESSIONS: tuple[tuple[dict[str, float], float], ...] = (
    ({"mouthPucker": 1.0}, 0.615),
    ({"mouthFunnel": 0.8, "mouthPucker": 0.5}, 0.625),
    ({"mouthShrugLower": 1.0}, 0.70),
)
"""Expressions and how far down the portrait their site lies."""
SHOWN = 0.25
"""Part of a portrait's side that a cell shows."""


class Comparison:
    """Both forms on one face model."""

    def __init__(self, studio: Studio) -> None:
        self.studio, self.face = studio, studio.face
        self.details = {kind: SDDetail.of_face(studio.face, studio.basis, width=8, tension=kind) for kind in TENSIONS}
        self.chart = front_chart(studio.face)

    def raw(self, kind: TensionKind, site: Site) -> float:
        """Mean raw tension over a site, smoothed, by the skin's area."""
        operator, neutral = self.details[kind].tension, self.face.mean[None, : len(self.chart)]
        moved = neutral + torch.from_numpy(unit_offsets(self.face, site.unit, len(self.chart)))[None].float()
        gain, operator.gain = operator.gain, 1e-6  # so small that the ceiling does not bend it
        values = operator(moved, neutral)[0].numpy() / operator.gain
        operator.gain = gain
        weight = self._inside(site)
        return float((values * weight).sum() / weight.sum())

    def _inside(self, site: Site) -> Float[np.ndarray, "n"]:
        x, y = np.abs(self.chart[:, 0]), self.chart[:, 1]
        inside = ((x - site.x) / site.half_width) ** 2 + ((y - site.y) / site.half_height) ** 2 < 1
        depth = self.face.mean[: len(self.chart), 2].numpy()
        return _areas(self.face) * (inside & (depth > 0))

    def table(self) -> str:
        rows = ["| unit at 1 | site | raw: Eq. 8 | oriented | M: Eq. 8 | oriented |", "|---|---|---|---|---|---|"]
        leading: dict[TensionKind, list[float]] = {kind: [] for kind in TENSIONS}
        for site in SITES:
            raw = {kind: self.raw(kind, site) for kind in TENSIONS}
            weights = [float(scaled_tension(torch.tensor(raw[k]), self.details[k].tension.gain)) for k in TENSIONS]
            cells = [f"{v:+.3f}" for v in raw.values()] + [f"{w:+.2f}" for w in weights]
            rows.append(f"| {site.unit} | {site.name} | " + " | ".join(cells) + " |")
            if site.leads:
                for kind in TENSIONS:
                    leading[kind].append(raw[kind])
        for kind in TENSIONS:
            factors = ", ".join(f"{s.name} {1 / r:.1f}" for s, r in zip(_leads(), leading[kind], strict=True))
            rows.append(
                f"\n{kind}: factor to 1 by site: {factors}; of the median raw {1 / np.median(leading[kind]):.1f}"
            )
        return "\n".join(rows)

    def picture(self, seed: int, age: float, side: int) -> UInt8[np.ndarray, "H W 3"]:
        cells = []
        for kind in TENSIONS:
            self.studio.__dict__["detail"] = self.details[kind]  # where the studio keeps its own
            for weights, down in EXPRESSIONS:
                portrait = self.studio.portrait(self._sitter(seed, age, weights), round(side / SHOWN), "clay")
                cells.append(_close(portrait, down, side))
        return grid(cells, len(EXPRESSIONS))

    def _sitter(self, seed: int, age: float, weights: dict[str, float]) -> Sitter:
        rng = np.random.default_rng(seed)
        person = replace(self.studio.usual(), detail=draw_detail(self.studio.captures, age, rng))
        if self.face.people is not None:
            noise = 0.7 * rng.standard_normal(self.face.identity_size).astype(np.float32)
            person = replace(person, identity=self.face.people.identity(noise, age, False))
        expression = np.zeros(self.face.expression_size, np.float32)
        for k, own in enumerate(self.face.expression_names[:52]):
            for unit, weight in weights.items():
                if own in (unit, f"{unit}Left", f"{unit}Right"):
                    expression[k] = weight
        return replace(person, expression=expression)


def _leads() -> list[Site]:
    return [site for site in SITES if site.leads]


def _areas(face) -> Float[np.ndarray, "n"]:  # type: ignore[no-untyped-def]
    """A third of the triangles' areas round each vertex of the face, mm²."""
    count = face.vertex_range("face").stop
    vertices, triangles = face.mean[:count].numpy(), face.part_triangles("face")
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    return np.bincount(triangles.ravel(), np.repeat(area, 3), count)


def _close(portrait: UInt8[np.ndarray, "S S 3"], down: float, side: int) -> UInt8[np.ndarray, "s s 3"]:
    """A square of the middle of a portrait."""
    top, left = (int(at * len(portrait)) - side // 2 for at in (down, 0.5))
    return np.ascontiguousarray(portrait[top : top + side, left : left + side])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("table", "picture"))
    parser.add_argument("--out", type=Path, default=Path("tension.png"))
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--age", type=float, default=80)
    parser.add_argument("--side", type=int, default=300, help="pixels of a cell")
    parser.add_argument(
        "--own-field", action="store_true", help="the face model's own direction, not the basis' stored one"
    )
    options = parser.parse_args()
    studio = Studio.load()
    if options.own_field:
        studio.basis.squeeze_direction = None
    comparison = Comparison(studio)
    if options.what == "table":
        print(comparison.table())
    elif options.out.suffix.lower() in (".jpg", ".jpeg"):
        bgr = cv2.cvtColor(comparison.picture(options.seed, options.age, options.side), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(options.out), bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])
    else:
        write_png8(options.out, comparison.picture(options.seed, options.age, options.side))


if __name__ == "__main__":
    main()
