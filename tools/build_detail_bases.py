"""Builds the detail bases from a folder of captures by principal components, and says how well they explain
others.

    python tools/build_detail_bases.py FOLDER --out src/hiface/assets/files/detail_basis.safetensors
        [--static 300] [--dynamic 80] [--side 256] [--held-out 0.1]

FOLDER holds a folder a subject with neutral, compressed and stretched maps (16-bit PNG with `{min_mm,
max_mm}` beside it, EXR or TIFF; millimetres, positive outwards, the face tile of the face model) and
`subject.json` with the age.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from hiface.detail.basis import NAMES, DetailBasis, write_basis
from hiface.detail.pca import Components, fit
from hiface.errors import HiFaceError
from hiface.face.model import FaceModel
from hiface.synth.captures.field import flow
from hiface.synth.captures.folder import Subject, read_subjects
from hiface.synth.captures.surface import Surface

FAINTEST_MM = 0.004
"""Texels that vary less than this in every kind of map (standard deviation) are left out of the mask."""

Maps = dict[str, np.ndarray]


def main() -> None:
    options = _options()
    face = FaceModel.load(options.face_model)
    surface = Surface.of_face(face, options.side)
    subjects = _usable(options.folder, options.side)
    ages = np.array([s.age for s in subjects])
    whole = _differences(subjects)
    mask = _mask(whole, surface)
    maps = {name: values[:, mask] for name, values in whole.items()}
    held_out = _held_out(len(subjects), options.held_out)
    weight = (surface.texel_area * _importance(surface))[mask].astype(np.float32)
    counts = {"static": options.static, "compressed": options.dynamic, "stretched": options.dynamic}
    components = {name: fit(maps[name][~held_out], weight, counts[name]) for name in NAMES}
    for name in NAMES:
        _report(name, components[name], maps[name], held_out)
    coefficients = {n: components[n].coefficients(maps[n]) for n in NAMES}
    extra = {"squeeze_direction": flow(face, surface).squeeze.astype(np.float16)}
    if np.isfinite(ages).all():
        extra["capture_age"] = ages.astype(np.float32)
        extra |= {f"capture_{n}": coefficients[n].astype(np.float16) for n in NAMES}
    means, modes = ({n: getattr(components[n], part) for n in NAMES} for part in ("mean", "modes"))
    meta = {
        "units": "mm",
        "licence": "Apache-2.0",
        "source": options.source,
        "captures": len(subjects),
        "fitted_on": int((~held_out).sum()),
        "face_model": face.hash,
    }
    write_basis(options.out, mask, means, modes, meta, extra)
    _report_file(options.out, mask, components, coefficients)


def _usable(folder: Path, side: int) -> list[Subject]:
    found = list(read_subjects(folder, side))
    for error in found:
        if isinstance(error, HiFaceError):
            print(f"unusable: {error}")
    subjects = [s for s in found if isinstance(s, Subject)]
    print(f"{len(subjects)} subjects, {len(found) - len(subjects)} unusable")
    return subjects


def _differences(subjects: list[Subject]) -> Maps:
    """The maps that the bases span: neutral, and what contraction and extension add to it (N, R, R)."""
    neutral, compressed, stretched = (
        np.stack([getattr(s.capture, kind) for s in subjects]) for kind in ("neutral", "compressed", "stretched")
    )
    return {"static": neutral, "compressed": compressed - neutral, "stretched": stretched - neutral}


def _mask(maps: Maps, surface: Surface) -> np.ndarray:
    varies = np.max([values.std(0) for values in maps.values()], axis=0) > FAINTEST_MM
    return varies & surface.mask


def _importance(surface: Surface) -> np.ndarray:
    """The neck counts half of the face: it is seldom seen and its rings are many."""
    return 1 - 0.5 * np.clip((-80 - surface.position[..., 1]) / 10, 0, 1)


def _held_out(count: int, share: float) -> np.ndarray:
    """Every n-th subject, spread over the ages."""
    held = np.zeros(count, bool)
    if share > 0:
        held[:: round(1 / share)] = True
    return held


def _report(name: str, components: Components, maps: np.ndarray, held_out: np.ndarray) -> None:
    steps = sorted({26, 80, 150, len(components.modes)} & set(range(len(components.modes) + 1)))
    sets = {"fitted": maps[~held_out], "held out": maps[held_out]}
    for label, values in sets.items():
        if len(values):
            shares = components.explained(values, steps)
            print(f"{name:10} {label:9}", " ".join(f"{n} modes {share:.3f}" for n, share in shares.items()))


def _report_file(path: Path, mask: np.ndarray, components: dict[str, Components], coefficients: Maps) -> None:
    import torch

    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, {int(mask.sum())} of {mask.size} texels")
    stored = DetailBasis.load(path)
    for name in NAMES:
        values = torch.from_numpy(coefficients[name].astype(np.float32))
        exact = components[name].mean + coefficients[name] @ components[name].modes
        error = getattr(stored, name)(values).numpy()[:, mask] - exact
        rms, most = np.sqrt((error**2).mean()), np.abs(error).max()
        print(f"{name:10} quantisation error {rms:.4f} mm rms, {most:.3f} mm at most")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--static", type=int, default=300, help="modes of static detail")
    parser.add_argument("--dynamic", type=int, default=80, help="modes each of compressed and stretched detail")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--held-out", type=float, default=0.1, help="share of the subjects kept out of the fit")
    parser.add_argument("--source", default="generated by tools/build_captures.py", help="stated in the file")
    parser.add_argument("--face-model", default="face_model.safetensors")
    return parser.parse_args()


if __name__ == "__main__":
    main()
