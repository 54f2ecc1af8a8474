"""`hiface sample` and `hiface modes`: pictures of what the face model knows."""

from __future__ import annotations

from pathlib import Path


def sample(
    *,
    out: Path,
    grid: str = "6x6",
    seed: int = 0,
    look: str = "skin",
    expressive: bool = False,
    side: int = 256,
    face_model: str = "face_model.safetensors",
    albedo: str = "albedo.safetensors",
    detail_basis: str = "detail_basis.safetensors",
) -> None:
    """Draw random people of the face model as a contact sheet.

    The same seed gives the same people in every look.

    Parameters
    ----------
    out
        PNG to write.
    grid
        ROWSxCOLUMNS.
    seed
        Another seed, other people.
    look
        "skin" or "clay".
    expressive
        Give each an expression.
    side
        Pixels of a portrait.
    face_model
        A shipped face model's name or a file of yours.
    albedo
        The same of an albedo.
    detail_basis
        The same of a detail basis.
    """
    from hiface.export.maps import write_png8
    from hiface.export.portrait import Studio, grid_size, people_sheet

    rows, columns = grid_size(grid)
    write_png8(
        out, people_sheet(Studio.load(face_model, albedo, detail_basis), rows, columns, seed, look, expressive, side)
    )


def modes(
    *,
    out: Path,
    kind: str = "identity",
    count: int = 8,
    deviations: float = 3.0,
    side: int = 256,
    face_model: str = "face_model.safetensors",
    albedo: str = "albedo.safetensors",
    detail_basis: str = "detail_basis.safetensors",
) -> None:
    """Draw the first modes of the face model: minus, none and plus so many standard deviations.

    Parameters
    ----------
    out
        PNG to write.
    kind
        "identity", "expression" (units at 0, half and full weight), "albedo" or "static" (detail).
    count
        Modes.
    deviations
        Standard deviations to each side.
    side
        Pixels of a portrait.
    face_model
        A shipped face model's name or a file of yours.
    albedo
        The same of an albedo.
    detail_basis
        The same of a detail basis.
    """
    from hiface.export.maps import write_png8
    from hiface.export.portrait import Studio, modes_sheet

    write_png8(out, modes_sheet(Studio.load(face_model, albedo, detail_basis), kind, count, deviations, side))
