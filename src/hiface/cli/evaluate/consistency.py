"""`hiface evaluate consistency`."""

from __future__ import annotations

from pathlib import Path

from hiface.cli.evaluate.sections import progress, show_sections


def consistency(
    *,
    data: Path,
    out: Path,
    weights: str = "hiface.safetensors",
    device: str = "auto",
) -> None:
    """Neutral shape and static map of one person neutral and smiling, against those of different people.

    Parameters
    ----------
    data
        Folder that holds the labelled pack portraits.
    out
        Folder for consistency.json, tables and pictures. A stopped run goes on there; rulers share its answers.
    weights
        A weight file; the shipped one unless given.
    device
        "auto", "cpu" or "cuda".
    """
    from hiface.evaluate.answers import AnswerCache
    from hiface.evaluate.consistency_report import consistency_report
    from hiface.model import load

    model = load(weights, device)
    with progress() as told:
        sections = consistency_report(model, data, out, AnswerCache.of(model, out / "answers"), on_progress=told)
    show_sections(sections)
