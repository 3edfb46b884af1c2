"""Effect sizes: R's noncentral distributions, the duality of interval and test, and coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.behavior.effect_sizes import (
    average_d,
    comparison_d,
    generalized_eta2_limits,
    partial_eta2,
)
from cuecircuit.errors import DesignError
from cuecircuit.stats.noncentral_t import small_sample_factor
from cuecircuit.stats.strata_design import Contrast

A = np.array([12.0, 15, 9, 20, 14, 11, 17, 13])
B = np.array([18.0, 22, 15, 25, 16, 21, 19, 24])


# R 4.2.2: uniroot on pf(F, df1, df2, ncp = l), then l / (l + df1 + df2 + 1); R's roots are good to six digits
@pytest.mark.parametrize(
    ("f", "df1", "df2", "value", "low", "high"),
    [
        (4.25, 9, 171, 0.183, 0.0663266, 0.2285009),
        (35.5, 1, 19, 0.651, 0.3845538, 0.7612333),
        (0.3, 2, 20, 0.029, 0.0, 0.1428112),
    ],
)
def test_partial_eta2_has_the_interval_of_r(f: float, df1: int, df2: int, value: float, low: float, high: float):
    size = partial_eta2(f, df1, df2)

    assert size.value == pytest.approx(value, abs=5e-4)
    assert (size.ci_low, size.ci_high) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))


@given(st.floats(0, 60), st.integers(1, 10), st.integers(5, 200))
def test_the_interval_excludes_zero_exactly_when_the_test_is_significant(f: float, df1: int, df2: int):
    size = partial_eta2(f, df1, df2)

    # a root below 1e-10 cannot be told from 0
    assert (size.ci_low > 1e-10) == (stats.f.sf(f, df1, df2) < 0.05 - 1e-9)
    assert 0 <= size.ci_low <= size.ci_high <= 1


def test_the_small_sample_factor_is_close_to_its_usual_approximation():
    # 1 − 3/(4m − 1), Hedges 1981
    assert small_sample_factor(14) == pytest.approx(1 - 3 / 55, abs=2e-4)


def test_f_without_a_value_has_no_effect_size():
    assert np.isnan(partial_eta2(float("nan"), 1, 5).ci_low)


# R 4.2.2, effectsize 0.8.3: eta_squared(aov(v ~ g*s + Error(id/s)), generalized = TRUE, ci = .9,
# alternative = "two.sided") of 6 + 6 subjects with three levels each. The last by uniroot on pf(1.376558, 2, 20, l),
# the F that has this η²; eta_squared itself prints .236 there, no limit of that F.
@pytest.mark.parametrize(
    ("ges", "df1", "df2", "low", "high"),
    [
        (0.3494731780, 1, 10, 0.008222592845, 0.6287497990),
        (0.1991478101, 2, 20, 0.0, 0.4164443648),
        (0.1209995422, 2, 20, 0.0, 9.727173 / 29.727173),
    ],
)
def test_generalized_eta2_has_the_noncentralities_of_effectsize(ges, df1, df2, low, high):
    # effectsize turns a noncentrality into λ / (λ + df2), Steiger and this package into λ / (λ + df1 + df2 + 1)
    noncentralities = np.array([low, high]) * df2 / (1 - np.array([low, high]))
    expected = noncentralities / (noncentralities + df1 + df2 + 1)
    assert generalized_eta2_limits(ges, df1, df2) == pytest.approx(tuple(expected), abs=2e-6)


def test_average_d_has_the_limits_of_algina_and_keselman():
    size = average_d(A, B)
    n, change = len(A), B - A
    spread = A.var(ddof=1) + B.var(ddof=1)
    assert size.value == pytest.approx(change.mean() / np.sqrt(spread / 2))
    # their eq. for dependent groups: limits of the noncentrality times sqrt(2 (s1² + s2² - 2 s12) / (n (s1² + s2²)))
    unit = np.sqrt(2 * (spread - 2 * np.cov(A, B)[0, 1]) / (n * spread))
    t = change.mean() / (change.std(ddof=1) / np.sqrt(n))
    for limit, tail in ((size.ci_low, 0.975), (size.ci_high, 0.025)):
        assert stats.nct.cdf(t, n - 1, limit / unit) == pytest.approx(tail, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 100), st.floats(-50, 50))
def test_average_d_has_no_unit_and_changes_sign_with_the_order(seed, scale, shift):
    one, other = np.random.default_rng(seed).normal(size=(2, 9))
    plain, moved, turned = (
        average_d(one, other),
        average_d(one * scale + shift, other * scale + shift),
        average_d(other, one),
    )
    assert (moved.value, moved.ci_low, moved.ci_high) == pytest.approx(
        (plain.value, plain.ci_low, plain.ci_high), abs=1e-6
    )
    assert (turned.value, turned.ci_low) == pytest.approx((-plain.value, -plain.ci_high), abs=1e-6)


def test_the_interval_of_average_d_covers_the_effect_as_often_as_it_says():
    rng = np.random.default_rng(8)
    covered = 0
    for _ in range(400):
        pairs = rng.multivariate_normal([0, 0.6], [[1, 0.5], [0.5, 1]], 20)
        size = average_d(*pairs.T)
        covered += size.ci_low <= 0.6 <= size.ci_high
    # binomial standard error .011
    assert abs(covered / 400 - 0.95) < 4 * 0.011


def test_a_comparison_within_one_group_is_a_pair_and_no_other_has_d_av():
    y, groups = np.column_stack([A, B]), ["x"] * 4 + ["z"] * 4
    inside = Contrast(name="", family="", group=np.array([0.0, 1.0]), condition=np.array([-1.0, 1.0]))
    assert comparison_d(y, groups, inside) == average_d(A[4:], B[4:])
    for group, condition in (([1.0, -1.0], [0.5, 0.5]), ([0.5, 0.5], [-1.0, 1.0])):
        other = Contrast(name="", family="", group=np.array(group), condition=np.array(condition))
        assert np.isnan(comparison_d(y, groups, other).value)


def test_average_d_of_what_does_not_vary_or_is_no_pair():
    assert np.isnan(average_d(A, A + 1).value)
    with pytest.raises(DesignError, match="found 8 and 7 values"):
        average_d(A, B[:7])
