"""The maxima of every rearranged map: batches of arrangements, each over all blocks of voxels.

What arrangements work on is prepared once for each block of voxels (`prepare_term`, `prepared_hypothesis`) and read
again by every batch, from memory or from disk: a batch needs the whole map, for clusters know no blocks, but of the
residuals only one block at a time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from scipy import stats
from threadpoolctl import ThreadpoolController

from cuecircuit.arrays import Array, Bool, Float, Float32, Float64, Int
from cuecircuit.clusters.maxima import (
    MAP_STATISTICS,
    MapStatistic,
    MaximaRule,
    VoxelPlaces,
    map_extremes,
    permuted_heights,
)
from cuecircuit.stats.arrangements import Plan
from cuecircuit.stats.mixed_exchange import ScorePlan
from cuecircuit.stats.mixed_permutation import Scores, arranged_statistics, subject_scores
from cuecircuit.stats.permutation import PermutationPlan, arranged_bases, permutation_p, unit_residuals
from cuecircuit.stats.rotation import RotationPlan, rotated_bases, rotation_residuals

# numbers in the maps of one batch: 4 MB, so that they stay in a cache that cores share
_BATCH_NUMBERS = 1_000_000
_FEWEST_IN_BATCH, _MOST_IN_BATCH = 8, 256
# residuals are read once for each batch: of many rows more is done with a reading
_ROWS_IN_BATCH = 16

TermPlan = PermutationPlan | RotationPlan | ScorePlan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rotated:
    """What rotations work on, and the map of t or F of the arrangement found, which is not one of them."""

    residuals: Float32[Array, "row voxel"]
    found: Float32[Array, "voxel"]


Prepared = Float[Array, "row voxel"] | Rotated | Scores
# reads what arrangements work on in a block of voxels; it travels to workers
PreparedBlock = Callable[[], Prepared]


def prepare_term(
    y: Float[Array, "subject condition voxel"], plan: PermutationPlan | RotationPlan, f: Float[Array, "voxel"]
) -> tuple[Float[Array, "row voxel"] | Rotated, Bool[Array, "voxel"]]:
    """Return what arrangements of an error-strata model work on, and where; `f` is NaN where nothing can be tested."""
    if isinstance(plan, RotationPlan):
        residuals, variances, fitted = rotation_residuals(y, plan, testable=np.isfinite(f))
        heights = permuted_heights(
            variances, plan.basis.T[None].astype(variances.dtype), tested=plan.tested, df2=plan.df2
        )[0]
        return Rotated(residuals=residuals, found=heights), fitted
    # a voxel that lacks maps has fewer subjects to exchange than the others
    fitted = np.isfinite(f) & np.isfinite(y).all(axis=(0, 1))
    return unit_residuals(y, plan, testable=fitted), fitted


def prepared_hypothesis(
    y: Float[Array, "observation voxel"], plan: ScorePlan, *, n_jobs: int = 1
) -> tuple[Scores, Bool[Array, "voxel"]]:
    """Return what arrangements of a mixed model work on, and where."""
    scores = subject_scores(y, plan, n_jobs=n_jobs)
    return scores, scores.fitted


def found_heights(blocks: Sequence[PreparedBlock], plan: TermPlan) -> Float32[Array, "voxel"]:
    """Return the map of t (one tested column) or F of the arrangement found."""
    return arranged_heights(blocks, replace(plan, arrangements=plan.arrangements[:1]))[0]


@cache
def _thread_pools() -> ThreadpoolController:
    """Find the process's BLAS libraries; it takes as long as a batch of small maps."""
    return ThreadpoolController()


def _one_blas_thread() -> Any:
    """Limit BLAS to one thread: batches are spread over cores; sums of products must not depend on how many."""
    return _thread_pools().limit(limits=1, user_api="blas")


def arranged_heights(blocks: Sequence[PreparedBlock], plan: TermPlan) -> Float32[Array, "map voxel"]:
    """Return the map of t (one tested column) or F of every arrangement of a plan."""
    # in a process of its own too
    with _one_blas_thread():
        return np.concatenate([_block_heights(block(), plan) for block in blocks], axis=1)


def _block_heights(prepared: Prepared, plan: TermPlan) -> Float32[Array, "map voxel"]:
    whole = slice(None)
    if isinstance(plan, ScorePlan):
        assert isinstance(prepared, Scores)
        return arranged_statistics(prepared, plan, whole)
    if isinstance(plan, RotationPlan):
        assert isinstance(prepared, Rotated)
        bases = rotated_bases(plan, whole).astype(np.float32)
        heights = permuted_heights(prepared.residuals, bases, tested=plan.tested, df2=plan.df2)
        heights[plan.arrangements[:, 0] == 0] = prepared.found
        return heights
    assert isinstance(prepared, np.ndarray)
    bases = arranged_bases(plan, whole).astype(prepared.dtype)
    return permuted_heights(prepared, bases, tested=plan.tested, df2=plan.df2)


def arranged_maxima(
    blocks: Sequence[PreparedBlock],
    plan: TermPlan,
    where: VoxelPlaces,
    rule: MaximaRule,
    strength: Float[Array, "voxel"],
    *,
    n_rows: int,
    n_jobs: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Iterator[tuple[Float64[Array, "map 4"], Float64[Array, "voxel"]]]:
    """Yield the maxima of all arrangements done so far, and which share is as strong in each voxel, after each batch.

    Args:
        strength: of each voxel: what t or F (two-sided, |t|) must reach to be counted.
        n_rows: number of rows of what the blocks give.
        progress: called with the number of permutations done since the last call; the arrangement found is none.
    """
    n = len(plan.arrangements)
    size = min(_MOST_IN_BATCH, max(_FEWEST_IN_BATCH, n_rows // _ROWS_IN_BATCH, _BATCH_NUMBERS // where.places.size))
    batches = [slice(start, min(start + size, n)) for start in range(0, n, size)]
    maxima = np.empty((n, len(MAP_STATISTICS)))
    workers: Any = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")
    # a batch travels with its own arrangements alone
    parts = (replace(plan, arrangements=plan.arrangements[part]) for part in batches)
    tasks = (delayed(_maxima)(blocks, each, where, rule, strength) for each in parts)
    larger = np.zeros(where.places.size)
    # around all threads: a limit that one of them takes back would be gone for the others
    with _one_blas_thread():
        for part, (part_maxima, counts) in zip(batches, workers(tasks), strict=True):
            maxima[part] = part_maxima
            larger += counts
            if progress is not None:
                progress(len(part_maxima) - (part.start == 0))
            yield maxima[: part.stop], larger / part.stop


def _maxima(
    blocks: Sequence[PreparedBlock],
    plan: TermPlan,
    where: VoxelPlaces,
    rule: MaximaRule,
    strength: Float[Array, "voxel"],
) -> tuple[Float64[Array, "map 4"], Int[Array, "voxel"]]:
    heights = arranged_heights(blocks, plan)
    counts = np.zeros(strength.size, int)
    for height in heights:
        counts += (height if rule.rule.sided == "1" else np.abs(height)) >= strength
    return map_extremes(heights, where, rule), counts


def is_hopeless(
    maxima: dict[MapStatistic, Float64[Array, "arrangement"]], plan: Plan, alpha: float, stop_error: float
) -> bool:
    """Return whether the strongest of every statistic is surely not significant after the arrangements done."""
    looks = len(plan.arrangements)  # no more looks than arrangements
    for null in maxima.values():
        larger = round(permutation_p(null, null[:1])[0] * len(null)) - 1
        if stats.binom.sf(larger - 1, len(null) - 1, alpha) >= stop_error / looks:
            return False
    return True
