"""The noncentral t against SciPy's, and limits of its noncentrality against a table of another author."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.stats.noncentral_t import noncentral_t_cdf, noncentral_t_density, noncentrality_limits


@settings(max_examples=25, deadline=None)
@given(t=st.floats(-8, 8), df=st.floats(2, 300), m=st.floats(-5, 5))
def test_tails_and_density_are_those_of_scipy(t: float, df: float, m: float) -> None:
    one = np.array([t])
    tail, density = stats.nct.cdf(t, df, m), stats.nct.pdf(t, df, m)
    assume(np.isfinite([tail, density]).all())  # SciPy's are NaN for some
    assert noncentral_t_cdf(one, df, m)[0] == pytest.approx(tail, abs=1e-9)
    assert noncentral_t_density(one, df, m)[0] == pytest.approx(density, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(t=st.floats(-60, 60), df=st.floats(3, 400), confidence=st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_limits_leave_half_of_the_rest_on_either_side(t: float, df: float, confidence: float) -> None:
    low, high = noncentrality_limits(np.array([t]), df, confidence=confidence)
    tail = (1 - confidence) / 2
    assert noncentral_t_cdf(np.array([t]), df, low)[0] == pytest.approx(1 - tail, abs=1e-10)
    assert noncentral_t_cdf(np.array([t]), df, high)[0] == pytest.approx(tail, abs=1e-10)


def test_many_responses_get_the_limits_of_each_alone() -> None:
    t = np.random.default_rng(0).standard_t(20, 2_000)
    t[7] = np.nan
    many, few = noncentrality_limits(t, 20), noncentrality_limits(t[:50], 20)
    np.testing.assert_allclose([each[:50] for each in many], few, atol=1e-8)
    assert np.isnan(many[0][7])


def test_intervals_hold_the_effect_as_often_as_they_say() -> None:
    rng = np.random.default_rng(4)
    y = rng.normal(0.5, 1, (4_000, 12))
    t = y.mean(axis=1) / y.std(axis=1, ddof=1) * np.sqrt(12)
    low, high = noncentrality_limits(t, 11)
    held = np.mean((low <= 0.5 * np.sqrt(12)) & (0.5 * np.sqrt(12) <= high))
    # Monte Carlo SE .0034
    assert held == pytest.approx(0.95, abs=0.012)


def test_limits_of_a_large_t_with_one_or_two_degrees_of_freedom_are_those_of_r() -> None:
    # R 4.2.2, uniroot of pt(37, df, ncp) - .975; its own upper limits are beyond what pt allows
    for df, expected in ((1, 1.089875), (2, 5.80603), (5, 14.98119)):
        (low,), (high,) = noncentrality_limits(np.array([37.0]), df)
        assert low == pytest.approx(expected, abs=1e-5)
        assert noncentral_t_cdf(np.array([37.0]), df, high)[0] == pytest.approx(0.025, abs=1e-7)
