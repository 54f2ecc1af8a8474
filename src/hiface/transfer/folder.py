"""The files of `hiface detail MESH`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hiface.assets.format import json_text, write_atomically
from hiface.export.folder import COEFFICIENTS, PICTURE, write_coefficients, write_maps
from hiface.export.maps import write_map16, write_png8
from hiface.export.obj import write_obj
from hiface.export.overview import row_of
from hiface.geometry.topology import triangulate
from hiface.photo.crop import crop_pixels
from hiface.transfer.bake import bake
from hiface.transfer.decorate import FineMesh, MeshDetail, fine_mesh
from hiface.transfer.fine import OurMap, places_on_mean, soft_weight
from hiface.transfer.picture import clay_picture

SUMMARY = "detail.json"
UV_SIDE = 1024


def write_detail(found: MeshDetail, folder: str | Path, level: int | None = None, uv_side: int = UV_SIDE) -> Path:
    """Write coarse.obj, detail.obj, maps/, overview.png, coefficients and what was found; returns the folder.

    Raises `OutputError` where it cannot be written.
    """
    folder, mesh = Path(folder), found.mesh
    fine = fine_mesh(found, level)
    flat = (mesh.uv, mesh.uv_polygons) if mesh.has_uv else (None, None)
    write_obj(folder / "coarse.obj", mesh.vertices, mesh.polygons, *flat)
    write_obj(folder / "detail.obj", fine.displaced, fine.polygons, fine.uv, fine.uv_polygons)
    ranges = write_maps(found.face, folder / "maps")
    if mesh.has_uv and found.correspondence is not None:
        ranges |= _write_baked(found, folder / "maps", uv_side)
    write_png8(folder / "overview.png", overview(found, fine))
    write_coefficients(found.face.coefficients, folder / COEFFICIENTS)
    text = json_text(summary(found, fine, ranges))
    write_atomically(folder / SUMMARY, lambda path: path.write_text(text, encoding="utf-8"))
    return folder


def _write_baked(found: MeshDetail, folder: Path, side: int) -> dict[str, dict[str, float]]:
    """Displacement and normals in the mesh's own UVs."""
    assert found.correspondence is not None
    theirs, mesh = found.correspondence.theirs, found.mesh
    baked = bake(
        mesh, found.points_mm(), places_on_mean(found.ours, theirs), soft_weight(theirs, mesh.polygons),
        OurMap.of(found.ours), found.face.detail.displacement, side,
    )  # fmt: skip
    span = write_map16(folder / "displacement_their_uv.png", baked.displacement)
    write_png8(folder / "normal_their_uv.png", baked.normal)
    return {"displacement_their_uv": {"min_mm": span.min_mm, "max_mm": span.max_mm}}


def overview(found: MeshDetail, fine: FineMesh) -> np.ndarray:
    """Photo, their surface, their surface with detail; all as the photo sees the head."""
    seen = found.seen
    crop = crop_pixels(seen.photo.pixels, seen.box, PICTURE)
    place, scale = found.in_our_frame(), float(seen.coefficients.scale[0])
    with_rest = np.concatenate([fine.displaced, found.mesh.vertices])
    faces = np.concatenate([triangulate(fine.polygons), found.inner_triangles() + len(fine.displaced)])
    views = [
        clay_picture(place.apply(vertices), triangles, scale, PICTURE)
        for vertices, triangles in ((found.mesh.vertices, found.triangles()), (with_rest, faces))
    ]
    return row_of([crop, *views], ("photo", "your mesh", "with detail"))


def summary(found: MeshDetail, fine: FineMesh, ranges: dict[str, dict[str, float]]) -> dict[str, object]:
    """What `detail.json` says; plain values."""
    between = found.correspondence
    return {
        "mesh": found.mesh.name,
        "vertices": len(found.mesh.vertices),
        "unit": found.unit.name,
        "mm_per_unit": found.unit.mm,
        "photo": found.seen.photo.name,
        "correspondence": None if between is None else {"file": between.name, "kind": between.kind},
        "subdivision_level": fine.level,
        "displacement_mm": ranges,
        "greatest_displacement_mm": round(float(np.abs(fine.heights_mm).max()), 4),
        "fit_residual_mm": round(found.fit.residual_mm * found.face.millimetre_factor, 4),
        "head_turn_axis_angle": [round(float(x), 5) for x in found.fit.turn],
        "arkit": found.face.arkit,
        "asset_ids": {**found.face.model.reconstructor.asset_ids(), "weights": found.face.model.weights_id},
    }
