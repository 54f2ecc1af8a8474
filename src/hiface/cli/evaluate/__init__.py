"""`hiface evaluate`: figures that can be had again; one file a ruler."""

from __future__ import annotations

from cyclopts import App

from hiface.cli.evaluate.consistency import consistency
from hiface.cli.evaluate.decoupling import decoupling
from hiface.cli.evaluate.drawn import drawn
from hiface.cli.evaluate.fairness import fairness
from hiface.cli.evaluate.jitter import jitter
from hiface.cli.evaluate.landmarks import landmarks

app = App(name="evaluate", help="Measure a model: on labelled photos, and on drawn faces with their exact truth.")

for ruler in (landmarks, jitter, consistency, decoupling, fairness, drawn):
    app.command(ruler)
