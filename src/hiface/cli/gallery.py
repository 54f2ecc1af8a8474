"""`hiface gallery`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.progress import Progress

log = logging.getLogger(__name__)


def gallery(
    photos: list[Path] | None = None,
    /,
    *,
    out: Annotated[Path, Parameter(alias="-o")],
    data: Path | None = None,
    seed: int = 10,
    weights: str = "hiface.safetensors",
    detail_basis: str = "detail_basis.safetensors",
    device: str = "auto",
) -> None:
    """Draw the paper's figures with this model: a person of the captures, and photos of yours or open ones.

    Writes to OUT: detail_composition.jpg (Fig. 3), detail_ages.jpg, detail_expressions.jpg, and of photos
    gallery_animated.jpg (Fig. 1), gallery_faces.jpg (Fig. 5), gallery_fitted.jpg (Fig. 6; needs --data, whose photos
    have landmarks), gallery_transfer.jpg (Fig. 7; needs two photos or more), and credits.txt.

    Parameters
    ----------
    photos
        Up to five photos; those after the first also lend it their expressions and wrinkles.
    out
        Folder for the figures; made if missing.
    data
        Folder that holds the labelled pack portraits: the figures of the documentation.
    seed
        Another seed, another person of the captures.
    weights
        A weight file; the shipped one unless given.
    detail_basis
        The detail basis that the weights belong to, with the coefficients of its captures.
    device
        "auto", "cpu" or "cuda".
    """
    from hiface.assets.format import write_atomically
    from hiface.detail.people import Captures
    from hiface.gallery import model_figures, photo_figures
    from hiface.gallery.photos import cast_of_data, cast_of_photos
    from hiface.gallery.sculptor import Sculptor
    from hiface.gallery.sheets import Picture, write_figure
    from hiface.model import load
    from hiface.photo.read import find_photos

    model = load(weights, device, detail_basis=detail_basis)
    person = Sculptor.of(model, Captures.load(detail_basis), seed)
    figures: dict[str, Callable[[], Picture]] = {
        "detail_composition": lambda: model_figures.composition(person),
        "detail_ages": lambda: model_figures.ages(person),
        "detail_expressions": lambda: model_figures.expressions(person),
    }
    if data is not None or photos:
        cast = cast_of_data(data) if data is not None else cast_of_photos(find_photos(photos or []))
        figures["gallery_animated"] = lambda: photo_figures.animated(model, cast.animated)
        figures["gallery_faces"] = lambda: photo_figures.reconstructed(model, cast.faces)
        if cast.fitted:
            figures["gallery_fitted"] = lambda: photo_figures.decorated(model, cast.fitted)
        if cast.source is not None:
            source = cast.source
            figures["gallery_transfer"] = lambda: photo_figures.transferred(model, source, cast.drivers)
        credit = "\n".join(["Photos:", *cast.credits]) + "\n" if cast.credits else "Photos: the user's own.\n"
        write_atomically(out / "credits.txt", lambda p: p.write_text(credit, encoding="utf-8"))
    with Progress(console=Console(stderr=True), transient=True) as bar:
        for name in bar.track(figures, description="figures"):
            log.info("%s", write_figure(out / f"{name}.jpg", figures[name]()))
