"""`hiface evaluate`: figures that can be had again; one file a ruler."""

from __future__ import annotations

from cyclopts import App

app = App(name="evaluate", help="Measure a model: on labelled photos, and on drawn faces with their exact truth.")

# By name, so that meshes are judged without importing torch.
app.command("hiface.cli.evaluate.landmarks:landmarks")
app.command("hiface.cli.evaluate.jitter:jitter")
app.command("hiface.cli.evaluate.consistency:consistency")
app.command("hiface.cli.evaluate.decoupling:decoupling")
app.command("hiface.cli.evaluate.fairness:fairness")
app.command("hiface.cli.evaluate.drawn:drawn")
