"""`hiface evaluate landmarks`."""

from __future__ import annotations

import json
from pathlib import Path

from hiface.assets.format import json_text, write_atomically
from hiface.cli.evaluate.show import show


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
        show(f"{name}, val; {errors.unfound} not found by the detector", report[name])
    if out is not None:
        write_atomically(out, lambda path: path.write_text(json_text(json.loads(json.dumps(report)))))
