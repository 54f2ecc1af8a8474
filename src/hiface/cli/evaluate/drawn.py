"""`hiface evaluate drawn`."""

from __future__ import annotations

from pathlib import Path

from hiface.assets.format import json_text, write_atomically
from hiface.cli.evaluate.show import show


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
    show(f"{shards}", [{"figure": k, "value": v if isinstance(v, int) else f"{v:.3f}"} for k, v in report.items()])
    regions = [
        {
            "group": name.removeprefix("realy_"),
            "coarse, mm": f"{errors.coarse[:, k].mean():.4f}",
            "detailed, mm": f"{errors.detailed[:, k].mean():.4f}",
            "detailed nearer, % of faces": f"{100 * (errors.detailed[:, k] < errors.coarse[:, k]).mean():.0f}",
        }
        for k, name in enumerate(REGIONS)
    ]
    show("Surface, along the normal, each region aligned by itself", regions)
    if out is not None:
        value = {**report, "regions": regions}
        write_atomically(out, lambda path: path.write_text(json_text(value)))
