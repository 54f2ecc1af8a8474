"""`hiface evaluate`: figures that can be had again; one file a ruler."""

from __future__ import annotations

from cyclopts import App

app = App(name="evaluate", help="Measure a model, or anybody's meshes: REALY, NoW, an open benchmark, photos.")

# By name, so that meshes are judged without importing torch.
app.command("hiface.cli.evaluate.realy:realy")
app.command("hiface.cli.evaluate.now:now")
app.command("hiface.cli.evaluate.keypoints:keypoints")
app.command("hiface.cli.evaluate.collect:collect")
app.command("hiface.cli.evaluate.open:open_benchmark", name="open")
app.command("hiface.cli.evaluate.landmarks:landmarks")
app.command("hiface.cli.evaluate.jitter:jitter")
app.command("hiface.cli.evaluate.hardship:hardship")
app.command("hiface.cli.evaluate.consistency:consistency")
app.command("hiface.cli.evaluate.decoupling:decoupling")
app.command("hiface.cli.evaluate.wrinkles:wrinkles")
app.command("hiface.cli.evaluate.fairness:fairness")
app.command("hiface.cli.evaluate.drawn:drawn")
app.command("hiface.cli.evaluate.ablation:ablation")
app.command("hiface.cli.evaluate.ingredients:ingredients")
app.command("hiface.cli.evaluate.parser:parser")
