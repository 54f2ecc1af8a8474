"""`hiface track`: a face through a video."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hiface.assets.format import write_atomically
from hiface.errors import OutputError
from hiface.model import load
from hiface.track.clip import Clip, open_clip, record
from hiface.track.observe import Store
from hiface.track.smooth import Smoothing
from hiface.track.track import FRAMES, follow, write_all

log = logging.getLogger(__name__)


def track(
    video: str,
    /,
    *,
    out: Annotated[Path, Parameter(alias="-o")],
    smoothing: Smoothing = "optimal",
    seconds: float | None = None,
    device: str = "auto",
    weights: str = "hiface.safetensors",
) -> None:
    """Follow the face of one person through a video.

    Writes under OUT: overlay.mp4 (the face over the video), livelink.csv and weights.json (the 52 ARKit weights and the
    turns of head and eyes, frame by frame), face.glb (the face in motion), face/ (all files of `hiface reconstruct` for
    the person) and track.json (what was lost and how much it trembles). A run that was stopped goes on where it was.

    Parameters
    ----------
    video
        A video file, or the number of a camera, which is recorded to OUT/camera.mp4 until Ctrl+C.
    out
        Folder for the results; made if missing.
    smoothing
        "optimal" sees the whole clip, "one-euro" the past alone, "none" leaves every frame as it was seen.
    seconds
        How long to record a camera.
    device
        "auto", "cpu" or "cuda".
    weights
        A weight file; the shipped one unless given.
    """
    write_atomically(out / ".hiface-writable", lambda path: path.write_text("")).unlink()
    clip = _clip(video, out, seconds)
    model = load(weights, device)
    names = ("looking", "fitting", "drawing")
    with _progress() as bar:
        tasks = {name: bar.add_task(name, total=clip.count) for name in names}

        def report(what: str, done: int) -> None:
            bar.update(tasks[what], completed=done, total=max(done, clip.count))

        tracked = follow(model, clip, out / FRAMES, smoothing, report)
        write_all(model, clip, tracked, out, report)
    Store(out / FRAMES, clip, model.weights_id).clear()
    lost = int((~tracked.motion.found).sum())
    before, after = tracked.before, tracked.after
    log.info("%s: %d frames, %d without a face", out, len(tracked.motion), lost)
    log.info(
        "jitter: expression %.3f to %.3f mm, head %.3f to %.3f degrees, position %.2f to %.2f px",
        before.expression_mm, after.expression_mm, before.turn_degrees, after.turn_degrees,
        before.position_pixels, after.position_pixels,
    )  # fmt: skip


def _clip(video: str, out: Path, seconds: float | None) -> Clip:
    if not video.isdecimal() or Path(video).is_file():
        clip = open_clip(video)
        if out.resolve() / "overlay.mp4" == clip.path.resolve():
            raise OutputError(f"{video}: would be overwritten by the result; choose another output folder")
        return clip
    log.info("recording camera %s; Ctrl+C ends the recording", video)
    return record(int(video), out / "camera.mp4", seconds, lambda: None)


def _progress() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True))
