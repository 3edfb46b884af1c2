import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.errors import DesignError
from cuecircuit.stats.correlation import correlate, permute_correlation

seeds = st.integers(0, 2**32 - 1)


def data(seed, n=14, responses=3):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(n), rng.standard_normal((n, responses)), np.repeat([0, 1], [n - n // 2, n // 2])


@settings(max_examples=30)
@given(seeds)
def test_pooled_correlation_is_scipys_with_its_interval(seed):
    x, y, _ = data(seed)
    ours = correlate(x, y)
    for column in range(y.shape[1]):
        theirs = stats.pearsonr(x, y[:, column])
        interval = theirs.confidence_interval(0.95)
        found = [ours.r[column], ours.p[column], ours.ci_low[column], ours.ci_high[column]]
        np.testing.assert_allclose(found, [*theirs, interval.low, interval.high], rtol=1e-9)
    assert ours.df == 12


@settings(max_examples=30)
@given(seeds)
def test_rank_correlation_is_spearmans(seed):
    x, y, _ = data(seed)
    y = np.round(y, 1)
    theirs = [stats.spearmanr(x, column) for column in y.T]
    ours = correlate(x, y, ranks=True)
    # r may be 0, where rounding is all there is
    np.testing.assert_allclose(ours.r, [each.statistic for each in theirs], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.p, [each.pvalue for each in theirs], rtol=1e-9)


@settings(max_examples=30)
@given(seeds)
def test_partial_correlation_tests_the_slope_of_the_regression_with_the_covariate(seed):
    x, y, groups = data(seed)
    z = np.random.default_rng(seed + 1).standard_normal((len(x), 1))
    ours = correlate(x, y, groups=groups, covariates=z)
    design = np.column_stack([x, groups == 0, groups == 1, z])
    coefficients, rss, *_ = np.linalg.lstsq(design, y, rcond=None)
    df = len(x) - design.shape[1]
    t = coefficients[0] / np.sqrt(rss / df * np.linalg.inv(design.T @ design)[0, 0])
    assert ours.df == df
    np.testing.assert_allclose(ours.t, t, rtol=1e-8)


@settings(max_examples=20)
@given(seeds, st.floats(-100, 100), st.floats(0.01, 100))
def test_units_and_differences_between_groups_do_not_change_the_within_group_correlation(seed, shift, scale):
    x, y, groups = data(seed)
    one = correlate(x, y, groups=groups)
    other = correlate(x + shift * groups, scale * y - shift * groups[:, None], groups=groups)
    np.testing.assert_allclose(other.r, one.r, atol=1e-9)
    assert one.df == len(x) - 3


def test_two_groups_that_differ_on_both_axes_make_a_pooled_correlation_and_no_within_group_one():
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1], 400)
    x, y = rng.standard_normal(800) + 2 * groups, rng.standard_normal((800, 1)) + 2 * groups[:, None]
    assert correlate(x, y).r[0] > 0.4
    assert abs(correlate(x, y, groups=groups).r[0]) < 0.1


def test_the_smallest_r_that_is_significant_with_21_animals():
    # t of 19 df at .05, .01 and .001, turned into r: the printed .433, .549, .665
    for r, p in ((0.433, 0.05), (0.549, 0.01), (0.665, 0.001)):
        x = np.linspace(-1, 1, 21)
        other = np.cos(7 * x)
        left = other - np.polyval(np.polyfit(x, other, 1), x)
        y = r * x / np.linalg.norm(x) + np.sqrt(1 - r**2) * left / np.linalg.norm(left)
        found = correlate(x, y[:, None])
        np.testing.assert_allclose(found.r, r, rtol=1e-9)
        # r is rounded to three digits
        np.testing.assert_allclose(found.p, p, rtol=0.03)


def test_responses_that_cannot_correlate_are_nan_and_counted():
    x, y, groups = data(1, responses=4)
    y[2, 0], y[:, 1], y[:, 2] = np.nan, 3.3, groups
    found = correlate(x, y, groups=groups)
    assert found.n_not_tested == 3
    assert np.isnan(found.r).tolist() == [True, True, True, False]
    assert (
        np.isnan(permute_correlation(x, y, groups=groups, rng=np.random.default_rng(0), n_permutations=9).p).sum() == 3
    )


def test_a_perfect_correlation_has_p_zero_and_a_closed_interval():
    x = np.arange(8.0)
    found = correlate(x, np.column_stack([x, -x]))
    np.testing.assert_allclose(found.r, [1, -1])
    assert np.all(found.p < 1e-12)
    assert np.all((found.ci_low >= -1) & (found.ci_high <= 1))


def test_faults_of_x_are_named():
    y = np.random.default_rng(2).standard_normal((5, 1))
    with pytest.raises(DesignError, match=r"no number for subjects \[3\] \(from 1\)"):
        correlate(np.array([1.0, 2, np.nan, 4, 5]), y)
    with pytest.raises(DesignError, match="does not vary beside the groups"):
        correlate(np.array([1.0, 1, 1, 2, 2]), y, groups=np.array([0, 0, 0, 1, 1]))
    with pytest.raises(DesignError, match="found 3 subjects and 1 degrees of freedom"):
        correlate(np.arange(3.0), y[:3])


def test_permutation_p_is_that_of_all_arrangements_of_a_small_sample():
    x, y = np.array([1.0, 2, 4, 8, 16]), np.array([[3.0], [1], [4], [9], [7]])
    exact = stats.permutation_test(
        (x,), lambda a: abs(stats.pearsonr(a, y[:, 0])[0]), permutation_type="pairings", alternative="greater"
    ).pvalue
    found = permute_correlation(x, y, rng=np.random.default_rng(3), n_permutations=20_000).p[0]
    # four standard errors of 20 000 draws
    assert abs(found - exact) < 4 * np.sqrt(exact * (1 - exact) / 20_000)


def test_permutation_p_is_never_zero_and_the_family_p_never_smaller():
    x = np.arange(12.0)
    y = np.column_stack([x, np.random.default_rng(4).standard_normal((12, 5))])
    test = permute_correlation(x, y, rng=np.random.default_rng(5), n_permutations=99)
    assert test.p[0] == 1 / 100
    assert np.all(test.p_family >= test.p)


def test_permutation_inside_groups_holds_its_level_where_pooled_p_does_not():
    rng = np.random.default_rng(6)
    groups = np.repeat([0, 1], [11, 10])
    x = rng.standard_normal(21) + 1.5 * groups
    y = rng.standard_normal((21, 2000)) + 1.5 * groups[:, None]
    found = permute_correlation(x, y, groups=groups, rng=rng, n_permutations=499)
    # three standard errors of 2000 responses at .05
    assert abs((found.p <= 0.05).mean() - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 2000)
    assert (correlate(x, y).p <= 0.05).mean() > 0.2


def test_the_same_seed_gives_the_same_p_whatever_the_batch():
    x, y, groups = data(7)
    one = permute_correlation(x, y, groups=None, rng=np.random.default_rng(1), n_permutations=300, batch=300)
    two = permute_correlation(x, y, groups=None, rng=np.random.default_rng(1), n_permutations=300, batch=7)
    np.testing.assert_array_equal(one.p, two.p)
    assert groups.size == 14
