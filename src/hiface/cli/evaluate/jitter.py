"""`hiface evaluate jitter`."""

from __future__ import annotations

from pathlib import Path

from hiface.cli.evaluate.sections import progress, show_sections


def jitter(
    *,
    data: Path,
    out: Path,
    weights: str = "hiface.safetensors",
    device: str = "auto",
    count: int = 120,
) -> None:
    """How far the answer moves when the same face is seen shifted, sized, turned, mirrored, compressed or small.

    Parameters
    ----------
    data
        Folder that holds the labelled packs fairface, more and portraits.
    out
        Folder for jitter.json, tables and pictures. A stopped run goes on there; rulers share its answers.
    weights
        A weight file; the shipped one unless given.
    device
        "auto", "cpu" or "cuda".
    count
        Photos, evenly spaced over the validation parts.
    """
    from hiface.evaluate.answers import AnswerCache
    from hiface.evaluate.jitter_report import jitter_report
    from hiface.model import load

    model = load(weights, device)
    with progress() as told:
        sections = jitter_report(model, data, out, AnswerCache.of(model, out / "answers"), count, on_progress=told)
    show_sections(sections)
