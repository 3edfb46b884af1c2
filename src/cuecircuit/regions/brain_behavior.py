"""Region responses against one behavioral number per subject: pooled, within groups, and by permutation.

Pooling groups that differ in both measures makes a correlation even where there is none inside any group; the
within-group correlation (group means taken out) and its permutation null do not. Both are given side by side.
"""

from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.stats.correlation import Correlation, correlate, permute_correlation
from cuecircuit.stats.multiple_testing import Adjustment, adjust_p


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BrainBehavior:
    """Correlations of every region; `q` and `q_within` are p adjusted over the regions tested."""

    pooled: Correlation
    within: Correlation
    q: Float[Array, "region"]
    q_within: Float[Array, "region"]
    p_permutation: Float[Array, "region"]


def brain_behavior(
    behavior: Float[Array, "subject"],
    responses: Float[Array, "subject region"],
    groups: Int[Array, "subject"],
    *,
    permutations: int,
    seed: int,
    ranks: bool = False,
    covariates: Float[Array, "subject covariate"] | None = None,
    adjust: Adjustment = "fdr",
) -> BrainBehavior:
    """Correlate a behavioral number with the response of every region.

    Args:
        behavior: one number per subject, any unit.
        responses: % BOLD, or another unit; NaN in a region that has no number.
        groups: a code per subject.
        permutations: of `behavior` inside the groups.
        seed: of the permutations.
        ranks: correlate midranks (Spearman) instead of values.
        covariates: partialled out of both sides.
        adjust: p over the regions.

    Raises:
        DesignError: too few subjects, or `behavior` does not vary inside the groups.
    """
    pooled = correlate(behavior, responses, covariates=covariates, ranks=ranks)
    within = correlate(behavior, responses, groups=groups, covariates=covariates, ranks=ranks)
    permuted = permute_correlation(
        behavior,
        responses,
        rng=np.random.default_rng(seed),
        groups=groups,
        covariates=covariates,
        ranks=ranks,
        n_permutations=permutations,
    )
    return BrainBehavior(
        pooled=pooled,
        within=within,
        q=adjust_p(pooled.p, adjust),
        q_within=adjust_p(within.p, adjust),
        p_permutation=permuted.p,
    )
