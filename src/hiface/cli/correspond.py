"""`hiface correspond`: a template of another topology registered with our face."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from hiface.errors import ConfigError

log = logging.getLogger(__name__)


def correspond(
    template: Path,
    /,
    *,
    out: Annotated[Path, Parameter(alias="-o")],
    kind: Literal["auto", "flame", "bfm", "gnm", "ict", "other"] = "auto",
    landmarks: Path | None = None,
    picture: Path | None = None,
) -> None:
    """Register a template mesh with our face and write what `hiface detail --correspondence` needs.

    The template is the neutral mean of a face model, or any neutral face of its topology. Once a topology.
    Without landmarks it must stand upright and look along +z; mm, cm, dm or m are told apart by its size.

    Parameters
    ----------
    template
        .obj or .ply; its vertices in the order that later meshes have.
    out
        Correspondence to write, .safetensors (docs/detail_on_meshes.md lists its fields).
    kind
        What the template is; "auto" tells FLAME, BFM and ICT-FaceKit by their number of vertices.
    landmarks
        Text with the numbers of 7 vertices (right eye's outer and inner corner, left eye's inner and outer, nose base,
        right and left mouth corner; right is the subject's), of 51 or of 68 (iBUG); or a FLAME embedding as .npz.
    picture
        PNG to write: the template, our face laid on it, and the distance between them.
    """
    from hiface.convert.ours import Ours
    from hiface.transfer import correspond as registration
    from hiface.transfer.marks import read_marks
    from hiface.transfer.meshes import read_given

    if out.suffix != ".safetensors":
        raise ConfigError(f"{out}: a correspondence ends with .safetensors; choose such a name for --out")
    mesh, ours = read_given(template), Ours.load()
    marks = None if landmarks is None else read_marks(mesh, landmarks)
    log.info("%s: %d vertices; registering takes about ten seconds of processor time", template, len(mesh.vertices))
    done = registration.correspond(ours, mesh, kind, marks)
    done.file.write(out)
    if picture is not None:
        _draw(ours, mesh, done, picture)
    figures = done.file.figures
    log.info(
        "%s: %s, unit %s; on the face our skin lies %.2f mm from it (median), %.2f mm (95 %%), %d triangles flipped,"
        " %.0f %% of the face covered",
        out, done.file.kind, done.file.unit, figures["median_mm"], figures["p95_mm"], figures["flipped"],
        100 * figures["covered"],
    )  # fmt: skip


def _draw(ours, mesh, done, picture: Path) -> None:  # type: ignore[no-untyped-def]
    from hiface.convert.source import facing_out
    from hiface.export.maps import write_png8
    from hiface.geometry.topology import triangulate
    from hiface.transfer.picture import registration_picture

    face = ours.triangles[ours.narrow[ours.triangles].all(1)]
    theirs = triangulate(facing_out(mesh.polygons, done.template))
    write_png8(picture, registration_picture(done.template, theirs, done.skin, face))
    log.info("%s", picture)
