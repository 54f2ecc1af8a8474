"""`hiface evaluate wrinkles`."""

from __future__ import annotations

from pathlib import Path

from hiface.cli.evaluate.sections import progress, show_sections


def wrinkles(
    *,
    data: Path,
    out: Path,
    weights: str = "hiface.safetensors",
    device: str = "auto",
    detail_basis: str = "detail_basis.safetensors",
) -> None:
    """Wrinkles against age, over one person's expressions, under a frown, and what Eq. 6 keeps of dynamic maps.

    Detail against the coarse face on drawn people is in `hiface evaluate drawn`.

    Parameters
    ----------
    data
        Folder that holds the labelled pack portraits.
    out
        Folder for wrinkles.json, tables and pictures. A stopped run goes on there; rulers share its answers.
    weights
        A weight file; the shipped one unless given.
    device
        "auto", "cpu" or "cuda".
    detail_basis
        The detail basis that the weights belong to, with the coefficients of its captures.
    """
    from hiface.detail.people import Captures
    from hiface.evaluate.answers import AnswerCache
    from hiface.evaluate.wrinkles_report import wrinkle_report
    from hiface.model import load

    model, captures = load(weights, device, detail_basis=detail_basis), Captures.load(detail_basis)
    with progress() as told:
        cache = AnswerCache.of(model, out / "answers")
        sections = wrinkle_report(model, captures, data, out, cache, on_progress=told)
    show_sections(sections)
