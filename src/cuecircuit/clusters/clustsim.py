"""How large a cluster noise makes: simulated null distributions of the largest cluster, and sizes read from them.

Gaussian fields with the noise's autocorrelation are thresholded at voxel-wise p and the size of the largest cluster in
the mask is kept (Forman 1995, Magn Reson Med 33:636; AFNI's 3dClustSim). p becomes a threshold of z: isf(p) one-sided,
isf(p/2) two- and bi-sided; a voxel is in if it is strictly above.

α(c) is the share of fields whose largest cluster has c voxels or more. The cluster size for a given α is interpolated
linearly in log(−log(1−α)) between whole sizes, is at least 1 and never falls with a looser p or a smaller α. Its Monte
Carlo standard error is half the distance between the sizes read at α ± one binomial standard error of α.

What a Gaussian field stands for: a t map counts as z at the same p. A map of F(1, df) is |t|² and is thresholded at the
p of F: rule "2". A map of F with more numerator degrees of freedom has a field of its own, χ²-like, which is not
simulated here: threshold it at the p of F and compare with rule "1" only as an approximation, or permute.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import norm

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.clusters.autocorrelation import Autocorrelation
from cuecircuit.clusters.extent_kernel import largest_clusters
from cuecircuit.clusters.neighbors import ClusterRule, Connectivity, neighbor_table
from cuecircuit.clusters.null_field import NullField, draw_pair, null_field
from cuecircuit.errors import DataError

# voxel-wise p and α in use today (Eklund 2016, PNAS 113:7900: looser p than 0.01 is not defensible)
VOXEL_P = (0.01, 0.005, 0.001)
ALPHA = (0.05, 0.01)

_PAIRS_PER_TASK = 8  # long enough to hide the cost of a task, short enough for a smooth progress bar
_FEWEST_ABOVE = 10  # fields expected beyond a size that is to be trusted: α is then known to about 1/√10 of itself

# neighbor table, falling thresholds, absolute value?, one sign? : the arguments of the kernel
Sweep = tuple[np.ndarray, np.ndarray, bool, bool]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClusterNull:
    """Largest cluster of every simulated field, voxels; row k belongs to voxel-wise p `pthr[k]`, threshold `z[k]`."""

    maxima: Int[Array, "threshold field"]
    pthr: tuple[float, ...]
    z: Float[Array, "threshold"]
    rule: ClusterRule
    acf: Autocorrelation
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SizeThresholds:
    """Cluster sizes (voxels) that the largest cluster of noise reaches with probability `athr`, and their errors."""

    sizes: Float[Array, "threshold alpha"]
    standard_errors: Float[Array, "threshold alpha"]
    pthr: tuple[float, ...]
    athr: tuple[float, ...]
    rule: ClusterRule


def simulate_cluster_sizes(
    mask: Bool[Array, "x y z"],
    voxel_mm: Float[Array, "3"],
    acf: Autocorrelation,
    *,
    rules: Sequence[ClusterRule] = (ClusterRule(),),
    pthr: Sequence[float] = VOXEL_P,
    iterations: int = 10_000,
    seed: int = 0,
    n_jobs: int = 1,
    progress: Callable[[int], None] | None = None,
) -> tuple[ClusterNull, ...]:
    """Simulate the largest cluster of noise under each rule, all from the same fields.

    Args:
        pthr: voxel-wise p.
        iterations: number of fields.
        seed: the same seed gives the same numbers for any `n_jobs`; more iterations continue the same fields.
        n_jobs: threads; -1 for all cores.
        progress: called with the number of fields done since the last call.

    Raises:
        DataError: empty mask, a p that is not between 0 and 0.5, or no field.
    """
    _check(pthr, iterations)
    field = null_field(mask, voxel_mm, acf)
    strictest_first = np.argsort(pthr, kind="stable")
    z = [norm.isf(np.array(pthr) / (1 if rule.sided == "1" else 2)) for rule in rules]
    neighborhoods: set[Connectivity] = {rule.connectivity for rule in rules}
    tables = {connectivity: neighbor_table(mask, connectivity) for connectivity in neighborhoods}
    sweeps: list[Sweep] = [
        (tables[rule.connectivity], levels[strictest_first], rule.sided != "1", rule.sided == "bi")
        for rule, levels in zip(rules, z, strict=True)
    ]
    maxima = np.empty((len(rules), len(pthr), iterations), dtype=np.int32)
    done = 0
    for part in _in_parallel(field, sweeps, iterations, seed, n_jobs):
        part = part[:, :, : iterations - done]
        maxima[:, strictest_first, done : done + part.shape[2]] = part
        done += part.shape[2]
        if progress is not None:
            progress(part.shape[2])
    return tuple(
        ClusterNull(maxima=rows, pthr=tuple(pthr), z=levels, rule=rule, acf=acf, seed=seed)
        for rows, levels, rule in zip(maxima, z, rules, strict=True)
    )


def size_thresholds(null: ClusterNull, athr: Sequence[float] = ALPHA) -> SizeThresholds:
    """Read the cluster size for each p and α.

    Raises:
        DataError: α is not between 0 and 1, or too small for this number of fields.
    """
    fields = null.maxima.shape[1]
    check_alpha(athr, fields)
    alpha = np.array(athr, dtype=np.float64)
    error = np.sqrt(alpha * (1 - alpha) / fields)
    sizes, above, below = (
        np.array([_sizes_at(row, level) for row in null.maxima]) for level in (alpha, alpha - error, alpha + error)
    )
    # from strict to loose p, from large to small α
    order = np.ix_(np.argsort(null.pthr, kind="stable"), np.argsort(-alpha, kind="stable"))
    sizes[order] = np.maximum.accumulate(np.maximum.accumulate(sizes[order], axis=0), axis=1)
    return SizeThresholds(
        sizes=sizes,
        standard_errors=(above - below) / 2,
        pthr=null.pthr,
        athr=tuple(athr),
        rule=null.rule,
    )


def check_alpha(athr: Sequence[float], fields: int) -> None:
    """Refuse an α that this number of fields cannot resolve.

    Raises:
        DataError: every such α, and how many fields it takes.
    """
    faults = [] if len(athr) else ["no α: expected at least one, such as 0.05"]
    for alpha in athr:
        if not 0 < alpha < 1:
            faults.append(f"α = {alpha:g}: expected a probability between 0 and 1, such as 0.05")
        elif alpha * fields < _FEWEST_ABOVE:
            needed = np.ceil(round(_FEWEST_ABOVE / alpha, 6))
            faults.append(f"α = {alpha:g} cannot be told from {fields} fields: run {needed:.15g} or more, or raise α")
    if faults:
        raise DataError(faults)


def cluster_p(null: ClusterNull, pthr: float, sizes: Int[Array, "cluster"]) -> Float[Array, "cluster"]:
    """Return the corrected p of observed cluster sizes: (k + 1)/(n + 1), k of n null maxima as large; never 0.

    Raises:
        DataError: nothing was simulated at this voxel-wise p.
    """
    if pthr not in null.pthr:
        simulated = ", ".join(f"{p:g}" for p in null.pthr)
        raise DataError(f"no null distribution at voxel-wise p = {pthr:g}: simulated were {simulated}")
    maxima = np.sort(null.maxima[null.pthr.index(pthr)])
    return (maxima.size - np.searchsorted(maxima, sizes) + 1) / (maxima.size + 1)


def _in_parallel(field: NullField, sweeps: list[Sweep], iterations: int, seed: int, n_jobs: int) -> Iterator[Array]:
    pairs = (iterations + 1) // 2
    tasks = (range(first, min(first + _PAIRS_PER_TASK, pairs)) for first in range(0, pairs, _PAIRS_PER_TASK))
    workers: Any = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")
    yield from workers(delayed(_largest)(field, sweeps, task, seed) for task in tasks)


def _largest(field: NullField, sweeps: list[Sweep], pairs: range, seed: int) -> Int[Array, "rule threshold field"]:
    sizes = []
    for index in pairs:
        # one child of the seed for each pair of fields, whoever draws it
        rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(index,))))
        for statistic in draw_pair(field, rng):
            sizes.append([largest_clusters(statistic, *sweep) for sweep in sweeps])
    return np.moveaxis(np.array(sizes), 0, -1)


def _sizes_at(maxima: Int[Array, "field"], alpha: Float[Array, "alpha"]) -> Float[Array, "alpha"]:
    counts = np.bincount(maxima, minlength=2)
    # α of sizes 0, 1, …; one that was never or always reached counts as half a field short, for a finite logarithm
    reached = np.append(np.cumsum(counts[::-1])[::-1] / maxima.size, 0)
    reached = np.clip(reached, 0.5 / maxima.size, 1 - 0.5 / maxima.size)
    return np.maximum(np.interp(-_loglog(alpha), -_loglog(reached), np.arange(reached.size)), 1)


def _loglog(alpha: Float[Array, "alpha"]) -> Float[Array, "alpha"]:
    return np.log(-np.log1p(-alpha))


def _check(pthr: Sequence[float], iterations: int) -> None:
    faults = [] if len(pthr) else ["no voxel-wise p: expected at least one, such as 0.001"]
    if iterations < 1:
        faults.append(f"{iterations} iterations: expected at least 1 simulated field, better 10000")
    for p in pthr:
        if p >= 1:
            faults.append(f"voxel-wise p = {p:g} looks like a z: expected a p; a z of {p:g} is p = {norm.sf(p):.3g}")
        elif not 0 < p <= 0.5:
            faults.append(f"voxel-wise p = {p:g}: expected a p above 0 and at most 0.5, such as 0.001")
    if faults:
        raise DataError(faults)
