"""What a group analysis of many maps moves and computes, and how long it takes on many machines: a sum, not a run.

    python validation/cohort_estimate.py [--maps 44000] [--nodes 32] [--permutations 0]

Counted per map and voxel, with what one processor core did in `cohort.py` (mixed model, 2 000 maps x 235 375 voxels):
153 s, all of reading, fitting, smoothness, 1 000 null fields and writing, for 4.7e8 numbers. Assumed, not measured:
cores of a node, how fast a shared file system reads, how fast a core packs, and that blocks share out evenly.
"""

import argparse
from dataclasses import dataclass

VOXELS = 235_375
MEASURED_S, MEASURED_NUMBERS = 153.0, 2000 * VOXELS
FLOAT = 4
GZIP = 0.70  # bytes on disk per byte of float32: int16 maps, as measured


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Assumed: nodes of a cluster and the file system that they share."""

    nodes: int = 32
    cores: int = 8
    shared_gb_per_s: float = 2.0
    core_gflops: float = 20.0  # single precision products, one core


def estimate(maps: int, permutations: int, machines: Machines) -> dict[str, float]:
    """Give bytes moved (GB), operations and wall time (s) of one analysis with one mixed model and one tested term."""
    numbers = maps * VOXELS
    cores = machines.nodes * machines.cores
    gb = FLOAT * numbers / 1e9
    # read packed, written by maps, read by voxels, residuals written and read four times (three for smoothness), packed
    # in parts that are written, read and joined: noise in single precision hardly gets smaller
    moved = gb * (GZIP + 1 + 1 + 1 + 4 + 3)
    fit_s = MEASURED_S * numbers / MEASURED_NUMBERS / cores
    packing_s = max(gb * 1e9 / (40e6 * cores), 3 * gb / machines.shared_gb_per_s)  # a core packs 40 MB/s
    batches = -(-permutations // 256)
    scores = gb / 2  # subjects' scores, at most one row for two maps
    moved += scores * (1 + batches) if permutations else 0
    flops = 2.0 * permutations * numbers / 2
    seconds = {
        "first pass (files, fits, smoothness)": max(fit_s, gb * (GZIP + 7) / machines.shared_gb_per_s),
        "residuals packed by all, joined by one process": packing_s,
        "permutations": max(flops / (cores * machines.core_gflops * 1e9), scores * batches / machines.shared_gb_per_s),
    }
    return {
        "GB as float32": gb,
        "GB moved": moved,
        "products of permutations, Tflop": flops / 1e12,
        **{f"{name}, min": value / 60 for name, value in seconds.items()},
        "wall time, min": sum(seconds.values()) / 60,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--maps", type=int, default=44_000)
    parser.add_argument("--nodes", type=int, default=32)
    parser.add_argument("--permutations", type=int, default=10_000)
    options = parser.parse_args()
    for name, value in estimate(options.maps, options.permutations, Machines(nodes=options.nodes)).items():
        print(f"{name}: {value:.3g}")


if __name__ == "__main__":
    main()
