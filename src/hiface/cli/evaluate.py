"""`hiface evaluate`: figures that can be had again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from cyclopts import App
from rich.console import Console
from rich.table import Table

from hiface.assets.format import json_text, write_atomically

app = App(name="evaluate", help="Measure a model: landmarks on labelled photos, shape and detail on drawn faces.")


@app.command
def landmarks(
    *, data: Path, weights: str = "hiface.safetensors", device: str = "auto", out: Path | None = None
) -> None:
    """Landmark errors on the labelled packs, by age, gender, race and yaw.

    Parameters
    ----------
    data
        Folder that holds the labelled packs fairface, more and portraits.
    weights
        A weight file; the shipped one unless given.
    device
        "auto", "cpu" or "cuda".
    out
        JSON file to write the tables to.
    """
    from hiface.evaluate.landmarks import landmark_errors, table
    from hiface.model import load

    model = load(weights, device)
    report = {}
    for name, packs in {"fairface + more": ("fairface", "more"), "portraits": ("portraits",)}.items():
        errors = landmark_errors(model, data, packs)
        report[name] = table(errors)
        _show(f"{name}, val; {errors.unfound} not found by the detector", report[name])
    if out is not None:
        write_atomically(out, lambda path: path.write_text(json_text(json.loads(json.dumps(report)))))


@app.command
def drawn(*, shards: Path, weights: str = "hiface.safetensors", count: int = 600, out: Path | None = None) -> None:
    """Shape, expression, pose and detail on drawn faces that training has not seen, against their exact truth.

    Parameters
    ----------
    shards
        Folder of shards (`hiface synth`), drawn with a seed, and best with identities, of their own.
    weights
        A weight file; the shipped one unless given.
    count
        Faces.
    out
        JSON file to write the figures to.
    """
    from dataclasses import asdict

    from hiface.model import load
    from hiface.train.assemble import dataset
    from hiface.train.config import TrainConfig
    from hiface.train.drawn import REGIONS, drawn_errors, figures
    from hiface.train.shards import ShardSet

    network = load(weights, "cpu").reconstructor
    data = dataset(TrainConfig(network=network.config), network, ShardSet(shards), None)
    errors = drawn_errors(network, data, count, fitted=True)
    report = {"faces": len(errors.shape), **asdict(figures(errors))}
    _show(f"{shards}", [{"figure": k, "value": v if isinstance(v, int) else f"{v:.3f}"} for k, v in report.items()])
    regions = [
        {
            "group": name.removeprefix("realy_"),
            "coarse, mm": f"{errors.coarse[:, k].mean():.4f}",
            "detailed, mm": f"{errors.detailed[:, k].mean():.4f}",
            "detailed nearer, % of faces": f"{100 * (errors.detailed[:, k] < errors.coarse[:, k]).mean():.0f}",
        }
        for k, name in enumerate(REGIONS)
    ]
    _show("Surface, along the normal, each region aligned by itself", regions)
    if out is not None:
        value = {**report, "regions": regions}
        write_atomically(out, lambda path: path.write_text(json_text(value)))


def _show(title: str, rows: Sequence[Mapping[str, object]]) -> None:
    shown = Table(title=title)
    for name in rows[0]:
        shown.add_column(name, justify="left" if name == "group" else "right")
    for row in rows:
        shown.add_row(*(str(v) for v in row.values()))
    Console().print(shown)
