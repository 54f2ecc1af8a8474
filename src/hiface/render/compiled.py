"""How the renderer's loops are compiled. Imports numba, so only files of kernels import this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """The function, compiled at its first call and kept on disk; it releases the interpreter lock.

    No fast-math: rasterising must round as torch does, and the rest gains nothing. Division by zero gives
    what IEEE says rather than an exception.
    """
    return cast(_Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
