"""Clips: read frame by frame, never all at once; a camera is recorded first, since every frame is looked at twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from hiface.errors import OutputError, PhotoError

USUAL_RATE = 30.0
"""Frames a second of a file or camera that does not say."""


@dataclass(frozen=True)
class Clip:
    """A video file."""

    path: Path
    width: int
    height: int
    rate: float
    """Frames a second, as the file says."""
    count: int
    """Frames, as the file says; some files are wrong by a few."""

    def frames(self, start: int = 0) -> Iterator[UInt8[np.ndarray, "H W 3"]]:
        """RGB frames from one on, upright."""
        video = cv2.VideoCapture(str(self.path))
        try:
            for _ in range(start):  # seeking is not exact in every file
                if not video.grab():
                    return
            while True:
                more, picture = video.read()
                if not more:
                    return
                yield np.ascontiguousarray(picture[..., ::-1])
        finally:
            video.release()


def open_clip(path: str | Path) -> Clip:
    """A clip; raises `PhotoError` for what is no video."""
    path = Path(path)
    if not path.is_file():
        raise PhotoError(f"{path}: no such file; give a video, or a camera's number")
    video = cv2.VideoCapture(str(path))
    try:
        more, picture = video.read()
        if not more:
            raise PhotoError(f"{path}: is not a video that is read; convert it to MP4 (H.264)")
        rate = video.get(cv2.CAP_PROP_FPS)
        count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    finally:
        video.release()
    height, width = picture.shape[:2]
    return Clip(path, width, height, rate if 0 < rate < 1000 else USUAL_RATE, max(count, 1))


class Film:
    """A video being written (mp4v); a context manager. Raises `OutputError`."""

    def __init__(self, path: Path, rate: float, width: int, height: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._part = path.with_name(f".{path.stem}-part{path.suffix}")
        self._path = path
        self._video = cv2.VideoWriter(str(self._part), cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height))
        if not self._video.isOpened():
            raise OutputError(f"{path}: cannot be written; choose another output folder")

    def __enter__(self) -> Film:
        return self

    def add(self, picture: UInt8[np.ndarray, "H W 3"]) -> None:
        self._video.write(np.ascontiguousarray(picture[..., ::-1]))

    def __exit__(self, kind: object, *_: object) -> None:
        self._video.release()
        if kind is None:
            self._part.replace(self._path)
        else:
            self._part.unlink(missing_ok=True)


def record(camera: int | str, path: Path, seconds: float | None, on_frame: Callable[[], None]) -> Clip:
    """Record a camera to a file until the seconds are over or the user interrupts; the clip then.

    Cameras keep another rate than they say where it is dark: the clip has the rate that was measured, which the file
    itself, begun with the other, does not.
    """
    video = cv2.VideoCapture(camera)
    more, picture = video.read()
    if not more:
        video.release()
        raise PhotoError(f"camera {camera}: gives no picture; check its number and that nothing else uses it")
    pictures, started = 0, time.monotonic()
    rate = video.get(cv2.CAP_PROP_FPS)
    rate = rate if 0 < rate < 1000 else USUAL_RATE
    try:
        with Film(path, rate, picture.shape[1], picture.shape[0]) as film:
            try:
                while more and (seconds is None or time.monotonic() - started < seconds):
                    film.add(picture[..., ::-1])
                    pictures += 1
                    on_frame()
                    more, picture = video.read()
            except KeyboardInterrupt:
                pass
    finally:
        taken = time.monotonic() - started
        video.release()
    return replace(open_clip(path), rate=pictures / taken if pictures > 1 else rate)
