"""How far kernels are from what the machine can do: bytes and flops of each against a copy and a dgemm of the same run.

Bounds are of one core: a kernel takes at least its flops over the speed of dgemm (of sgemm where it is in single
precision), and its bytes over that of a copy. Flops and bytes are the least that its arithmetic needs, inputs and
outputs touched once; a share of 1 means nothing is left to gain. Times are medians of five.
"""

from collections.abc import Callable

import numpy as np

from benchmarks import seconds
from benchmarks.strata import design
from cuecircuit.clusters.maxima import permuted_heights
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_design import strata_model

VOXELS, MAPS = 20_000, 64
Kernel = tuple[str, Callable[[], object], float, float, type]


def median_seconds(work: Callable[[], object]) -> float:
    work()  # compiles, and warms the caches
    return float(np.median([seconds(work) for _ in range(5)]))


def speeds() -> tuple[float, dict[type, float]]:
    """Measure bytes a second of a copy (read and written) and flops a second of a product of matrices."""
    source = np.ones(2**25)
    target = np.empty_like(source)
    copied = 2 * source.nbytes / median_seconds(lambda: np.copyto(target, source))
    flops = {}
    for kind in (np.float32, np.float64):
        square = np.ones((1024, 1024), kind)
        flops[kind] = 2 * 1024**3 / median_seconds(lambda square=square: square @ square)
    return copied, flops


def kernels() -> list[Kernel]:
    rng = np.random.default_rng(0)
    plan = design(rng)
    model = strata_model(plan)
    y = rng.normal(size=(21, 4, VOXELS)).astype(np.float32)
    # to scores; to lengths along the columns of each stratum and back; squares
    strata_flops = VOXELS * (2 * 84 * 4 + sum(4 * stratum.basis.size for stratum in model.strata) + 2 * 84)
    residuals = rng.standard_normal((21, VOXELS)).astype(np.float32)
    residuals /= np.linalg.norm(residuals, axis=0)
    bases = np.stack([np.linalg.qr(rng.standard_normal((21, 3)))[0].T for _ in range(MAPS)]).astype(np.float32)
    heights_flops = MAPS * VOXELS * (2 * 21 * 3 + 2 * 3 + 6)
    return [
        ("strata ANCOVA, 84 maps", lambda: strata_anova(y, model), strata_flops, y.nbytes, np.float64),
        (
            f"t of {MAPS} permuted maps",
            lambda: permuted_heights(residuals, bases, tested=1, df2=18),
            heights_flops,
            residuals.nbytes + 4 * MAPS * VOXELS,
            np.float32,
        ),
    ]


def main() -> None:
    copied, flops = speeds()
    rates = ", ".join(f"{np.dtype(kind).name} product {speed / 1e9:.1f} Gflop/s" for kind, speed in flops.items())
    print(f"copy {copied / 1e9:.1f} GB/s, {rates}, one core")
    for name, work, needed, touched, kind in kernels():
        taken, by_flops, by_bytes = median_seconds(work), needed / flops[kind], touched / copied
        share = max(by_flops, by_bytes) / taken
        bound = "flops" if by_flops > by_bytes else "bytes"
        print(
            f"{name}, {VOXELS} voxels: {1000 * taken:.1f} ms; bound by {bound}, {share:.2f} of it "
            f"({needed / 1e6:.0f} Mflop, {touched / 1e6:.1f} MB)"
        )


if __name__ == "__main__":
    main()
