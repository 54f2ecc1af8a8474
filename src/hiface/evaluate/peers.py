"""Other programs' output folders as the benchmarks want them: one mesh a picture, under the picture's name.

Layouts as the programs' own demos write them. Topologies: REALY's repository holds templates and keypoints of FLAME,
FLAME_detail, Deep3D, 3DDFA_v2, BFM09 and HIFI3D; `hiface evaluate keypoints` makes any other pair.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hiface.assets.format import unknown_name, write_atomically
from hiface.errors import ConfigError, MeshError


@dataclass(frozen=True)
class Layout:
    """Where a program puts its meshes."""

    pattern: str
    """Path below its output folder; `{name}` is the picture's name without ending."""
    topology: str
    """Of the benchmark's pairs, or ours."""


LAYOUTS: Mapping[str, Layout] = {
    "deca": Layout("{name}/{name}.obj", "FLAME"),
    "deca-detail": Layout("{name}/{name}_detail.obj", "FLAME_detail"),
    "deep3d": Layout("epoch_*/{name}.obj", "Deep3D"),
    "3ddfa-v2": Layout("{name}_obj.obj", "3DDFA_v2"),
    "mica": Layout("{name}/mesh.obj", "FLAME"),
    "hrn": Layout("{name}/{name}_0_hrn_mid_mesh.obj", "Deep3D"),
    "mediapipe": Layout("{name}.obj", "mediapipe"),
    "ict": Layout("{name}.obj", "made with `hiface evaluate keypoints`"),
    "hiface-coarse": Layout("{name}/coarse.obj", "hiface"),
}
"""Ours is what `hiface reconstruct` writes for pictures with one face."""


def collect(folder: Path, layout: str, out: Path) -> int:
    """Copies a program's meshes to `out`/<picture>.obj; returns how many.

    layout: a name of `LAYOUTS`, or a pattern of one's own with `{name}`. Raises `ConfigError` for an unknown layout and
    `MeshError` where nothing matches, or one picture has two meshes.
    """
    pattern = LAYOUTS[layout].pattern if layout in LAYOUTS else layout
    if "{name}" not in pattern:
        raise ConfigError(unknown_name(layout, LAYOUTS, "layout") + "; or give a pattern with {name}")
    found: dict[str, Path] = {}
    for path in sorted(folder.glob(pattern.replace("{name}", "*"))):
        match = _expression(pattern).fullmatch(path.relative_to(folder).as_posix())
        if match is None:
            continue
        name = match["name"]
        if name in found:
            raise MeshError(f"{path}: {found[name]} is a mesh of the same picture; give the folder of one run")
        found[name] = path
    if not found:
        raise MeshError(f"{folder}: expected meshes as {pattern}, found none; give the program's own output folder")
    for name, path in found.items():
        write_atomically(out / f"{name}.obj", partial(shutil.copyfile, path))
    return len(found)


def _expression(pattern: str) -> re.Pattern[str]:
    """`{name}` matches a name once and the same one afterwards; `*` any part of one folder's or file's name."""
    parts = re.split(r"(\{name\}|\*)", pattern)
    seen, text = False, ""
    for part in parts:
        if part == "{name}":
            text += "(?P=name)" if seen else "(?P<name>[^/]+)"
            seen = True
        else:
            text += "[^/]*" if part == "*" else re.escape(part)
    return re.compile(text)
