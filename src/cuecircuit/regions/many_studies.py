"""Region–behavior correlations of many simulated studies, each by the function that a real study goes through."""

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import DesignError
from cuecircuit.regions.brain_behavior import brain_behavior
from cuecircuit.stats.simulated_power import Outcomes


def correlation_outcomes(
    behavior: Float[Array, "study subject"],
    responses: Float[Array, "study subject region"],
    groups: Int[Array, "subject"],
    *,
    permutations: int,
    seeds: Int[Array, "study"],
) -> tuple[list[Outcomes], list[Outcomes]]:
    """Correlate in every study: pooled (q over the regions), then within groups (p by permutation), region by region.

    Args:
        behavior: one number per subject and study.
        responses: % BOLD, or another unit.
        groups: a code per subject.
        permutations: of behavior inside the groups.
        seeds: of the permutations of each study.

    A study whose behavior does not vary, or that has too few subjects, cannot be tested: NaN.
    """
    studies, _, regions = responses.shape
    found = np.full((2, 3, regions, studies), np.nan)
    for study in range(studies):
        try:
            own = brain_behavior(
                behavior[study], responses[study], groups, permutations=permutations, seed=int(seeds[study])
            )
        except DesignError:
            continue
        for row, correlation, p in ((0, own.pooled, own.q), (1, own.within, own.p_permutation)):
            found[row, :, :, study] = p, correlation.r, correlation.ci_high - correlation.ci_low
    pooled, within = ([Outcomes(p=p, estimate=r, width=w) for p, r, w in zip(*kind, strict=True)] for kind in found)
    return pooled, within
