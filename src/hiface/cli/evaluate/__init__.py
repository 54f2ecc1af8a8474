"""`hiface evaluate`: figures that can be had again; one file a ruler."""

from __future__ import annotations

from cyclopts import App

from hiface.cli.evaluate.drawn import drawn
from hiface.cli.evaluate.landmarks import landmarks

app = App(name="evaluate", help="Measure a model: landmarks on labelled photos, shape and detail on drawn faces.")

for ruler in (landmarks, drawn):
    app.command(ruler)
