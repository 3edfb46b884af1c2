import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cuecircuit.stats.multiple_testing import adjust_p

p_values = arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1))


def test_methods_give_the_values_of_p_adjust_in_r():
    # p.adjust(c(.01, .02, .03, .04, .05, .2), "holm" | "bonferroni" | "BH"), by the definitions in R's manual page
    p = np.array([0.04, 0.01, 0.03, 0.2, 0.02, 0.05])
    np.testing.assert_allclose(adjust_p(p, "holm"), [0.12, 0.06, 0.12, 0.2, 0.1, 0.12])
    np.testing.assert_allclose(adjust_p(p, "bonferroni"), [0.24, 0.06, 0.18, 1.0, 0.12, 0.3])
    np.testing.assert_allclose(adjust_p(p, "fdr"), [0.06, 0.06, 0.06, 0.2, 0.06, 0.06])


def test_sidaks_p_are_those_of_statsmodels():
    from statsmodels.stats.multitest import multipletests

    p = np.array([0.04, 0.01, 0.003, 0.2, 0.02, 0.9])
    np.testing.assert_allclose(adjust_p(p, "sidak"), multipletests(p, method="sidak")[1], rtol=1e-13)
    np.testing.assert_allclose(adjust_p(np.array([1e-20, 0.5, 1.0]), "sidak"), [3e-20, 0.875, 1.0], rtol=1e-13)


@given(p_values)
def test_each_method_is_no_smaller_than_a_less_strict_one(p):
    methods = ("none", "fdr", "holm", "sidak", "bonferroni")
    none, fdr, holm, sidak, bonferroni = (adjust_p(p, method) for method in methods)
    slack = 1 + 1e-12
    assert np.all(none <= fdr * slack)
    assert np.all(fdr <= holm * slack)
    assert np.all(holm <= bonferroni * slack)
    assert np.all(none <= sidak * slack)
    assert np.all(sidak <= bonferroni * slack)


@pytest.mark.parametrize("method", ["holm", "bonferroni", "sidak", "fdr"])
@given(p=p_values, seed=st.integers(0, 2**32 - 1))
def test_order_does_not_matter(method, p, seed):
    order = np.random.default_rng(seed).permutation(len(p))
    np.testing.assert_array_equal(adjust_p(p[order], method), adjust_p(p, method)[order])


@pytest.mark.parametrize("method", ["none", "holm", "bonferroni", "sidak", "fdr"])
def test_a_nan_is_no_test(method):
    p = np.array([0.01, 0.2, 0.03])
    with_gap = adjust_p(np.array([0.01, np.nan, 0.2, 0.03]), method)
    assert np.isnan(with_gap[1])
    np.testing.assert_array_equal(with_gap[[0, 2, 3]], adjust_p(p, method))
    assert np.isnan(adjust_p(np.array([np.nan]), method)).all()
