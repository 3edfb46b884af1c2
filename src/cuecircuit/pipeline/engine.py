"""Where parallel work is done: on this machine's cores, or on the workers of a Dask cluster.

Every parallel step is a joblib call whose tasks carry their own seeds, so the engine never changes a result. Dask
submits the tasks of a worker that was lost again (https://distributed.dask.org/en/stable/resilience.html).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from cuecircuit.errors import DataError
from cuecircuit.pipeline.progress import say

_WAIT_S = 30  # for the scheduler to answer, and for its first worker


@contextmanager
def engine(dask: str | None, n_jobs: int) -> Iterator[None]:
    """Send the parallel work of this block to Dask.

    Args:
        dask: address of a scheduler (`tcp://host:8786`), or `local` for `n_jobs` worker processes on this machine
            that end with the block; None keeps to joblib's own processes and threads. Workers elsewhere must see
            the same files under the same paths.
        n_jobs: worker processes of `local`.

    Raises:
        DataError: Dask is not installed, or no scheduler or worker answers at the address.
    """
    if dask is None:
        yield
        return
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise DataError('--dask needs Dask: pip install "cuecircuit[dask]"') from error
    from joblib import parallel_config

    # one thread a worker: numba and BLAS must not share cores among tasks
    local = LocalCluster(n_workers=n_jobs, threads_per_worker=1, dashboard_address=":0") if dask == "local" else None
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
        with parallel_config(backend="dask", client=client):
            yield
    finally:
        client.close()
        if local is not None:
            local.close()
