"""`hiface convert-model`: somebody else's face model as a file of ours."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

from hiface.errors import ConfigError

log = logging.getLogger(__name__)


def convert_model(
    source: Path,
    /,
    *,
    out: Path,
    kind: Literal["auto", "ict", "gnm", "flame", "bfm2009", "bfm2017", "bfm2019"] = "auto",
    landmarks: list[Path] | None = None,
    uv: str = "ours",
    identity: int | None = None,
    expression: int | None = None,
    detail_basis: Path | None = None,
    albedo: Path | None = None,
    picture: Path | None = None,
) -> None:
    """Convert a face model to a file that `hiface train --face-model` takes (docs/face_model_format.md).

    What the source lacks is carried over from the shipped model, which is laid on its mean face. A pickle is never
    opened: docs/face_model_format.md says how to make an npz of it.

    Parameters
    ----------
    source
        .npz or .safetensors (FLAME, GNM, ICT), .mat (BFM 2009), .h5 (BFM 2017, 2019), or ICT's folder of OBJ files.
    out
        Face model to write, .safetensors.
    kind
        What the source is; "auto" tells by its keys.
    landmarks
        Files of landmarks on the source; they guide the registration and are taken as they are.
    uv
        "ours" carries our layout over, so that the shipped detail and albedo fit; "model" keeps the source's;
        "cylinder" unwraps about the head's axis; or an OBJ with the source's vertices and UVs.
    identity
        Identity modes to keep; all unless given.
    expression
        Expression modes to keep beside named units; all unless given.
    detail_basis
        Detail basis to write for UVs that are not ours.
    albedo
        Albedo to write for UVs that are not ours.
    picture
        PNG to write: the mean face with its landmarks, modes at -3 and +3, units.
    """
    from hiface.convert.build import Options
    from hiface.convert.build import convert_model as convert
    from hiface.convert.carry import carry_albedo, carry_detail_basis
    from hiface.face.model import FaceModel

    if out.suffix != ".safetensors":
        raise ConfigError(f"{out}: a face model ends with .safetensors; choose such a name for --out")
    options = Options(kind, tuple(landmarks or ()), uv, identity, expression)
    done = convert(source, out, options)
    face = FaceModel.load(out)
    for path, carry in ((detail_basis, carry_detail_basis), (albedo, carry_albedo)):
        if path is None:
            continue
        if done.found is None or uv == "ours":
            raise ConfigError(f"{path}: the shipped maps fit {out} as they are; leave this option away")
        carry(done.found, face, path)
        log.info("%s", path)
    if picture is not None:
        _draw(face, picture, detail_basis, albedo)
    for line in _told(done.meta["conversion"]):
        log.info(line)
    log.info(
        "%s: %d vertices, %d identity modes, %d expressions, UV layout %s",
        out, len(face.mean), face.identity_size, face.expression_size, face.uv_layout,
    )  # fmt: skip


def _draw(face, picture: Path, detail_basis: Path | None, albedo: Path | None) -> None:  # type: ignore[no-untyped-def]
    from dataclasses import replace

    from hiface.convert.picture import model_sheet
    from hiface.detail.basis import DetailBasis
    from hiface.export.maps import write_png8
    from hiface.export.portrait import Studio
    from hiface.face.albedo import AlbedoModel
    from hiface.face.asset import OUR_LAYOUT

    studio = replace(Studio.load(), face=face)
    if detail_basis is not None:
        studio = replace(studio, basis=DetailBasis.load(detail_basis))
    if albedo is not None:
        studio = replace(studio, albedo=AlbedoModel.load(albedo))
    textured = face.uv_layout == OUR_LAYOUT or (detail_basis is not None and albedo is not None)
    write_png8(picture, model_sheet(studio, textured=textured))
    log.info("%s", picture)


def _told(conversion: dict[str, object]) -> list[str]:
    """What was measured and what was made up, a line each."""
    lines = []
    for name, value in conversion.items():
        if isinstance(value, list):
            value = f"{len(value)}: {', '.join(map(str, value[:6]))}{' ...' if len(value) > 6 else ''}" if value else ""
        if value:
            lines.append(f"{name.replace('_', ' ')}: {value}")
    return lines
