import logging
import os

import pytest
from distributed import LocalCluster
from joblib import Parallel, delayed

from cuecircuit.errors import DataError
from cuecircuit.pipeline import engine as engine_module
from cuecircuit.pipeline.engine import engine

pytestmark = pytest.mark.slow


def test_local_work_is_done_by_processes_of_its_own():
    with engine("local", n_jobs=2):
        found = set(Parallel(n_jobs=2)(delayed(os.getpid)() for _ in range(20)))

    assert os.getpid() not in found


def test_a_single_worker_gets_the_work_too():
    with engine("local", n_jobs=1):
        found = set(Parallel(n_jobs=1)(delayed(os.getpid)() for _ in range(20)))

    assert len(found) == 1
    assert os.getpid() not in found


def test_local_workers_keep_the_memory_that_they_free(monkeypatch):
    for name in engine_module._MALLOC:
        monkeypatch.delenv(name, raising=False)  # a setting of the user's own comes first
    with engine("local", n_jobs=1):
        found = Parallel()(delayed(os.getenv)(name) for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"))

    assert found == ["1073741824", "33554432"]


def test_a_scheduler_that_is_lost_is_one_fault_and_what_was_finished_is_kept():
    def lose(cluster):
        with engine(cluster.scheduler_address, 1):
            cluster.close()
            raise OSError("stream closed")

    said = r"the scheduler was lost \(stream closed\); what was finished is kept"
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster,
        pytest.raises(DataError, match=said),
    ):
        lose(cluster)


def test_what_dask_logs_is_one_line_without_its_traceback(capfd):
    def fail():
        raise OSError("a fault of a task")

    def work():
        logging.getLogger("distributed.client").error("", exc_info=ConnectionError())
        logging.getLogger("distributed.nanny").warning("Worker exceeded\n95% memory budget")
        Parallel()(delayed(fail)() for _ in range(2))

    with pytest.raises(OSError, match="a fault of a task"), engine("local", n_jobs=1):
        work()

    lines = capfd.readouterr().err.splitlines()
    assert lines == ["dask: 1 workers at local", "dask: Worker exceeded 95% memory budget"]


def test_an_address_where_nobody_answers_is_named(monkeypatch):
    monkeypatch.setattr(engine_module, "_WAIT_S", 1)
    with (
        pytest.raises(DataError, match=r"--dask tcp://127.0.0.1:9: no scheduler .* expected local or"),
        engine("tcp://127.0.0.1:9", 1),
    ):
        pass
