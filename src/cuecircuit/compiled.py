"""Compilation of loops by numba, which is cached on disk where there is a place for it."""

from collections.abc import Callable
from typing import Any

import numba

_njit: Any = numba.njit  # its stubs know no options given by name


def njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function as `numba.njit` does; without the cache where no folder for it can be written.

    Such as in a container whose packages and home are read-only: there it is compiled anew in each process.
    """

    def compile_function(function: Callable[..., Any]) -> Any:
        try:
            return _njit(**options)(function)
        except RuntimeError:  # "cannot cache function ...: no locator available", numba.core.caching
            return _njit(**{**options, "cache": False})(function)

    return compile_function
