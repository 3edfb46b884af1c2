"""Effect sizes: R's noncentral distributions, the duality of interval and test, and coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.behavior.effect_sizes import hedges_g, partial_eta2, small_sample_factor
from cuecircuit.errors import DesignError

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


def test_hedges_g_has_the_value_and_interval_of_r():
    # R 4.2.2: t.test, gamma() for J, uniroot on pt(t, df, ncp = l), which warns of its own precision
    for paired, expected in (
        (False, (1.6289243, 0.5061128, 2.7109360)),
        (True, (1.6634084, 0.5939347, 2.6967406)),
    ):
        size = hedges_g(A, B, paired=paired)
        assert (size.value, size.ci_low, size.ci_high) == pytest.approx(expected, abs=1e-5)


@given(st.floats(0, 60), st.integers(1, 10), st.integers(5, 200))
def test_the_interval_excludes_zero_exactly_when_the_test_is_significant(f: float, df1: int, df2: int):
    size = partial_eta2(f, df1, df2)

    # a root below 1e-10 cannot be told from 0
    assert (size.ci_low > 1e-10) == (stats.f.sf(f, df1, df2) < 0.05 - 1e-9)
    assert 0 <= size.ci_low <= size.ci_high <= 1


@settings(max_examples=20)  # each inverts two distributions
@given(st.floats(0.1, 10), st.floats(-50, 50))
def test_neither_unit_nor_origin_matters_and_the_sign_follows_the_order(scale: float, shift: float):
    size, moved = hedges_g(A, B), hedges_g(scale * A + shift, scale * B + shift)

    assert (moved.value, moved.ci_low) == pytest.approx((size.value, size.ci_low), rel=1e-6)
    assert hedges_g(B, A).value == pytest.approx(-size.value)


def test_the_small_sample_factor_is_close_to_its_usual_approximation():
    # 1 − 3/(4m − 1), Hedges 1981
    assert small_sample_factor(14) == pytest.approx(1 - 3 / 55, abs=2e-4)


def test_the_interval_of_g_covers_the_true_difference_as_often_as_it_says():
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(200):
        size = hedges_g(rng.normal(0, 1, 10), rng.normal(0.8, 1, 11))
        inside += size.ci_low <= 0.8 <= size.ci_high

    # 95 % of 200; a true 95 % gives fewer than 180 or more than 199 once in a thousand seeds, and the seed is fixed
    assert 180 <= inside <= 199


def test_no_spread_has_no_standardized_difference_and_one_value_is_refused():
    assert np.isnan(hedges_g(np.ones(3), np.ones(3) * 2).value)
    assert np.isnan(partial_eta2(float("nan"), 1, 5).ci_low)
    with pytest.raises(DesignError, match="hedges_g: found 1 and 8 values, expected two or more"):
        hedges_g(A[:1], B)
