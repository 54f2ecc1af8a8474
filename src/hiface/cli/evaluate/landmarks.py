"""`hiface evaluate landmarks`."""

from __future__ import annotations

from pathlib import Path

from hiface.cli.evaluate.sections import progress, show_sections


def landmarks(
    *, data: Path, weights: str = "hiface.safetensors", device: str = "auto", out: Path | None = None
) -> None:
    """Landmark errors on the labelled packs, by age, gender, race and yaw, and against points that people placed.

    Parameters
    ----------
    data
        Folder that holds the labelled packs fairface, more and portraits.
    weights
        A weight file; the shipped one unless given.
    device
        "auto", "cpu" or "cuda".
    out
        Folder for landmarks.json, tables, curves and the worst photos. A run that was stopped goes on there.
    """
    import tempfile

    from hiface.evaluate.answers import AnswerCache
    from hiface.evaluate.landmarks_report import landmark_report
    from hiface.model import load

    model = load(weights, device)
    with tempfile.TemporaryDirectory() as nowhere, progress() as told:
        cache = AnswerCache.of(model, Path(nowhere) if out is None else out / "answers")
        sections = landmark_report(model, data, out, cache, told)
    show_sections(sections)
