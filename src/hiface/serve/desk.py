"""Where uploads wait for the model and results wait to be fetched.

Photos and pages lie in temporary files without a name (`tempfile.TemporaryFile`): nobody can reach them by a path,
and the system frees them even when the process is killed. Memory does not grow with the queue.
"""

from __future__ import annotations

import logging
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Literal

from hiface.errors import HiFaceError
from hiface.serve.pages import MakePages

log = logging.getLogger(__name__)

State = Literal["waiting", "working", "done", "failed"]
_CHUNK = 1 << 18
_SWEEP_S = 2.0


@dataclass(frozen=True)
class DeskLimits:
    """How much is held, and for how long."""

    waiting: int = 32
    """Photos in the queue; more are turned away."""
    results: int = 100
    """Finished photos whose pages are held; the oldest goes first. A page has about 8 MB."""
    keep_s: float = 600.0
    """Seconds for which a result is held."""


class Page:
    """One finished page in a file without a name; several threads may read it."""

    def __init__(self, data: bytes) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="hiface-")  # noqa: SIM115 (outlives this)
        self._file.write(data)
        self._file.flush()
        self._lock = threading.Lock()
        self.size = len(data)

    def chunks(self) -> Iterator[bytes]:
        """The whole page in pieces; raises `ValueError` when it is closed meanwhile."""
        for at in range(0, self.size, _CHUNK):
            with self._lock:
                self._file.seek(at)
                piece = self._file.read(_CHUNK)
            yield piece

    def close(self) -> None:
        with self._lock:
            self._file.close()


@dataclass(eq=False)
class Job:
    """One uploaded photo, from the queue to its pages."""

    photo: IO[bytes]
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    """128 random bits: who does not have it cannot ask for the result."""
    state: State = "waiting"
    step: str = "waiting"
    error: str | None = None
    pages: list[Page] = field(default_factory=list)
    ended: float = 0.0
    """Monotonic seconds."""
    dropped: bool = False

    def close(self) -> None:
        self.dropped = True
        self.photo.close()
        for page in self.pages:
            page.close()


class BusyError(HiFaceError):
    """The queue is full."""


class Desk:
    """A queue of photos before one model, and the results behind it. A context manager: leaving it drops all."""

    def __init__(self, make: MakePages, limits: DeskLimits, workers: int = 1) -> None:
        self._make, self._limits = make, limits
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._queue: list[Job] = []
        self._open = True
        tasks: list[Callable[[], None]] = [self._work] * workers + [self._sweep]
        self._threads = [threading.Thread(target=task, daemon=True) for task in tasks]

    def __enter__(self) -> Desk:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._open = False
            for job in self._jobs.values():
                job.close()
            self._jobs.clear()
            self._queue.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=30)

    def __len__(self) -> int:
        """Photos that are waiting, being worked on, or held."""
        return len(self._jobs)

    def submit(self, photo: IO[bytes]) -> Job:
        """Take a photo, whose file is the desk's from now on. Raises `BusyError`."""
        with self._changed:
            if len(self._queue) >= self._limits.waiting or not self._open:
                raise BusyError("too many photos are waiting; try again in a minute")
            job = Job(photo)
            self._jobs[job.id] = job
            self._queue.append(job)
            self._changed.notify_all()
        return job

    def full(self) -> bool:
        """True while `submit` would refuse."""
        return len(self._queue) >= self._limits.waiting

    def job(self, name: str) -> Job | None:
        """The job of an id, if it is still held."""
        return self._jobs.get(name)

    def ahead(self, job: Job) -> int:
        """How many photos come before this one."""
        with self._changed:
            return self._queue.index(job) if job in self._queue else 0

    def drop(self, name: str) -> bool:
        """Forget a photo and its pages at once; False where there is none."""
        with self._changed:
            job = self._jobs.pop(name, None)
            if job is None:
                return False
            if job in self._queue:
                self._queue.remove(job)
            job.close()
        return True

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or not self._open)
                if not self._open:
                    return
                job = self._queue.pop(0)
                job.state = "working"
            self._one(job)

    def _one(self, job: Job) -> None:
        """A photo to its pages; whatever goes wrong is this photo's alone."""
        try:
            data = job.photo.read()
            job.photo.close()
            for page in self._make(data, lambda text: setattr(job, "step", text)):
                if not self._take(job, page):
                    return
            self._end(job, "done")
        except HiFaceError as error:
            self._end(job, "failed", str(error).removeprefix("<bytes>: "))
        except MemoryError:
            self._end(job, "failed", "not enough memory for this photo; scale it down")
        except Exception:
            if job.dropped:  # its files were closed meanwhile
                return
            log.exception("a photo failed")
            self._end(job, "failed", "something went wrong with this photo; the server's log says what")

    def _take(self, job: Job, page: bytes) -> bool:
        """Hold a page, unless its job was dropped meanwhile."""
        with self._changed:
            if not job.dropped:
                job.pages.append(Page(page))
            return not job.dropped

    def _end(self, job: Job, state: State, error: str | None = None) -> None:
        with self._changed:
            job.photo.close()
            job.error, job.step, job.ended = error, state, time.monotonic()
            job.state = state

    def _sweep(self) -> None:
        """Drop what was held long enough, or is too much."""
        while self._open:
            now = time.monotonic()
            with self._changed:
                ended = sorted((j for j in self._jobs.values() if j.ended), key=lambda j: j.ended)
                surplus = len(ended) - self._limits.results
                old = [j for k, j in enumerate(ended) if k < surplus or now - j.ended > self._limits.keep_s]
            for job in old:
                self.drop(job.id)
            with self._changed:
                self._changed.wait_for(lambda: not self._open, timeout=min(_SWEEP_S, self._limits.keep_s / 4))
