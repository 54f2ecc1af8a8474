"""Which implementation serves a call: compiled loops on the CPU, or plain torch on every device."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, get_args

import torch

from hiface.errors import ConfigError

Backend = Literal["auto", "numba", "torch"]


def choose_backend(backend: str, device: torch.device) -> Literal["numba", "torch"]:
    """The implementation behind `backend` on `device`: "auto" is numba on the CPU, torch elsewhere.

    Raises `ConfigError` for an unknown name, and for numba on another device than the CPU.
    """
    if backend not in get_args(Backend):
        raise ConfigError(f"render backend {backend!r} is unknown; choose one of {', '.join(get_args(Backend))}")
    if backend == "numba" and device.type != "cpu":
        raise ConfigError(f"the numba backend works on CPU tensors, these are on {device}; use 'torch' or 'auto'")
    return "torch" if backend == "torch" or device.type != "cpu" else "numba"


def for_each_image(work: Callable[[int], None], count: int) -> None:
    """Calls work(0) ... work(count - 1), on as many threads as torch may use.

    The compiled loops release the interpreter lock. Threads are made anew for each call: numba's own pools do
    not survive a fork and refuse two callers at once, and data loaders and servers do both.
    """
    threads = min(count, torch.get_num_threads())
    if threads <= 1:
        for image in range(count):
            work(image)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(count)))
