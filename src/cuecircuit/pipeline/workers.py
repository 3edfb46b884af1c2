"""Worker processes that end with the process they work for, however that one ends."""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from cuecircuit.pipeline.progress import warnings_as_lines

_PR_SET_PDEATHSIG = 1  # prctl(2)
_LOOK_S = 0.5


def tied(task: Callable[..., Any]) -> Callable[..., Any]:
    """Make a task whose worker process is killed when this process ends; a worker of another machine is left alone."""
    return partial(_run, _Leash(os.getpid()), task)


def ends_with_parent() -> dict[str, Any]:
    """Return options of `joblib.Parallel` that tie a worker process from its start, before it has a task."""
    return {"initializer": _end_with, "initargs": (os.getpid(),)}


class _Leash:
    """Ties the process in which it is unpickled, which comes before the long imports of the task itself."""

    def __init__(self, client: int) -> None:
        self.client = client

    def __reduce__(self) -> tuple[Callable[[int], "_Leash"], tuple[int]]:
        return _tie, (self.client,)


def _tie(client: int) -> _Leash:
    if os.getpid() != client:
        _end_with(client)
    return _Leash(client)


def _run(_: _Leash, task: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return task(*args, **kwargs)


def _end_with(client: int) -> None:
    if os.getppid() == client:
        if sys.platform == "linux":  # by the kernel: compiled code may keep every thread of a worker waiting
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        else:
            threading.Thread(target=_watch, args=(client,), daemon=True).start()
    if multiprocessing.current_process().name.startswith("LokyProcess"):  # of this machine, and ours alone
        warnings_as_lines()
        if os.getppid() != client:
            os._exit(1)


def _watch(client: int) -> None:
    while os.getppid() == client:
        time.sleep(_LOOK_S)
    os._exit(1)
