import numpy as np
from scipy import stats

from cuecircuit.regions.brain_behavior import brain_behavior

GROUPS = np.repeat([0, 1], [11, 10])


def test_the_pooled_correlation_is_pearsons():
    rng = np.random.default_rng(0)
    behavior, responses = rng.normal(size=21), rng.normal(size=(21, 3))
    found = brain_behavior(behavior, responses, GROUPS, permutations=200, seed=0)
    r, p = zip(*(stats.pearsonr(behavior, column) for column in responses.T), strict=True)
    np.testing.assert_allclose(found.pooled.r, r, rtol=1e-12)
    np.testing.assert_allclose(found.pooled.p, p, rtol=1e-9)
    np.testing.assert_allclose(found.q, stats.false_discovery_control(found.pooled.p))


def test_groups_that_differ_on_both_axes_correlate_pooled_but_not_within():
    rng = np.random.default_rng(1)
    apart = 6.0 * GROUPS
    found = brain_behavior(
        apart + rng.normal(size=21), (apart + rng.normal(size=21))[:, None], GROUPS, permutations=999, seed=0
    )
    assert found.pooled.p[0] < 1e-4
    assert found.within.p[0] > 0.05
    assert found.p_permutation[0] > 0.05


def test_a_region_without_a_number_is_not_tested_and_does_not_count_in_q():
    rng = np.random.default_rng(2)
    behavior = rng.normal(size=21)
    responses = np.column_stack([behavior + 0.3 * rng.normal(size=21), np.full(21, np.nan)])
    found = brain_behavior(behavior, responses, GROUPS, permutations=200, seed=0)
    assert np.isnan(found.q[1])
    assert found.q[0] == found.pooled.p[0]
