"""Jobs on a Ray cluster; the only file that imports Ray.

A job is a task without state, so that Ray does it again on another process where one is lost: killed, out of memory,
or gone with its machine. Jobs must therefore write their results whole, and do no harm when done twice.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import hiface
from hiface.cluster.jobs import Failure, J, Maker, R, S, attempt
from hiface.errors import ConfigError, HiFaceError

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
try:
    import ray
    import ray.exceptions
except ImportError as error:
    raise ConfigError("--engine ray needs Ray; install it with `pip install 'hiface[ray]'`") from error

RETRIES = 4
"""How often a job whose process was lost is done again before it is given up."""
_STORE = 100_000_000
"""Bytes of the object store of a cluster of our own: jobs and results are names, files go past it."""
_tools: dict[str, Callable[[Any], Any]] = {}
"""Tools of this process, by the identity of their setting."""


def on_ray(
    make: Maker[S, J, R], setting: S, jobs: Iterable[J], workers: int | None = None, threads: int = 1, gpus: int = 0
) -> Iterator[tuple[J, R | Failure]]:
    """Each job with its outcome, in the order in which they end.

    The cluster is the one that `RAY_ADDRESS` or `ray start` names, else one of this machine that lives as long as the
    jobs do. `workers`: processes at a time, else as many as there is room for; `threads` and `gpus`: cores and
    GPUs for each.
    """
    with _cluster(workers, threads):
        shared = ray.put((make, setting, os.urandom(8).hex(), hiface.__version__))
        remote = ray.remote(_do).options(num_cpus=threads, num_gpus=gpus, max_retries=RETRIES)
        waiting: dict[ray.ObjectRef[R | Failure], J] = {}
        rest = iter(jobs)
        while True:
            for job in islice(rest, max(0, _room(workers, threads) - len(waiting))):
                waiting[remote.remote(shared, job)] = job
            if not waiting:
                return
            (done, *_), _ = ray.wait(list(waiting), num_returns=1)
            yield waiting.pop(done), _outcome(done)


def _do(shared: tuple[Maker[S, J, R], S, str, str], job: J) -> R | Failure:
    """One job in a process of the cluster."""
    make, setting, name, version = shared
    if version != hiface.__version__:
        return Failure(f"this machine has HiFace {hiface.__version__}, the caller {version}; install the same", True)
    if name not in _tools:
        try:
            _tools.clear()  # one at a time: a model is large
            _tools[name] = make(setting)
        except HiFaceError as error:
            return Failure(str(error), fatal=True)
    return attempt(_tools[name], job)


def _outcome(done: ray.ObjectRef[R | Failure]) -> R | Failure:
    try:
        return ray.get(done)
    except ray.exceptions.RayTaskError:
        raise
    except ray.exceptions.RayError as error:
        reason = str(error).strip().split("\n", 1)[0]
        return Failure(f"its process was lost {RETRIES + 1} times ({type(error).__name__}: {reason})")


def _room(workers: int | None, threads: int) -> int:
    """Jobs to have handed out: a cluster may grow, and twice as many as it has room for keep it busy."""
    if workers is not None:
        return workers
    return max(2, 2 * int(ray.cluster_resources().get("CPU", 1) / threads))


@contextmanager
def _cluster(workers: int | None, threads: int) -> Iterator[None]:
    if ray.is_initialized():
        yield
        return
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        try:
            ray.init(address="auto", **quiet)
        except ConnectionError:
            if "RAY_ADDRESS" in os.environ:
                raise
            cores = None if workers is None else workers * threads
            ray.init(
                address="local", num_cpus=cores, include_dashboard=False, object_store_memory=_STORE, **quiet
            )  # fmt: skip
    except (ConnectionError, RuntimeError) as error:
        told = f"no Ray cluster at {os.environ.get('RAY_ADDRESS', 'this machine')} ({error})"
        raise ConfigError(f"{told}; check `ray status`, or unset RAY_ADDRESS to work on this machine") from error
    try:
        yield
    finally:
        ray.shutdown()
