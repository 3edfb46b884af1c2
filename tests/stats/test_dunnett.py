import numpy as np
import pytest
from scipy import optimize, stats

from cuecircuit.errors import DesignError
from cuecircuit.stats.dunnett import dunnett_p


def equal_groups(k: int) -> np.ndarray:
    return np.full((k, k), 0.5) + 0.5 * np.eye(k)


@pytest.mark.parametrize(
    ("k", "df", "critical"),
    # two-sided 5 % points of Dunnett (1964), Biometrics 20, 482-491, table II, printed with two decimals
    [(2, 5, 3.03), (2, 20, 2.38), (3, 20, 2.54), (5, 20, 2.73), (9, 20, 2.95), (3, 60, 2.41)],
)
def test_critical_values_are_those_of_dunnetts_table(k, df, critical):
    found = optimize.brentq(lambda q: dunnett_p(q, equal_groups(k), df) - 0.05, 0.1, 50)
    assert abs(found - critical) <= 0.0051


@pytest.mark.parametrize(("k", "df"), [(2, 3), (4, 12), (9, 171), (13, 325), (3, 1)])
def test_the_tail_is_that_of_the_multivariate_t(k, df):
    bound = np.full(k, 2.3)
    box = stats.multivariate_t(df=df, shape=equal_groups(k), seed=1)
    # quasi-random integration, good to about 1e-5
    assert abs(dunnett_p(2.3, equal_groups(k), df) - (1 - box.cdf(bound, lower_limit=-bound))) < 1e-4


def test_one_comparison_is_the_two_sided_t():
    for q in (0.3, 2.0, 8.0):
        np.testing.assert_allclose(dunnett_p(q, np.eye(1), 7.5), 2 * stats.t.sf(q, 7.5), rtol=1e-10)


def test_unequal_groups_have_unequal_loadings():
    n, n_reference = np.array([4, 9, 14]), 6
    b = np.sqrt(n / (n + n_reference))
    correlation = np.outer(b, b)
    np.fill_diagonal(correlation, 1)
    box = stats.multivariate_t(df=29, shape=correlation, seed=2)
    bound = np.full(3, 2.0)
    assert abs(dunnett_p(2.0, correlation, 29) - (1 - box.cdf(bound, lower_limit=-bound))) < 1e-4


def test_comparisons_without_a_shared_reference_are_refused():
    chain = np.array([[1, -0.5, 0], [-0.5, 1, -0.5], [0, -0.5, 1.0]])
    with pytest.raises(DesignError, match="one shared reference"):
        dunnett_p(2.0, chain, 10)
