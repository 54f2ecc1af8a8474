"""A source file to a face model file: everything that `hiface convert-model` does but the maps and the picture."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hiface.assets.format import Array, quantise, write_asset
from hiface.convert import ict, rig
from hiface.convert.correspondence import Correspondence
from hiface.convert.kinds import READERS, kind_of
from hiface.convert.landmarks import read_known_points
from hiface.convert.layout import Layout, lay_out
from hiface.convert.mirror import mirror_vertices
from hiface.convert.ours import Ours
from hiface.convert.points import landmark_sets
from hiface.convert.register import THOROUGH, Schedule
from hiface.convert.source import SourceModel
from hiface.convert.units import NamedUnits, arkit_units
from hiface.convert.unwrap import Unwrapped, unwrap
from hiface.face.asset import SCHEMA
from hiface.face.model import FaceModel

log = logging.getLogger(__name__)
PARENTS = (-1, 0, 1, 1)


@dataclass(frozen=True)
class Options:
    """What a user may choose."""

    kind: str = "auto"
    landmarks: tuple[Path, ...] = ()
    uv: str = "ours"
    """"ours", "model", "cylinder", or an OBJ of the source's vertices."""
    identity: int | None = None
    """Modes to keep; None: all."""
    expression: int | None = None
    """Modes without a name to keep; None: all."""


@dataclass(frozen=True)
class Converted:
    """A written file, and what carrying maps over to it needs; ICT needs nothing."""

    path: Path
    meta: dict[str, Any]
    found: Correspondence | None
    layout: Layout | None


def convert_model(
    source: Path,
    out: Path,
    options: Options | None = None,
    ours: Ours | None = None,
    schedule: Schedule = THOROUGH,
) -> Converted:
    """Convert `source` and write `out`. Raises `AssetError` and `ConfigError` that say what is wrong and the cure."""
    options = options or Options()
    kind = kind_of(source, options.kind)
    if kind == "ict":
        tensors, meta = ict.convert(source)
        write_asset(out, SCHEMA, tensors, meta)
        return Converted(out, meta, None, None)
    model = _shortened(READERS[kind](source), options)
    triangles = model.embedding_triangles()
    model = model.with_points(*(read_known_points(p, triangles, len(model.mean)) for p in options.landmarks))
    return convert_source(model, out, options.uv, ours or Ours.load(), source.name, schedule)


def convert_source(
    model: SourceModel, out: Path, uv: str, ours: Ours, name: str, schedule: Schedule = THOROUGH
) -> Converted:
    """The same from a model in memory."""
    log.info("%s: %d vertices, laying our face on its mean", name, len(model.mean))
    found = Correspondence.find(ours, model, schedule)
    unwrapped, units = unwrap(found, uv), arkit_units(found)
    layout = lay_out(model, unwrapped)
    tensors, estimated = _tensors(found, layout, units)
    meta = _meta(found, layout, units, unwrapped, estimated, name)
    write_asset(out, SCHEMA, tensors, meta)
    FaceModel.load(out)  # what was written is what the package reads
    return Converted(out, meta, found, layout)


def _shortened(model: SourceModel, options: Options) -> SourceModel:
    """The first modes, as many as asked for; named units all stay."""
    units = model.units
    unnamed = np.flatnonzero(units.ranges[:, 0] < 0)
    dropped = unnamed[options.expression :] if options.expression is not None else unnamed[:0]
    kept = np.setdiff1d(np.arange(len(units.names)), dropped)
    return replace(model, identity=model.identity[: options.identity], units=units.take(kept))


def _tensors(found: Correspondence, layout: Layout, units: NamedUnits) -> tuple[dict[str, Array], bool]:
    source, order = found.source, layout.vertices
    count = len(source.mean)
    joint_index, joint_weight, estimated = rig.joints(found)
    tensors: dict[str, Array] = {
        "mean": source.mean[order].astype(np.float32),
        "polygons": layout.polygons.astype(np.int32),
        "uv": layout.uv.astype(np.float32),
        "uv_polygons": layout.uv_polygons.astype(np.int32),
        "joint_index": layout.renumbered(joint_index, count).astype(np.int32),
        "joint_weight": joint_weight.astype(np.float32),
        "skin_weights": rig.skin_weights(found)[order].astype(np.float32),
        "region_masks": np.stack([found.region(n)[order] for n in found.ours.face.region_names]).astype(np.uint8),
        "symmetry": mirror_vertices(source.mean[order], found.mid_plane()).astype(np.int32),
        "source_index": order.astype(np.int32),
        "expression_range": units.units.ranges.astype(np.float32),
    }
    tensors["identity"], tensors["identity_scale"] = quantise(source.identity[:, order])
    tensors["expression"], tensors["expression_scale"] = quantise(units.units.offsets[:, order])
    for name, (index, weight) in landmark_sets(found).items():
        tensors[f"landmark_{name}_index"] = layout.renumbered(index, count).astype(np.int32)
        tensors[f"landmark_{name}_weight"] = weight.astype(np.float32)
    return tensors, estimated


def _meta(
    found: Correspondence, layout: Layout, units: NamedUnits, unwrapped: Unwrapped, estimated: bool, name: str
) -> dict[str, Any]:
    source = found.source
    figures = {k: round(v, 3) for k, v in found.registration.figures(found.ours).items() if np.isfinite(v)}
    conversion = {
        "kind": source.kind,
        "registration": figures,
        "joints": "estimated from the shipped model's" if estimated else "the source's",
        "skin_weights": "the source's" if source.skin_weights is not None else "carried over",
        "arkit_own": list(units.own),
        "arkit_carried_over": list(units.carried),
        "arkit_zero": list(units.zero),
        "known_points": [f"{len(p.number)} of {p.numbering}" for p in source.points],
        "notes": list(source.notes),
    }
    licence = source.licence
    if units.carried:
        licence += "; expressions carried over from ICT-FaceKit, MIT, (c) 2020 USC Institute for Creative Technologies"
    return {
        "units": "millimetres",
        "axes": "right-handed, +x the subject's left, +y up, +z out of the face",
        "licence": licence,
        "source": name,
        "expression_names": list(units.units.names),
        "joint_parents": list(PARENTS),
        "parts": layout.parts,
        "skin": layout.skin,
        "region_names": list(found.ours.face.region_names),
        "uv_layout": unwrapped.layout,
        "conversion": conversion,
    }
