import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from cuecircuit.stats.distributions import log_p_t, log_sf_f, z_from_log_p, z_from_t

df = st.floats(0.5, 2000)


@given(st.floats(0, 1e12), df)
def test_two_numerator_df_have_a_closed_form_in_every_tail(f, df2):
    # P(F > f) = (1 + 2 f / df2)^(-df2/2) for df1 = 2
    expected = -df2 / 2 * np.log1p(2 * f / df2)
    np.testing.assert_allclose(log_sf_f(np.array([f]), 2.0, df2), expected, rtol=1e-11, atol=1e-15)


@given(st.floats(-1e100, 1e100))
def test_one_df_of_t_is_the_cauchy_distribution(t):
    with np.errstate(divide="ignore"):
        expected = np.log(2 * np.arctan2(1, abs(t)) / np.pi)
    np.testing.assert_allclose(log_p_t(np.array([t]), 1), expected, rtol=1e-11, atol=1e-15)


@given(st.floats(3, 9), df, st.floats(1, 40))
def test_far_tails_keep_the_recurrence_of_the_incomplete_beta_function(digits, df2, df1):
    # I_x(a, b) = I_x(a + 1, b) + x^a (1-x)^b / (a B(a, b)), DLMF 8.17.20; a + 1 is df2 + 2 at f rescaled to the same x
    f = 10.0 ** min(digits * 40 / df2 + digits, 100)
    a, b, x = df2 / 2, df1 / 2, df2 / (df2 + df1 * f)
    one_more = log_sf_f(np.array([(df2 + 2) * (1 - x) / (df1 * x)]), df1, df2 + 2)
    step = a * np.log(x) + b * np.log1p(-x) - np.log(a) - special.betaln(a, b)
    # betaln cancels to about 1e-11 of a log of some thousands
    np.testing.assert_allclose(log_sf_f(np.array([f]), df1, df2), np.logaddexp(one_more, step), rtol=1e-10)


def test_moderate_tails_are_scipys():
    f = np.geomspace(1e-3, 1e3, 40)
    np.testing.assert_allclose(np.exp(log_sf_f(f, 3, 21.5)), stats.f.sf(f, 3, 21.5), rtol=1e-12)


def test_a_p_below_the_smallest_double_keeps_its_logarithm_and_its_z():
    log_p = log_sf_f(np.array([1e6]), 1, 1000)
    assert np.isfinite(log_p[0])
    assert log_p[0] < -3000
    assert 70 < z_from_log_p(log_p)[0] < 100


@given(st.floats(-40, 40), st.floats(1, 500))
def test_z_of_t_is_odd_and_no_larger_than_t(t, df):
    z = z_from_t(np.array([t]), df)
    assert z == -z_from_t(np.array([-t]), df)
    assert abs(z) <= abs(t) * (1 + 1e-9) + 1e-12


@given(st.floats(-6, 6))
def test_z_inverts_the_normal_tail(z):
    np.testing.assert_allclose(z_from_log_p(np.log(special.ndtr([-z]))), [z], rtol=1e-6, atol=1e-9)


def test_p_near_one_keeps_its_distance_from_one():
    f = np.array([1e-30])
    np.testing.assert_allclose(log_sf_f(f, 2, 10), -f, rtol=1e-12)


def test_nan_stays_nan():
    assert np.isnan(log_sf_f(np.array([np.nan, 1.0]), 1, 5)).tolist() == [True, False]
