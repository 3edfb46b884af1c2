"""Instructions of the kernels, counted by valgrind: numbers that do not depend on what else the machine does.

    python -m benchmarks.instructions [KERNEL ...] [--release 0.2.0]

Each kernel is run in a process of its own under callgrind with few and with more repeats; the difference is what the
repeats cost, free of imports. Numba compiles for a generic processor, so that counts of two machines compare. It takes
some minutes for each kernel. Where valgrind is not installed nothing can be counted, and that is said.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

FEW, MORE = 1, 5


def mixed_fit():
    from cuecircuit.stats.mixed_fit import fit_mixed
    from cuecircuit.stats.mixed_model import mixed_model

    rng = np.random.default_rng(0)
    subject, cue = np.repeat(np.arange(20), 4).astype(str), np.tile(["a", "a", "b", "b"], 20)
    model = mixed_model("cue + (1|subject) + (1|subject:cue)", {"subject": subject, "cue": cue})
    y = rng.standard_normal((80, 200)) + np.repeat(rng.standard_normal((20, 200)), 4, axis=0)
    return lambda: fit_mixed(y, model)


def cluster_maxima():
    from cuecircuit.clusters.maxima import MaximaRule, map_extremes, voxel_places
    from cuecircuit.clusters.neighbors import ClusterRule

    rng = np.random.default_rng(0)
    places = voxel_places(np.ones((30, 30, 20), bool), 6)
    heights = rng.standard_normal((8, 18_000)).astype(np.float32)
    rule = MaximaRule(rule=ClusterRule(sided="2"), threshold=2.3, tested=1, df2=20, tfce=None)
    return lambda: map_extremes(heights, places, rule)


KERNELS = {"mixed fit": mixed_fit, "cluster maxima": cluster_maxima}


def instructions(kernel: str) -> float:
    """Count the instructions of one call."""
    with tempfile.TemporaryDirectory() as folder:
        generic = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": folder}
        environment = {**os.environ, **generic, "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
        words = [sys.executable, "-m", "benchmarks.instructions", "--call", kernel]
        subprocess.run([*words, "1"], env=environment, check=True)  # compiles into the folder
        counts = []
        for repeats in (FEW, MORE):
            counter = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
            done = subprocess.run(
                [*counter, *words, str(repeats)], env=environment, check=True, capture_output=True, text=True
            )
            found = re.search(r"Collected : (\d+)", done.stderr)
            assert found is not None, done.stderr
            counts.append(int(found[1]))
    return (counts[1] - counts[0]) / (MORE - FEW)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernels", nargs="*", metavar="KERNEL", help=", ".join(KERNELS))
    parser.add_argument("--release")
    parser.add_argument("--call", nargs=2, metavar=("KERNEL", "REPEATS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.call:
        call = KERNELS[options.call[0]]()
        for _ in range(int(options.call[1])):
            call()
        return
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed: no instructions counted (apt-get install valgrind)")
    found = {}
    for kernel in options.kernels or KERNELS:
        found[f"instructions: {kernel}"] = count = instructions(kernel)
        print(f"{kernel}: {count / 1e6:.2f} million instructions a call", flush=True)
    if options.release:
        from benchmarks.trend import record

        record(options.release, found)


if __name__ == "__main__":
    main()
