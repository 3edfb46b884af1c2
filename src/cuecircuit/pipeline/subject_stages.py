"""One stage per subject, whatever the stage does."""

from collections.abc import Sequence
from typing import Any

from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.pipeline.progress import say, steps
from cuecircuit.pipeline.store import Stage, Store
from cuecircuit.pipeline.threads import one_blas_thread
from cuecircuit.pipeline.workers import ends_with_parent, tied


def run_subjects(store: Store, stages: Sequence[Stage], *, n_jobs: int, what: str = "first level") -> None:
    """Do every subject's stage that is missing or stale; one subject's failure does not stop the others.

    Raises:
        DataError: what was wrong with each subject that failed, after all others are done.
    """
    from joblib import Parallel, delayed

    stale = [stage for stage in stages if store.why_stale(stage)]
    if not stale:
        say(f"{what}: {len(stages)} subjects up to date")
        return
    say(f"{what}: {len(stale)} of {len(stages)} subjects to do ({store.why_stale(stale[0])})")
    faults: list[str] = []
    workers: Any = Parallel(n_jobs=n_jobs, return_as="generator", **ends_with_parent())
    work = workers(delayed(tied(_attempt))(store, stage) for stage in stale)
    with steps(what, len(stale)) as advance:
        for failed in work:
            faults += failed
            advance(1)
    DataError.raise_any(faults)


def _attempt(store: Store, stage: Stage) -> tuple[str, ...]:
    try:
        with one_blas_thread():  # a worker process starts with its own number of threads
            store.run(stage)
    except CuecircuitError as error:
        return tuple(f"{stage.name}: {fault}" for fault in error.faults)
    except (MemoryError, ArithmeticError, ValueError, RuntimeError) as error:
        # numbers nobody foresaw in one subject must not cost the others their results
        return (f"{stage.name}: {type(error).__name__}: {error}; leave the subject out (subjects.exclude) to go on",)
    return ()
