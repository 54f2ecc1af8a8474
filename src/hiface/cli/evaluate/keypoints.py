"""`hiface evaluate keypoints`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console


def keypoints(template: Path, /, *, landmarks: Path, out: Annotated[Path, Parameter(alias="-o")]) -> None:
    """REALY's 85 keypoints of any topology, from seven landmarks on its template, with a picture to check by eye.

    Our annotated mean face is laid over the template; the 85 places go to the template's surface beside it.

    Parameters
    ----------
    template
        A mesh of the topology (.obj or .ply), neutral, in any unit and pose.
    landmarks
        Text file, a line each of "x y z" or of a vertex number from 0: right outer and inner eye corner, left inner and
        outer, nose base, right and left mouth corner (right is the subject's); or all 68 in iBUG order.
    out
        File to write, as the benchmark takes it; the picture gets its name and .png.
    """
    from hiface.assets.format import write_atomically
    from hiface.convert.ours import Ours
    from hiface.evaluate.pictures import points_picture
    from hiface.evaluate.readers import read_mesh
    from hiface.evaluate.register import read_places, register
    from hiface.evaluate.topologies import shipped
    from hiface.evaluate.writers import write_png

    mesh = read_mesh(template)
    found = register(Ours.load(), shipped("hiface"), mesh, read_places(mesh, landmarks))
    rows = [[int(t), float(a), float(b)] for t, a, b in found.table]
    write_atomically(out, lambda path: path.write_text(json.dumps(rows)))
    picture = write_png(out.with_suffix(".png"), points_picture(mesh, found.anchors.on(mesh.vertices)))
    Console().print(f"{out}\n{picture}: look at it before you trust the keypoints", highlight=False)
