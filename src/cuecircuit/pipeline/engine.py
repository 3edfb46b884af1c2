"""Where parallel work is done: on this machine's cores, or on the workers of a Dask cluster.

Every parallel step is a joblib call whose tasks carry their own seeds, so the engine never changes a result. Dask
submits the tasks of a worker that was lost again (https://distributed.dask.org/en/stable/resilience.html).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.pipeline.progress import one_line, say

_WAIT_S = 30  # for the scheduler to answer, and for its first worker
# Dask has workers give freed memory back at once (docs/machines.md): glibc then maps every array above 128 kB anew,
# and the kernel zeroes it page by page. 32 MiB is the most that glibc takes (M_MMAP_THRESHOLD in mallopt(3)).
_MALLOC = {"MALLOC_TRIM_THRESHOLD_": 2**30, "MALLOC_MMAP_THRESHOLD_": 2**25}
# an exception of a task reaches the command; its worker need not print it, with a traceback, as well
_QUIET = {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "critical"}


@contextmanager
def engine(dask: str | None, n_jobs: int) -> Iterator[None]:
    """Send the parallel work of this block to Dask.

    Args:
        dask: address of a scheduler (`tcp://host:8786`), or `local` for `n_jobs` worker processes on this machine
            that end with the block; None keeps to joblib's own processes and threads. Workers elsewhere must see
            the same files under the same paths.
        n_jobs: worker processes of `local`.

    Raises:
        DataError: Dask is not installed, no scheduler or worker answers at the address, or it is lost on the way.
    """
    if dask is None:
        yield
        return
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise DataError('--dask needs Dask: pip install "cuecircuit[dask]"') from error
    with _logs_as_lines(), _workers(dask, n_jobs):
        yield


@contextmanager
def _workers(dask: str, n_jobs: int) -> Iterator[None]:
    from dask import config
    from distributed import Client, LocalCluster
    from joblib import parallel_config

    local = None
    if dask == "local":
        environ = _MALLOC | _QUIET
        with config.set({f"distributed.nanny.pre-spawn-environ.{name}": value for name, value in environ.items()}):
            # one thread a worker: numba and BLAS must not share cores among tasks
            local = LocalCluster(n_workers=n_jobs, threads_per_worker=1, dashboard_address=":0")
    try:
        client = Client(local or dask, timeout=_WAIT_S)
        client.wait_for_workers(1, timeout=_WAIT_S)
    except (OSError, TimeoutError, ValueError) as error:
        raise DataError(
            f"--dask {dask}: no scheduler with a worker answered within {_WAIT_S} s ({error}); "
            "expected local or the address of a running scheduler, such as tcp://host:8786"
        ) from error
    try:
        say(f"dask: {len(client.scheduler_info()['workers'])} workers at {dask}")
        with parallel_config(backend=_backend(client)):
            yield
    except CuecircuitError:
        raise
    except Exception as error:
        if client.status == "running":
            raise
        raise DataError(
            f"--dask {dask}: the scheduler was lost ({one_line(str(error))}); what was finished is "
            "kept: give the same command again"
        ) from error
    finally:
        client.close()
        if local is not None:
            local.close()


class _Lines(logging.Handler):
    """Prints a record as one line, without the traceback that comes with it."""

    def emit(self, record: logging.LogRecord) -> None:
        if message := one_line(record.getMessage()):
            say(f"dask: {message}")


@contextmanager
def _logs_as_lines() -> Iterator[None]:
    """Print what Dask warns of as lines of the command; the handlers of a caller are back after the block."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client", "tornado.application")]
    before = [logger.handlers for logger in loggers]
    for logger in loggers:
        logger.handlers = [_Lines(logging.WARNING)]
    try:
        yield
    finally:
        for logger, handlers in zip(loggers, before, strict=True):
            logger.handlers = handlers


def _backend(client: Any) -> Any:
    """Return joblib's way to Dask; with a single worker joblib would work in this process, which may be a laptop."""
    from joblib._dask import DaskDistributedBackend

    class Backend(DaskDistributedBackend):
        def effective_n_jobs(self, n_jobs: int) -> int:
            return max(2, super().effective_n_jobs(n_jobs))

    return Backend(client=client)
