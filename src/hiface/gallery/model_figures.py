"""Figures that need no photo: the composition of detail (Fig. 3 of the paper), one face over the ages, expressions."""

from __future__ import annotations

import numpy as np

from hiface.detail.compose import Parts
from hiface.gallery.maps import coloured
from hiface.gallery.sculptor import Sculptor, Worn
from hiface.gallery.sheets import Picture, sheet, stacked

AGES = (20, 32, 44, 56, 68, 80)
PARTS: tuple[Parts, ...] = ("static", "dynamic", "both")
COMPOSED = "delight"
_SAID = {"delight": "smiling with raised brows"}
SHOWN = ("at rest", "frown", "brows raised", "smile")
_MAPS = ("static", "compressed", "stretched", "tension", "displacement")
_TITLES = ("static", "compressed", "stretched", "tension", "sum")


def composition(sculptor: Sculptor, years: float = 64, expression: str = COMPOSED, side: int = 300) -> Picture:
    """D_sta, D_com, D_str, M and D of one face: as maps, and as clay. Single maps on the face at rest; tension and
    sum on the face with the expression, the former without detail."""
    rest, full = sculptor.worn(years), sculptor.worn(years, expression)
    mask = sculptor.model.reconstructor.detail_model.basis.mask.cpu().numpy()
    most = _round_up(max(float(np.abs(getattr(full.detail, m).numpy()).max()) for m in ("static", "compressed")) * 0.35)
    tension = 1.0
    maps, clays, closes = [], [], []
    for name in _MAPS:
        values = getattr(full.detail, name)[0].numpy()
        top, unit = (tension, "") if name == "tension" else (most, "mm")
        maps.append(coloured(values, mask, top, side, unit))
        worn = full if name in ("tension", "displacement") else rest
        shown = {"tension": "none"}.get(name, name)
        if worn is rest and name != "static":
            worn = Worn(rest.posed, full.detail)
        clays.append(sculptor.picture(worn, side, shown))
        closes.append(sculptor.picture(worn, side, shown, "brow"))
    return sheet(
        [maps, clays, closes],
        _TITLES,
        ("map", "clay", "close"),
        f"{years:.0f} years, {_SAID.get(expression, expression)}",
    )


def ages(sculptor: Sculptor, side: int = 270) -> Picture:
    """One face from 20 to 80 years; static detail alone changes, the skull stays."""
    worn = [sculptor.worn(years, "at rest", "static", 0.0) for years in AGES]
    rows = [[sculptor.picture(w, side, "static", close) for w in worn] for close in ("", "brow", "eye")]
    return sheet(rows, [f"{years} years" for years in AGES], ("face", "forehead", "eye"))


def expressions(sculptor: Sculptor, years: float = 62, side: int = 300) -> Picture:
    """Rest, frown, raised brows and smile with static detail alone, dynamic alone, and both."""
    faces = sheet([[sculptor.picture(sculptor.worn(years, name), side) for name in SHOWN]], SHOWN, ("both",))
    close = {"at rest": "brow", "frown": "brow", "brows raised": "brow", "smile": "eye"}
    parts_rows = [
        [sculptor.picture(sculptor.worn(years, name, parts), side, close=close[name]) for name in SHOWN]
        for parts in PARTS
    ]
    return stacked([faces, sheet(parts_rows, (), PARTS)])


def _round_up(value: float) -> float:
    """To one digit: 0.5, 1, 2 mm."""
    return next((t for t in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0) if t >= value), 5.0)
