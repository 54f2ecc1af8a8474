"""SD-DeTail on coefficients that the network never made (Fig. 6 of the paper)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from hiface.errors import AssetError
from hiface.export.folder import COEFFICIENTS, load_folder
from hiface.fit.photometric import coefficients_of
from hiface.fit.points import PointField
from hiface.fit.solve import Gaussian, View, solve
from hiface.fit.start import Start, start_of_network
from hiface.model import HiFace, PhotoLike, Reconstruction
from hiface.reconstructor import Reconstructor
from hiface.refine import MESH_POINTS
from hiface.types import Coefficients

_HELD = 1e-4
"""Standard deviation of what is given: as good as fixed."""
_LOOSE = 1.0


def decorate(model: HiFace, coefficients: str | Path, image: PhotoLike) -> Reconstruction:
    """Given shape and expression with the static detail φ that the network sees in `image`.

    `coefficients`: a folder of ours, whose photo, pose and camera stay; or a safetensors file with `identity` and
    `expression` (and perhaps `albedo`), which is posed to the points that the network sees in `image`. Raises
    `AssetError` for a file that does not fit the face model.
    """
    path = Path(coefficients)
    start = start_of_network(model, image)
    if path.is_dir():
        own = load_folder(model, path)
        metric = own.millimetre_factor, own.metric_assumption
        static = start.coefficients.static.cpu()
        return model.assemble(own.photo, own.box, replace(own.coefficients, static=static), metric)
    given = _read(path, model.reconstructor)
    posed = _posed(model, start, given)
    return model.assemble(
        start.photo, start.box, posed, model._metric(posed, None), landmark_sigma=start.landmark_sigma
    )


def _read(path: Path, model: Reconstructor) -> dict[str, Tensor]:
    sizes = {
        "identity": model.face.identity_size, "expression": model.face.expression_size, "albedo": model.albedo.size,
    }  # fmt: skip
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise AssetError(f"{path}: cannot be read ({error}); expected {COEFFICIENTS} or a file like it") from error
    given: dict[str, Tensor] = {}
    for name, size in sizes.items():
        if name in tensors:
            given[name] = tensors[name].float().reshape(-1)
            if len(given[name]) != size:
                raise AssetError(f"{path}: {name} has {len(given[name])} numbers, this face model has {size}")
    missing = {"identity", "expression"} - given.keys()
    if missing:
        raise AssetError(f"{path}: expected identity and expression of our face model; {sorted(missing)} missing")
    return given


def _posed(model: HiFace, start: Start, given: dict[str, Tensor]) -> Coefficients:
    """The start with what is given, turned and placed to the points that the network sees."""
    identity, expression = (given[n].double().to(model.device) for n in ("identity", "expression"))
    rest = start.rest()
    rest[: len(expression)] = expression
    precision = torch.full_like(rest, _LOOSE**-2)
    precision[: len(expression)] = _HELD**-2
    xy, sigma = start.seen_xy[:MESH_POINTS].double(), start.seen_sigma[:MESH_POINTS].double()
    field = PointField.of(model.face, "mediapipe478", MESH_POINTS)
    view = View(field, xy, sigma**-2, Gaussian(rest, precision))
    held = Gaussian(identity, torch.full_like(identity, _HELD**-2))
    found = solve([view], held, (identity, [rest]))
    first = start.coefficients
    if "albedo" in given:
        first = replace(first, albedo=given["albedo"][None].to(model.device))
    return coefficients_of(model.reconstructor, first, identity, torch.cat([expression, found.rest[0][-6:]]))
