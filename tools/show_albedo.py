"""Pictures and figures of an albedo file, as docs/albedo.md shows them.

    python -m tools.show_albedo ALBEDO.safetensors OUT_FOLDER

Writes people, pigment axes, first modes, features and the tiles' border as JPEG, and figures.json.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from hiface.export.portrait import Sitter, Studio, grid, people_sheet
from hiface.face.albedo import AlbedoModel
from tools.albedo.axes import colour_of
from tools.albedo.colour import class_shares, ita, lab
from tools.albedo.tiles import Tiles, sampled

FEATURES = (
    "beard",
    "redness",
    "under-eye",
    "uneven pigment",
    "lips",
    "brows",
    "lashes",
    "freckles",
    "moles",
    "make-up",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("albedo", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    studio = replace(Studio.load(), albedo=AlbedoModel.load(args.albedo))
    sheets = {
        "people": people_sheet(studio, 6, 6, 0, "skin", False, 176),
        "axes": axes_sheet(studio),
        "modes": modes_sheet(studio),
        "features": features_sheet(studio),
        "border": border_sheet(studio),
    }
    for name, sheet in sheets.items():
        write_jpeg(args.out / f"albedo_{name}.jpg", sheet)
    figures = {"skin": skin_figures(studio.albedo), "border": border_figures(studio)}
    (args.out / "figures.json").write_text(json.dumps(figures, indent=1))
    print(json.dumps(figures, indent=1))


def write_jpeg(path: Path, sheet: UInt8[np.ndarray, "H W 3"]) -> None:
    cv2.imwrite(str(path), np.ascontiguousarray(sheet[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 88])


def person(studio: Studio, **values: float) -> Sitter:
    """The average person with some coefficients set, by mode name; underscores stand for spaces."""
    albedo = np.zeros(studio.albedo.size, np.float32)
    for name, value in values.items():
        albedo[studio.albedo.mode_names.index(name.replace("_", " "))] = value
    return replace(studio.usual(), albedo=albedo)


def axes_sheet(studio: Studio) -> UInt8[np.ndarray, "H W 3"]:
    names = ("melanin", "haemoglobin", "undertone")
    return grid([studio.portrait(person(studio, **{n: z}), 176) for n in names for z in range(-3, 4)], 7)


def modes_sheet(studio: Studio, count: int = 12) -> UInt8[np.ndarray, "H W 3"]:
    """The first modes in their order, minus and plus three deviations side by side."""
    names = studio.albedo.mode_names[:count]
    return grid([studio.portrait(person(studio, **{n: z}), 176) for n in names for z in (-3.0, 3.0)], 6)


def features_sheet(studio: Studio) -> UInt8[np.ndarray, "H W 3"]:
    """One person a feature, on fairly light skin: all modes of that family drawn, twice its usual spread."""
    cells = []
    for name in FEATURES:
        rng = np.random.default_rng(2)
        own = [k for k, n in enumerate(studio.albedo.mode_names) if n.rsplit(" ", 1)[0] == name]
        for _ in range(3):
            albedo = person(studio, melanin=-0.9).albedo
            albedo[own] = 2 * rng.standard_normal(len(own))
            cells.append(studio.portrait(replace(studio.usual(), albedo=albedo), 224))
    return grid(cells, 6)


def border_sheet(studio: Studio) -> UInt8[np.ndarray, "H W 3"]:
    """Ears, jaw and nape of random people, where face and head meet, at full size."""
    cells = []
    for k in range(3):
        sitter = studio.draw(np.random.default_rng([7, k]), False)
        side = studio.portrait(replace(sitter, yaw=1.1), 1024)
        cells.append(side[180:740, 320:880])
    return grid(cells, 3)


def skin_figures(albedo: AlbedoModel, count: int = 20000) -> dict[str, object]:
    """CIELAB and typology angle of random people's cheeks and nose."""
    z = torch.randn(count, albedo.size, generator=torch.Generator().manual_seed(0))
    density, modes = albedo.middle()
    colours = lab(colour_of((density + z @ modes).double().numpy()))
    angles = ita(colours)
    percentiles = (1, 5, 25, 50, 75, 95, 99)
    return {
        "classes": class_shares(angles),
        "percentiles": percentiles,
        **{n: np.percentile(colours[:, k], percentiles).round(1).tolist() for k, n in enumerate("Lab")},
        "ITA": np.percentile(angles, percentiles).round(0).tolist(),
    }


def border_figures(studio: Studio, count: int = 64) -> dict[str, float]:
    """Step between the tiles at their common vertices, CIELAB, over random people."""
    face_uv, head_uv, _ = Tiles.of(studio.face).border
    z = torch.randn(count, studio.albedo.size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        faces, heads = studio.albedo.face(z, 512).numpy(), studio.albedo.head(z, 256).numpy()
    steps = np.array([step(f, h, face_uv, head_uv) for f, h in zip(faces, heads, strict=True)])
    return {"mean": float(steps.mean()), "95 %": float(np.percentile(steps, 95)), "largest": float(steps.max())}


def step(
    face: Float[np.ndarray, "R R 3"], head: Float[np.ndarray, "Rh Rh 3"], face_uv: np.ndarray, head_uv: np.ndarray
) -> Float[np.ndarray, "K"]:
    return np.linalg.norm(lab(sampled(face, face_uv)) - lab(sampled(head, head_uv)), axis=1)


if __name__ == "__main__":
    main()
