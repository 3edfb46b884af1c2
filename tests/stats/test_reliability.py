"""Reliability of sessions and correlation of changes: printed values, laws, error rate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuecircuit.errors import DesignError
from cuecircuit.stats.correlation import correlate
from cuecircuit.stats.reliability import change_correlation, intraclass_correlation

# Shrout and Fleiss 1979, table 2: six targets, four judges
SHROUT = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)


@pytest.mark.parametrize(
    ("kind", "icc", "low", "high"), [("agreement", 0.29, 0.019, 0.76), ("consistency", 0.71, 0.34, 0.95)]
)
def test_iccs_and_intervals_are_those_printed_for_the_data_of_shrout_and_fleiss(kind, icc, low, high):
    # ICC: Shrout and Fleiss 1979, table 4; intervals: example of ICC in the manual of R's psych; two digits printed
    found = intraclass_correlation(SHROUT[:, :, None], kind=kind)
    assert found.icc[0] == pytest.approx(icc, abs=0.005)
    assert found.ci_low[0] == pytest.approx(low, abs=0.005)
    assert found.ci_high[0] == pytest.approx(high, abs=0.005)
    assert found.f[0] == pytest.approx(11.02, abs=0.01)


def test_agreement_is_the_ratio_of_expected_variances_in_a_large_sample():
    rng = np.random.default_rng(0)
    people, shift = rng.standard_normal((200_000, 1)), np.array([0.0, 1.0])
    y = 1.5 * people + shift + rng.standard_normal((200_000, 2))
    # two fixed shifts of 0 and 1 have the variance 0.5; standard error about 0.002
    agreement = 2.25 / (2.25 + 0.5 + 1)
    assert intraclass_correlation(y[:, :, None], kind="agreement").icc[0] == pytest.approx(agreement, abs=0.01)
    assert intraclass_correlation(y[:, :, None]).icc[0] == pytest.approx(2.25 / 3.25, abs=0.01)


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-50, 50))
def test_the_unit_changes_nothing_and_a_shift_between_sessions_leaves_consistency(seed, scale, shift):
    y = np.random.default_rng(seed).standard_normal((8, 2, 1))
    moved = scale * y + shift * np.array([0.0, 1.0])[None, :, None]
    np.testing.assert_allclose(intraclass_correlation(moved).icc, intraclass_correlation(y).icc, rtol=1e-6, atol=1e-8)
    both = [intraclass_correlation(values, kind="agreement").icc for values in (y, scale * y - shift)]
    np.testing.assert_allclose(both[0], both[1], rtol=1e-6, atol=1e-8)


def test_p_is_uniform_and_the_interval_covers_zero_as_often_as_it_says_where_sessions_are_unrelated():
    y = np.random.default_rng(1).standard_normal((20, 2, 4000))
    found = intraclass_correlation(y)
    # 4 standard errors of 0.05 in 4000: 0.014
    assert abs((found.p < 0.05).mean() - 0.05) < 0.014
    assert abs(((found.ci_low > 0) | (found.ci_high < 0)).mean() - 0.05) < 0.014


def test_voxels_without_numbers_or_noise_are_nan_and_counted():
    y = np.random.default_rng(2).standard_normal((6, 2, 3))
    y[0, 0, 1] = np.nan
    y[:, :, 2] = 4.0
    found = intraclass_correlation(y)
    assert found.n_not_tested == 2
    np.testing.assert_array_equal(np.isfinite(found.icc), [True, False, False])
    with pytest.raises(DesignError, match="found 2 subjects"):
        intraclass_correlation(y[:2])


def test_changes_that_go_together_are_found_although_levels_do_not_correlate():
    rng = np.random.default_rng(3)
    level, change = rng.standard_normal((2, 40))
    x = np.stack([level, level + change], axis=1)
    y = np.stack([rng.standard_normal(40)] * 2, axis=1)
    y[:, 1] += change
    found = change_correlation(x, y[:, :, None])
    assert found.r[0] == pytest.approx(1.0)
    # partial correlation, as residuals of both on the first session
    noisy = y + 0.5 * rng.standard_normal((40, 2))
    design = np.column_stack([np.ones(40), x[:, 0]])
    left = [values - design @ np.linalg.lstsq(design, values)[0] for values in (np.diff(x)[:, 0], np.diff(noisy)[:, 0])]
    assert change_correlation(x, noisy[:, :, None], baseline=True).r[0] == pytest.approx(np.corrcoef(*left)[0, 1])
    assert change_correlation(x, noisy[:, :, None]).r[0] == correlate(np.diff(x)[:, 0], np.diff(noisy)).r[0]
