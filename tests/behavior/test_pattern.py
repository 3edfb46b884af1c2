"""Intervals, loading, bursts and rates: worked out by hand, and laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.behavior.pattern import burst_sizes, infusion_pattern

TIMES = st.lists(st.floats(0, 43_200), max_size=40).map(lambda values: np.sort(np.array(values, float)))


def test_a_session_worked_out_by_hand():
    pattern = infusion_pattern(np.array([30.0, 60, 90, 690, 1290, 1320, 1350, 1950]), duration_s=3690.0)

    # intervals 30 30 600 600 30 30 600: median 30 is reached by the first already
    assert pattern.median_interval_s == 30
    assert (pattern.loading_infusions, pattern.loading_s) == (1, 30)
    assert pattern.maintenance_per_h == pytest.approx(7 / (3660 / 3600))
    assert (pattern.bursts, pattern.burst_infusions, pattern.longest_burst) == (2, 6, 3)
    assert pattern.cv_interval == pytest.approx(np.std([30, 30, 600, 600, 30, 30, 600], ddof=1) / (1920 / 7))


def test_loading_ends_where_the_intervals_become_those_of_the_session():
    pattern = infusion_pattern(np.array([10.0, 40, 70, 370, 670, 970, 1270]), duration_s=None)

    # intervals 30 30 300 300 300 300: three infusions load
    assert (pattern.loading_infusions, pattern.loading_s) == (3, 70)
    assert pattern.maintenance_per_h is None


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_infusions_leave_measures_empty_and_not_zero(n: int):
    pattern = infusion_pattern(np.arange(n) * 600.0, duration_s=3600.0)

    assert pattern.cv_interval is None
    assert pattern.loading_infusions is None
    assert pattern.maintenance_per_h is None
    assert (pattern.median_interval_s is None) == (n < 2)
    assert (pattern.bursts, pattern.longest_burst) == (0, None)


@given(TIMES, st.floats(1, 600))
def test_bursts_are_disjoint_runs_and_longer_gaps_never_make_fewer_infusions_in_bursts(times: np.ndarray, gap: float):
    narrow, wide = (burst_sizes(times, gap_s=g, smallest=3) for g in (gap, 2 * gap))

    assert all(size >= 3 for size in narrow)
    assert sum(narrow) <= sum(wide) <= times.size
