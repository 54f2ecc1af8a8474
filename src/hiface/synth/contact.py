"""A contact sheet of drawn faces: what `hiface synth --preview` writes."""

from __future__ import annotations

from pathlib import Path

import cv2

from hiface.assets.format import write_atomically
from hiface.errors import ConfigError
from hiface.synth.assets import load_sources
from hiface.synth.generate import Generator
from hiface.synth.preview import sheet


def write_sheet(out: str | Path, data: str | Path, layout: str, seed: int = 1) -> Path:
    """Draw ROWSxCOLUMNS samples of a seed into one PNG; raises `ConfigError` for another layout."""
    rows, cross, columns = layout.lower().partition("x")
    if not (rows.isdigit() and columns.isdigit() and cross and int(rows) and int(columns)):
        raise ConfigError(f"preview {layout!r}: expected ROWSxCOLUMNS, such as 8x8")
    cv2.setNumThreads(1)
    generator = Generator(load_sources(Path(data)), seed)
    pictures = [generator.sample(k).picture for k in range(int(rows) * int(columns))]
    picture = cv2.cvtColor(sheet(pictures, int(columns)), cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(".png", picture)[1].tobytes()
    return write_atomically(out, lambda path: path.write_bytes(encoded))
