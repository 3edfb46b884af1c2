"""Correlations of many studies: each that of `brain_behavior`, and power as the exact distribution of r says."""

import numpy as np
import pytest

from cuecircuit.regions.brain_behavior import brain_behavior
from cuecircuit.regions.many_studies import correlation_outcomes
from cuecircuit.stats.power import correlation_power

GROUPS = np.repeat([0, 1], [6, 5])


def test_every_study_goes_through_the_function_of_a_real_one():
    rng = np.random.default_rng(0)
    behavior, responses = rng.normal(size=(3, 11)), rng.normal(size=(3, 11, 2))
    seeds = np.array([5, 6, 7])
    pooled, within = correlation_outcomes(behavior, responses, GROUPS, permutations=19, seeds=seeds)

    for study in range(3):
        alone = brain_behavior(behavior[study], responses[study], GROUPS, permutations=19, seed=int(seeds[study]))
        for region in range(2):
            assert pooled[region].p[study] == alone.q[region]
            assert pooled[region].estimate[study] == alone.pooled.r[region]
            assert within[region].p[study] == alone.p_permutation[region]
            width = alone.within.ci_high[region] - alone.within.ci_low[region]
            assert within[region].width[study] == width


def test_a_study_that_cannot_be_tested_is_no_number_and_the_others_are():
    rng = np.random.default_rng(1)
    behavior = rng.normal(size=(2, 11))
    behavior[0] = 4.0
    pooled, _ = correlation_outcomes(
        behavior, rng.normal(size=(2, 11, 1)), GROUPS, permutations=19, seeds=np.array([0, 1])
    )
    np.testing.assert_array_equal(np.isnan(pooled[0].p), [True, False])
    assert pooled[0].verdicts(1.0)[0] == 0


def test_power_of_one_region_is_that_of_the_exact_distribution():
    rng = np.random.default_rng(2)
    studies, rho = 1500, 0.7
    behavior = rng.normal(size=(studies, 11))
    response = rho * behavior + np.sqrt(1 - rho**2) * rng.normal(size=behavior.shape)
    pooled, within = correlation_outcomes(
        behavior, response[:, :, None], GROUPS, permutations=199, seeds=np.arange(studies)
    )
    # 4 standard errors of a share near .7 in 1500; one region has no family, so q is p
    assert np.mean(pooled[0].p <= 0.05) == pytest.approx(correlation_power(9, rho), abs=0.05)
    # the exact permutation test of a normal measure is nearly as good as t: 199 arrangements cost a little
    assert np.mean(within[0].p <= 0.05) == pytest.approx(correlation_power(8, rho), abs=0.06)
