"""How the renderer's loops are compiled. Imports numba, so only files of kernels import this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """The function, compiled at its first call and kept on disk; it releases the interpreter lock.

    No fast-math: rasterising must round as torch does, and the rest gains nothing. Division by zero gives
    what IEEE says, and no exception.
    """
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return cast(_Function, numba.njit(cache=True, **options)(function))
    except RuntimeError:  # nowhere to keep it: the package and the user's cache folder are both read-only
        return cast(_Function, numba.njit(**options)(function))
