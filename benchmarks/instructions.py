"""Instructions of the kernels, counted by valgrind: numbers that do not depend on what else the machine does.

    python -m benchmarks.instructions [KERNEL ...] [--release 0.2.0]

Each kernel is called in a process of its own under callgrind, which counts from after a first call until after the
second: neither imports nor compilation. Numba compiles for a generic processor and OpenBLAS takes its products for one
(Nehalem, which every x86-64 machine of today can do), so that counts of two machines compare. Counts are of some 100
million; switching the counter costs less than a million of them. Where valgrind is not installed nothing can be
counted, and that is said.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime

import numpy as np

SAME_CODE = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "OPENBLAS_CORETYPE": "Nehalem"}
ONE_ORDER = {"OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
BOX = (30, 30, 20)


def mixed_fit(df="satterthwaite"):
    from cuecircuit.stats.mixed_fit import fit_mixed
    from cuecircuit.stats.mixed_model import mixed_model

    rng = np.random.default_rng(0)
    subject, cue = np.repeat(np.arange(20), 4).astype(str), np.tile(["a", "a", "b", "b"], 20)
    model = mixed_model("cue + (1|subject) + (1|subject:cue)", {"subject": subject, "cue": cue})
    y = rng.standard_normal((80, 2000)) + np.repeat(rng.standard_normal((20, 2000)), 4, axis=0)
    return lambda: fit_mixed(y, model, df=df)


def strata():
    from benchmarks.strata import design
    from cuecircuit.stats.strata import strata_anova
    from cuecircuit.stats.strata_design import strata_model

    rng = np.random.default_rng(0)
    model, y = strata_model(design(rng)), rng.standard_normal((21, 4, 20_000)).astype(np.float32)
    return lambda: strata_anova(y, model)


def weighted():
    from cuecircuit.stats.random_effects import random_effects

    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(30), np.repeat([1.0, -1.0], 15)])
    y, variance = rng.standard_normal((30, 2000)), rng.uniform(0.5, 2, (30, 2000))
    return lambda: random_effects(y, x, variance)


def robust():
    from cuecircuit.stats.robust import robust_regression

    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(30), np.repeat([1.0, -1.0], 15)])
    y = rng.standard_normal((30, 1000))
    return lambda: robust_regression(y, x)


def permuted_heights():
    from cuecircuit.clusters import maxima

    rng = np.random.default_rng(0)
    residuals = rng.standard_normal((21, 18_000)).astype(np.float32)
    residuals /= np.linalg.norm(residuals, axis=0)
    bases = np.linalg.qr(rng.standard_normal((50, 21, 2)))[0].transpose(0, 2, 1).astype(np.float32)
    return lambda: maxima.permuted_heights(residuals, np.ascontiguousarray(bases), tested=1, df2=19)


def cluster_maxima(score=False):
    from cuecircuit.clusters.maxima import MaximaRule, map_extremes, voxel_places
    from cuecircuit.clusters.neighbors import ClusterRule
    from cuecircuit.clusters.tfce import TfceSettings

    heights = np.random.default_rng(0).standard_normal((20 if score else 300, 18_000)).astype(np.float32)
    places = voxel_places(np.ones(BOX, bool), 6)
    tfce = TfceSettings() if score else None
    rule = MaximaRule(rule=ClusterRule(sided="2"), threshold=2.3, tested=1, df2=20, tfce=tfce)
    return lambda: map_extremes(heights, places, rule)


def scores():
    from cuecircuit.clusters.neighbors import neighbor_table
    from cuecircuit.clusters.tfce import tfce

    neighbors = neighbor_table(np.ones(BOX, bool), 6)
    statistic = np.random.default_rng(0).standard_normal((20, len(neighbors)))
    return lambda: [tfce(each, neighbors, sided="2") for each in statistic]


def null_fields():
    from cuecircuit.clusters.autocorrelation import Autocorrelation
    from cuecircuit.clusters.clustsim import simulate_cluster_sizes

    acf, voxel_mm = Autocorrelation(a=0.5, b_mm=0.6, c_mm=1.6), np.array([0.4, 0.4, 1.0])
    return lambda: simulate_cluster_sizes(np.ones(BOX, bool), voxel_mm, acf, iterations=16)


def operant_log():
    from cuecircuit.io.medpc_text import parse_sessions
    from cuecircuit.io.medpc_write import MedpcSession, write_medpc

    times = np.sort(np.random.default_rng(0).uniform(0, 43_200, 200_000)).round(3)
    session = MedpcSession(
        subject="R01",
        experiment="ESCALATION",
        group="LgA",
        box="1",
        msn="CUECIRCUIT LgA FR1",
        start=datetime(2024, 1, 1, 9),
        end=datetime(2024, 1, 1, 21),
        scalars={"A": 200_000},
        arrays={"X": times},
    )
    content = write_medpc([session]).encode()
    return lambda: parse_sessions(content)


KERNELS = {
    "mixed fit, Satterthwaite": mixed_fit,
    "mixed fit, Kenward-Roger": lambda: mixed_fit("kenward-roger"),
    "strata ANCOVA": strata,
    "random effects": weighted,
    "robust regression": robust,
    "permuted heights": permuted_heights,
    "cluster maxima": cluster_maxima,
    "cluster maxima with TFCE": lambda: cluster_maxima(score=True),
    "TFCE map": scores,
    "null fields": null_fields,
    "MED-PC log": operant_log,
}


def instructions(kernel: str, cache: str) -> float:
    """Count the instructions of one call; `cache` is a folder that keeps what Numba compiled."""
    environment = {**os.environ, **SAME_CODE, **ONE_ORDER, "NUMBA_CACHE_DIR": cache}
    words = [sys.executable, "-m", "benchmarks.instructions", "--call", kernel]
    subprocess.run(words, env=environment, check=True)  # compiles into the cache
    counter = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--instr-atstart=no"]
    done = subprocess.run([*counter, *words, "--counted"], env=environment, check=True, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1])


def count(switch: str) -> None:
    """Let the callgrind around this process begin or end to count."""
    subprocess.run(["callgrind_control", "-i", switch, str(os.getpid())], check=True, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernels", nargs="*", metavar="KERNEL", help=", ".join(KERNELS))
    parser.add_argument("--release")
    parser.add_argument("--call", metavar="KERNEL", help=argparse.SUPPRESS)
    parser.add_argument("--counted", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.call:
        call = KERNELS[options.call]()
        call()
        if options.counted:
            count("on")
            call()
            count("off")
        return
    if unknown := [name for name in options.kernels if name not in KERNELS]:
        parser.error(f"no kernel is called {', '.join(unknown)}; there are {', '.join(KERNELS)}")
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed: no instructions counted (apt-get install valgrind)")
    found = {}
    with tempfile.TemporaryDirectory() as cache:
        for kernel in options.kernels or KERNELS:
            found[f"instructions: {kernel}"] = counted = instructions(kernel, cache)
            print(f"{kernel}: {counted / 1e6:.1f} million instructions a call", flush=True)
    if options.release:
        from benchmarks.trend import record

        record(options.release, found)


if __name__ == "__main__":
    main()
