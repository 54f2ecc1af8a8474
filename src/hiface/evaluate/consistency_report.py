"""The consistency ruler: the London set's people neutral and smiling."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hiface.evaluate.answers import AnswerCache, Answers, Progress, pack_answers, photo_points
from hiface.evaluate.consistency import Consistency, Pairs, consistency, distribution, pairs, ratio
from hiface.evaluate.plots import plot_histograms
from hiface.evaluate.rulers import Section, write_ruler
from hiface.evaluate.sheets import Tile, write_sheet
from hiface.model import HiFace
from hiface.photo.packs import Pack, read_pack
from hiface.photo.read import read_photo

TITLES = {"shape": "neutral shape, aligned", "raw": "neutral shape, as it stands", "static": "static map"}


def london(data: Path, part: str) -> Pack:
    """The London set's photos of a part."""
    pack = read_pack(data / "portraits", part)
    return pack.take(np.flatnonzero(np.char.startswith(pack.source.astype(str), "london")))


def consistency_report(
    model: HiFace, data: Path, out: Path, cache: AnswerCache, on_progress: Progress | None = None
) -> list[Section]:
    """Distances within and between people, of all and of those that training has not seen; files go to `out`."""
    packs = {"all": Pack.cat([london(data, "train"), london(data, "val")]), "not in training": london(data, "val")}
    sections = []
    for name, pack in packs.items():
        answers, found = pack_answers(model, pack, cache, on_progress), pairs(pack)
        measured = consistency(model, answers, found)
        note = (
            f"{len(found.neutral)} people. A smile moves all neutral shapes alike by {measured.shift:.3f} mm (root "
            "mean square of the mean)."
        )
        sections.append(Section(f"neutral against smiling, {name}", _rows(measured), (note,)))
        if name == "all":
            _write_pictures(out, model, pack, answers, found, measured)
    write_ruler(out, "consistency", {"weights": model.weights_id}, sections)
    return sections


def _rows(measured: Consistency) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for field, title in TITLES.items():
        distances = getattr(measured, field)
        found, parts = ratio(distances), distribution(distances)
        row: dict[str, object] = {"group": title}
        for name, values in parts.items():
            low, middle, high = np.percentile(values, [10, 50, 90])
            row |= {f"{name}, median mm": round(middle, 4), f"{name}, 10–90 %": f"{low:.4f}–{high:.4f}"}
        row |= {"ratio": round(found.ratio, 3), "interval": f"{found.interval.low:.3f}–{found.interval.high:.3f}"}
        rows.append(row)
    return rows


def _write_pictures(
    out: Path, model: HiFace, pack: Pack, answers: Answers, found: Pairs, measured: Consistency
) -> None:
    for field, title in TITLES.items():
        parts = distribution(getattr(measured, field))
        plot_histograms(out / f"consistency_{field}.png", parts, f"{title}: neutral against smiling", "mm")
    points = photo_points(model, answers)
    worst = np.argsort(np.diag(measured.shape))[::-1][:9]
    tiles = []
    for k in worst:
        for row, name in ((found.neutral[k], "neutral"), (found.smiling[k], "smiling")):
            pixels = read_photo(pack.encoded[row]).pixels
            tiles.append(Tile(pixels, points[row], points[row, :0], f"{name}, {measured.shape[k, k]:.2f} mm apart"))
    write_sheet(out / "consistency_worst.jpg", tiles)
