"""`hiface detail`: the detail of a photo on anybody's coefficients, weights or mesh."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from hiface.errors import ConfigError
from hiface.model import HiFace, load

log = logging.getLogger(__name__)

_MESHES, _WEIGHTS = (".obj", ".ply"), (".json", ".csv")


def detail(
    source: Path,
    /,
    *,
    image: Path,
    out: Annotated[Path, Parameter(alias="-o")],
    correspondence: Path | None = None,
    neutral: Path | None = None,
    unit: Literal["auto", "mm", "cm", "dm", "m"] = "auto",
    level: int | None = None,
    uv_side: int = 1024,
    frame: int = 0,
    device: str = "auto",
    weights: str = "hiface.safetensors",
) -> None:
    """Put the static detail that the network sees in a photo on a mesh, on coefficients or on ARKit weights.

    Dynamic detail follows the given expression. Of a mesh: detail.obj (its surface, subdivided and displaced),
    coarse.obj, maps/ in our UVs and in its own, overview.png and detail.json. Of coefficients and weights: what
    `hiface reconstruct` writes. docs/detail_on_meshes.md has the whole.

    Parameters
    ----------
    source
        A mesh (.obj or .ply) of our topology, of ICT-FaceKit's, or of another with --correspondence; or 52 weights
        (.json or .csv, of `hiface track`, Live Link Face or {name: weight}) for the face of the photo; or a
        safetensors file with `identity` and `expression` of our face model; or a folder that `hiface reconstruct` or
        `hiface fit` wrote.
    image
        The photo that shows the skin.
    out
        Folder for the result; made if missing.
    correspondence
        What `hiface correspond` made of the mesh's template: for FLAME, BFM, GNM and any other topology.
    neutral
        The same mesh without expression; without it, it is estimated.
    unit
        What the mesh measures in; "auto" tells by the size of the face.
    level
        How often the mesh is split; by the length of its edges unless given.
    uv_side
        Side of the maps in the mesh's own UVs, texels.
    frame
        Which frame of a file of weights; counted from 0.
    device
        "auto", "cpu" or "cuda".
    weights
        A weight file; the shipped one unless given.
    """
    suffix = source.suffix.lower()
    if suffix not in _MESHES and (correspondence is not None or neutral is not None):
        raise ConfigError(f"{source}: --correspondence and --neutral go with a mesh (.obj or .ply); leave them out")
    model = load(weights, device)
    if suffix in _MESHES:
        _of_mesh(model, source, image, out, (correspondence, neutral), unit, level, uv_side)
    elif suffix in _WEIGHTS:
        from hiface.transfer.decorate import of_weights
        from hiface.transfer.weights import read_weights

        expression = read_weights(source, model.face, frame)
        log.info("%s", of_weights(model, expression, image).save(out))
    else:
        from hiface.fit.decorate import decorate

        log.info("%s", decorate(model, source, image).save(out))


def _of_mesh(
    model: HiFace, source: Path, image: Path, out: Path, others: tuple[Path | None, Path | None], unit: str,
    level: int | None, uv_side: int,
) -> None:  # fmt: skip
    from hiface.transfer.decorate import mesh_detail
    from hiface.transfer.folder import write_detail

    found = mesh_detail(model, source, image, *others, unit=unit)
    log.info(
        "%s: its unit is taken for %s (%.4g mm); identity and expression meet it to %.2f mm (median, face)",
        source, found.unit.name, found.unit.mm, found.fit.residual_mm * found.face.millimetre_factor,
    )  # fmt: skip
    if found.correspondence is not None and not found.mesh.has_uv:
        log.info("%s: has no UVs, so its maps are in ours alone", source)
    log.info("%s", write_detail(found, out, level, uv_side))
