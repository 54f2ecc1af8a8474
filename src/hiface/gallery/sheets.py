"""Figures put together: cells in a grid with names above columns and beside rows, a line below, small JPEGs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from hiface.assets.format import write_atomically
from hiface.errors import ConfigError

GROUND, INK, FAINT = (24, 25, 27), (212, 214, 218), (150, 152, 156)
LARGEST_BYTES = 340_000
_GAP, _HEAD, _FOOT, _SIDE = 6, 34, 30, 34
"""Pixels: between cells, above them, below them, and beside rows that have names."""
_FINER = 4

Picture = UInt8[np.ndarray, "H W 3"]


def sheet(
    rows: Sequence[Sequence[Picture]],
    columns: Sequence[str] = (),
    names: Sequence[str] = (),
    line: str = "",
) -> Picture:
    """Rows of cells of one height each; `columns` above the first row, `names` beside rows, `line` below. ASCII."""
    if not rows or len({len(r) for r in rows}) > 1 or (columns and len(columns) != len(rows[0])):
        raise ConfigError(f"a figure needs rows of as many cells as it has columns, got {[len(r) for r in rows]}")
    left = _SIDE if names else _GAP
    widths = [cell.shape[1] for cell in rows[0]]
    wide = left + sum(widths) + _GAP * len(widths)
    parts = [_strip(wide, _HEAD if columns else _GAP)]
    for place, width, title in zip(_places(left, widths), widths, columns or [""] * len(widths), strict=True):
        _write(parts[0][:, place : place + width], title, INK)
    for k, row in enumerate(rows):
        band = _strip(wide, row[0].shape[0] + _GAP)
        for place, cell in zip(_places(left, widths), row, strict=True):
            band[: cell.shape[0], place : place + cell.shape[1]] = cell
        if names:
            beside = np.ascontiguousarray(np.rot90(band[: row[0].shape[0], :left], -1))
            _write(beside, names[k], INK)
            band[: row[0].shape[0], :left] = np.rot90(beside)
        parts.append(band)
    if line:
        parts.append(_strip(wide, _FOOT))
        _write(parts[-1], line, FAINT, 0.8)
    return np.concatenate(parts)


def stacked(figures: Sequence[Picture]) -> Picture:
    """Figures under each other, the narrower ones filled up at the right."""
    wide = max(f.shape[1] for f in figures)
    filled = []
    for figure in figures:
        wider = _strip(wide, len(figure))
        wider[:, : figure.shape[1]] = figure
        filled.append(wider)
    return np.concatenate(filled)


def write_figure(path: Path, picture: Picture) -> Path:
    """As a JPEG of at most `LARGEST_BYTES`: quality falls from 90, then the size."""
    for factor in (1.0, 0.85, 0.72, 0.6):
        size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
        smaller = picture if factor == 1 else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        for quality in (90, 85, 80, 75):
            data = cv2.imencode(".jpg", smaller[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
            if len(data) <= LARGEST_BYTES:
                break
        if len(data) <= LARGEST_BYTES:
            break
    return write_atomically(path, lambda p: p.write_bytes(data.tobytes()))


def square(picture: Picture, side: int) -> Picture:
    """A picture at another size."""
    shrinks = len(picture) > side
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (side, side), interpolation=how))


def _places(left: int, widths: Sequence[int]) -> list[int]:
    return [left + sum(widths[:k]) + _GAP * k for k in range(len(widths))]


def _strip(wide: int, high: int) -> Picture:
    return np.full((high, wide, 3), GROUND, np.uint8)


def _write(strip: Picture, text: str, ink: tuple[int, int, int], share: float = 1.0) -> None:
    """Text in the middle of a strip, smaller where it would not fit; drawn four times as large and averaged."""
    if not text:
        return
    height, width = (_FINER * n for n in strip.shape[:2])
    font = cv2.FONT_HERSHEY_SIMPLEX
    size = share * 1.5 * _FINER * 0.36
    thick = max(1, round(1.5 * size))
    wide = cv2.getTextSize(text, font, size, thick)[0][0]
    size *= min(1.0, 0.96 * width / wide)
    (wide, tall), _ = cv2.getTextSize(text, font, size, thick)
    large = np.zeros((height, width), np.uint8)
    cv2.putText(large, text, ((width - wide) // 2, (height + tall) // 2), font, size, 255, thick, cv2.LINE_AA)
    cover: Float[np.ndarray, "H W 1"] = cv2.resize(large, strip.shape[1::-1], interpolation=cv2.INTER_AREA)[
        ..., None
    ] / np.float32(255)
    strip[:] = strip + cover * (np.array(ink, np.float32) - strip) + 0.5
