"""Limits of partial η²: the noncentral F at either limit gives its quantile, and 0 is excluded where p < .05."""

import numpy as np
import pytest
from scipy import stats

from cuecircuit.stats.effect_limits import eta2_limits


@pytest.mark.parametrize(("df1", "df2"), [(1, 19), (3, 57), (9, 171), (1, 3.7), (2, 2)])
def test_the_f_found_lies_at_either_end_of_the_distributions_of_its_limits(df1, df2):
    f = np.r_[np.random.default_rng(1).f(df1, df2, 60), 30.0, 200.0, 1e4, 1e6]
    low, high = eta2_limits(f, df1, df2)
    for limit, quantile in ((low, 0.95), (high, 0.05)):
        inside = limit > 0
        noncentrality = limit[inside] * (df1 + df2 + 1) / (1 - limit[inside])
        np.testing.assert_allclose(stats.ncf.cdf(f[inside], df1, df2, noncentrality), quantile, atol=1e-8)
    np.testing.assert_array_equal(low > 0, stats.f.sf(f, df1, df2) < 0.05)


def test_many_responses_and_few_have_the_same_limits():
    f = np.r_[np.random.default_rng(2).f(2, 40, 5_000), 60.0]
    few = [eta2_limits(part, 2, 40) for part in np.array_split(f, 20)]
    for limit, whole in enumerate(eta2_limits(f, 2, 40)):
        np.testing.assert_allclose(whole, np.concatenate([part[limit] for part in few]), atol=5e-7)


def test_df_of_their_own_and_what_is_not_there():
    f, df2 = np.array([4.0, np.nan, 9.0, 5.0]), np.array([10.0, 10.0, 30.0, np.inf])
    low, high = eta2_limits(f, 1, df2)
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [False, True, False, True]
    assert low[2] == eta2_limits(f[2:3], 1, 30)[0][0]


@pytest.mark.parametrize("df1", [1, 3])
def test_a_huge_f_has_limits_by_the_quantiles_of_its_denominator(df1):
    f = 1e13  # of the mean of maps that were not centered
    # λ/f/df1 is a chi-squared over its degrees of freedom, in the limit
    expected = [df1 * f * stats.chi2.ppf(p, 20) / 20 for p in (0.05, 0.95)]
    for limit, noncentrality in zip(eta2_limits(np.array([f]), df1, 20), expected, strict=True):
        assert 1 - limit[0] == pytest.approx((df1 + 21) / (noncentrality + df1 + 21), rel=1e-4)
