"""`hiface evaluate ablation`."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown


def ablation(
    *rows: Path,
    shards: Path,
    test_shards: Path,
    out: Path,
    photos: Path | None = None,
    teacher: Path | None = None,
    scale: Path | None = None,
    start: str | None = None,
    seeds: int = 3,
    only_seed: int | None = None,
    steps: int | None = None,
    count: int = 600,
    accelerator: str = "auto",
    minutes: float | None = None,
) -> int:
    """Train every row of the ablation several times, measure it on unseen faces, and write table.md, .tex and .csv.

    The same command goes on after a kill: finished runs are known by a hash of their configuration and data. Exit
    code 3: not all runs are finished yet.

    Parameters
    ----------
    rows
        TOML files, one a row (experiments/ablation/*.toml): what each one changes.
    shards
        Folder of drawn faces to train on (`hiface synth`).
    test_shards
        Folder of drawn faces to measure on: another seed, and best identities of their own.
    out
        Folder of the tables and of runs/, a folder a run.
    photos
        Folder that holds the labelled packs; without it rows train on drawn faces alone, and rows that only photos
        tell apart are an error.
    teacher
        Age teacher for L_kd; without it the photos' own age labels, softened, teach.
    scale
        TOML file with what all rows share (experiments/ablation/scale/); the training defaults without one.
    start
        Weights whose coarse face every row of detail keeps, a file or "hiface.safetensors", the shipped ones; without
        it each takes those of the row that it names.
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
    from hiface.evaluate.ablation.material import Sources
    from hiface.evaluate.ablation.study import Study, run_study

    seconds = None if minutes is None else 60 * minutes
    sources = Sources(shards, test_shards, photos, teacher, count, accelerator)
    done = run_study(Study(rows, out, scale, start, seeds, only_seed, steps, seconds), sources)
    Console().print(Markdown((out / "table.md").read_text(encoding="utf-8")))
    Console().print(f"{out}" if done else f"not finished yet; the same command goes on: {out}", highlight=False)
    return 0 if done else 3
