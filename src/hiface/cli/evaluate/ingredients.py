"""`hiface evaluate ingredients`."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown


def ingredients(
    *,
    sets: Path,
    test_shards: Path,
    out: Path,
    photos: Path | None = None,
    scale: Path | None = None,
    seeds: int = 3,
    only_seed: int | None = None,
    steps: int | None = None,
    count: int = 600,
    accelerator: str = "auto",
    minutes: float | None = None,
) -> int:
    """Train small networks on drawn faces that lack one ingredient of the generator each, and compare them.

    Rows: full, without hair, occluders, HDRI light, image degradation, half and twice the people; a row whose set is
    missing is left out. No row sees a photo. The same command goes on after a kill; exit code 3: not finished yet.

    Parameters
    ----------
    sets
        Folder that holds full/, hair/, occluders/, hdri/, degradation/ and double/: shards of one seed, drawn with
        `hiface synth --without INGREDIENT`, all of one size but double/, which has twice as many (docs/ablation.md).
    test_shards
        Folder of drawn faces to measure on, with every ingredient: another seed, and best identities of their own.
    out
        Folder of the tables and of runs/, a folder a run.
    photos
        Folder that holds the labelled packs; landmarks are measured on validation photos, nothing is trained on them.
    scale
        TOML file with what all rows share (experiments/ingredients/); the training defaults without one.
    seeds
        Runs of each row.
    only_seed
        Train this seed's runs alone, counted from 1, so that several processes share the work.
    steps
        Steps of every run, in place of the scale's.
    count
        Drawn faces to measure on.
    accelerator
        "auto", "cpu" or "cuda".
    minutes
        End this call after so many minutes, with a checkpoint.
    """
    from hiface.evaluate.ablation.ingredients import FULL, ingredient_rows
    from hiface.evaluate.ablation.material import Sources
    from hiface.evaluate.ablation.study import Study, run_study

    rows = ingredient_rows(sets, scale, steps)
    sources = Sources(sets / FULL, test_shards, photos, None, count, accelerator, train_on_photos=False)
    seconds = None if minutes is None else 60 * minutes
    done = run_study(Study(rows, out, seeds=seeds, only_seed=only_seed, seconds=seconds), sources)
    Console().print(Markdown((out / "table.md").read_text(encoding="utf-8")))
    Console().print(f"{out}" if done else f"not finished yet; the same command goes on: {out}", highlight=False)
    return 0 if done else 3
