"""Timed comparisons: ratios against a peer or a floor, measured in the same run.

Ratios are of the processor time of one job of each, which what else the machine does changes least.
"""

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from threadpoolctl import threadpool_limits

RATIOS: dict[str, float] = {}


def seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """Give the processor's seconds for some work, the least of several; products of matrices by one thread."""
    taken = []
    with threadpool_limits(1, "blas"):
        for _ in range(repeats):
            start = time.process_time()
            work()
            taken.append(time.process_time() - start)
    return min(taken)


def seconds_of(command: Sequence[str], folder: Path) -> float:
    """Return the processor's seconds of another program, run by one thread."""
    before = os.times()
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def ratio(name: str, times: float) -> str:
    """Keep how many times faster than its peer something is, for `--release`; give it as text."""
    RATIOS[name] = times
    return f"{times:.3g} x"
