"""`hiface evaluate hardship`."""

from __future__ import annotations

from pathlib import Path

from hiface.cli.evaluate.sections import progress, show_sections


def hardship(
    *,
    data: Path,
    out: Path,
    shards: Path | None = None,
    weights: str = "hiface.safetensors",
    device: str = "auto",
    count: int = 120,
    faces: int = 1000,
) -> None:
    """How landmarks and shape fare under sunglasses, masks, hats, hands, low light, few pixels, blur, JPEG, and yaw.

    Things are drawn over validation photos in four strengths; light, size, blur and compression change the photo.
    Writes hardship.json, tables, curves (extra `evaluate`) and hardship_sheet.jpg: photos beside themselves with the
    mesh.

    Parameters
    ----------
    data
        Folder that holds the labelled packs fairface, more and portraits.
    out
        Folder for the results. A stopped run goes on there; rulers share its answers.
    shards
        Folder of drawn faces that training has not seen (`hiface synth`), for the curves against yaw.
    weights
        A weight file; the shipped one unless given.
    device
        "auto", "cpu" or "cuda".
    count
        Photos with less than 20 degrees of yaw, evenly spaced over the validation parts. Each is answered 34 times.
    faces
        Drawn faces.
    """
    from hiface.evaluate.answers import AnswerCache
    from hiface.evaluate.hardship_report import hardship_report
    from hiface.model import load

    model = load(weights, device)
    cache = AnswerCache.of(model, out / "answers")
    with progress() as told:
        sections = hardship_report(model, data, out, cache, count, shards, faces, told)
    show_sections(sections)
