"""Several runs of one subject to one estimate: fixed effects.

Runs that hold the same conditions estimate the same effect, each with its own variance; they are weighted by
precision, effect = Σ(eᵢ / vᵢ) / Σ(1 / vᵢ), variance = 1 / Σ(1 / vᵢ). Where the conditions of a contrast lie in
different runs, each run gives its part; parts of different runs are independent, so that effects and variances add.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float64
from cuecircuit.errors import DesignError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimate:
    """An effect and its variance, voxel by voxel; NaN where nothing could be fitted."""

    effect: Float64[Array, "voxel"]
    variance: Float64[Array, "voxel"]


def precision_weighted(runs: Sequence[Estimate]) -> Estimate:
    """Average runs that estimate the same effect; a voxel that one run lacks is made of the others."""
    effect = np.stack([run.effect for run in runs])
    variance = np.stack([run.variance for run in runs])
    usable = np.isfinite(effect) & (variance > 0)
    weight = np.divide(1.0, variance, out=np.zeros_like(variance), where=usable)
    total = weight.sum(axis=0)
    total[total == 0] = np.nan
    return Estimate(effect=(weight * np.where(usable, effect, 0)).sum(axis=0) / total, variance=1 / total)


def over_runs(name: str, parts: Sequence[tuple[frozenset[str], Estimate]]) -> Estimate:
    """Combine the parts of a contrast that the runs give.

    Args:
        name: of the contrast, for messages.
        parts: for each run the conditions of the contrast that it holds, and the estimate of their weighted sum.

    Raises:
        DesignError: runs hold different but overlapping sets of the contrast's conditions.
    """
    groups: dict[frozenset[str], list[Estimate]] = {}
    for conditions, estimate in parts:
        groups.setdefault(conditions, []).append(estimate)
    held = [condition for conditions in groups for condition in conditions]
    if len(held) != len(set(held)):
        sets = "; ".join(", ".join(sorted(conditions)) for conditions in groups)
        raise DesignError(
            f"contrast {name}: runs hold different but overlapping conditions ({sets}); "
            "the same set in each run, or none in common, can be combined"
        )
    sums = [precision_weighted(estimates) for estimates in groups.values()]
    return Estimate(
        effect=np.sum([each.effect for each in sums], axis=0), variance=np.sum([each.variance for each in sums], axis=0)
    )
