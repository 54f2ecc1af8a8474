"""`hiface evaluate fairness`."""

from __future__ import annotations

from pathlib import Path

from hiface.cli.evaluate.sections import progress, show_sections


def fairness(
    *,
    data: Path,
    out: Path,
    weights: str = "hiface.safetensors",
    device: str = "auto",
    count: int = 120,
) -> None:
    """Every ruler's figure by age, gender and race with intervals, and whether the largest gap is beyond chance.

    Parameters
    ----------
    data
        Folder that holds the labelled packs fairface, more and portraits.
    out
        Folder for fairness.json, tables and pictures. A stopped run goes on there; rulers share its answers.
    weights
        A weight file; the shipped one unless given.
    device
        "auto", "cpu" or "cuda".
    count
        Photos that are jittered, evenly spaced over the validation parts; the same as for `jitter` reuses its answers.
    """
    from hiface.evaluate.answers import AnswerCache
    from hiface.evaluate.fairness import fairness_report
    from hiface.model import load

    model = load(weights, device)
    with progress() as told:
        sections = fairness_report(model, data, out, AnswerCache.of(model, out / "answers"), count, on_progress=told)
    show_sections(sections)
