"""`hiface evaluate`: figures that can be had again."""

from __future__ import annotations

import json
from pathlib import Path

from cyclopts import App
from rich.console import Console
from rich.table import Table

from hiface.assets.format import json_text, write_atomically

app = App(name="evaluate", help="Measure a model: landmarks on labelled photos.")


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


def _show(title: str, rows: list[dict[str, object]]) -> None:
    shown = Table(title=title)
    for name in rows[0]:
        shown.add_column(name, justify="left" if name == "group" else "right")
    for row in rows:
        shown.add_row(*(str(v) for v in row.values()))
    Console().print(shown)
