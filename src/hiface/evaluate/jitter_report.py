"""The jitter ruler: figures by disturbance, a plot, and the photos whose shape moved most."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hiface.errors import ConfigError
from hiface.evaluate.answers import AnswerCache, Answers, Progress, labelled_box
from hiface.evaluate.disturbances import SERIES
from hiface.evaluate.jitter import LOST_MM, Spread, classes, mild, of_class, people_apart, spread, table
from hiface.evaluate.jitter_answers import jitter_answers
from hiface.evaluate.plots import plot_bars
from hiface.evaluate.report import comma_separated, write_text
from hiface.evaluate.rulers import Section, write_ruler
from hiface.evaluate.sheets import Tile, write_sheet
from hiface.model import HiFace
from hiface.photo.packs import Pack, read_pack
from hiface.photo.read import read_photo

WORST = 18
PACKS = ("fairface", "more", "portraits")


def jitter_pack(data: Path, count: int) -> Pack:
    """At most `count` of the validation photos, evenly spaced over all."""
    if count < 2:
        raise ConfigError(f"{count} photos: jitter is compared with the distance between people; give 2 or more")
    pack = Pack.cat([read_pack(data / name, "val") for name in PACKS])
    rows = np.unique(np.linspace(0, len(pack) - 1, min(count, len(pack))).round().astype(int))
    return pack.take(rows)


def jitter_report(
    model: HiFace, data: Path, out: Path, cache: AnswerCache, count: int, on_progress: Progress | None = None
) -> list[Section]:
    """Spreads of the neutral shape and the rest under each disturbance; files go to `out`."""
    pack = jitter_pack(data, count)
    answers = jitter_answers(model, pack, cache, on_progress=on_progress)
    found, apart = spread(model, answers), people_apart(model, answers)
    rows = table(found, apart)
    note = (
        f"Medians over {len(pack)} photos of the distance to the undisturbed answer; neutral shapes of different "
        f"people lie {apart:.2f} mm apart (median). Lost: moved by more than {LOST_MM:g} mm."
    )
    section = Section("spread by disturbance", rows, (note,))
    facts = {"weights": model.weights_id, "photos": len(pack), "people_apart_mm": apart}
    facts["mild_mm"] = float(np.median(mild(found.shape)))
    write_ruler(out, "jitter", facts, [section])
    _write_photos(out / "jitter_photos.csv", pack, found)
    bars = {str(row["group"]): float(str(row["shape mm"])) for row in rows}
    plot_bars(
        out / "jitter.png", bars, "Neutral shape under disturbances",
        "median root mean square over vertices, mm; dotted: a tenth of people's distance", apart / 10,
    )  # fmt: skip
    _write_worst(out / "jitter_worst.jpg", pack, answers, found)
    return [section]


def _write_photos(path: Path, pack: Pack, found: Spread) -> None:
    """The neutral shape's spread of every photo under every class."""
    named = classes()
    columns = [of_class(found.shape, members) for members in named.values()]
    rows = [[pack.name[i], *(f"{c[i]:.4f}" for c in columns)] for i in range(len(pack))]
    write_text(path, comma_separated(("photo", *(f"{way}: {name}" for way, name in named)), rows))


def _write_worst(path: Path, pack: Pack, answers: Answers, found: Spread) -> None:
    """Photos whose shape moved most, with the corners of the crops that did it."""
    worst = np.argsort(found.shape.max(1))[::-1][:WORST]
    tiles = []
    for i in worst:
        d = int(found.shape[i].argmax())
        pixels = read_photo(pack.encoded[i]).pixels
        box = labelled_box(pack.fractions[i], pixels)
        corners = np.array([box[[0, 1]], box[[2, 1]], box[[2, 3]], box[[0, 3]]])
        told = f"{found.shape[i, d]:.1f} mm {SERIES[d].way} {SERIES[d].kind} {SERIES[d].strength}"
        tiles.append(Tile(pixels, corners[:0], corners, told))
    write_sheet(path, tiles)
