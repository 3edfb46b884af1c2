"""Trends over sessions and the breakpoint of an animal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.behavior.course import breakpoint_of, course, ratio_costs

LEVELS = st.lists(st.floats(0.1, 100), min_size=2, max_size=14).map(np.array)


def test_the_ratios_are_those_of_richardson_and_roberts():
    # their printed series for r = 0.2
    printed = [1, 2, 4, 6, 9, 12, 15, 20, 25, 32, 40, 50, 62, 77, 95, 118, 145, 178, 219, 268, 328, 402, 492, 603]

    assert ratio_costs(24).tolist() == printed
    assert (breakpoint_of(5.0), breakpoint_of(0.0)) == (9, 0)
    assert np.isnan(breakpoint_of(float("nan")))


def test_a_course_worked_out_by_hand():
    found = course(np.array([2.0, 4, 6, np.nan, 10, 14]), edge=2)

    assert (found.sessions, found.total, found.mean, found.first, found.last) == (5, 36, 7.2, 3, 12)
    assert found.index == pytest.approx(9 / 15)
    assert found.remaining == 7
    # sessions 0 1 2 4 5: the gap counts
    assert found.slope == pytest.approx(np.polyfit([0, 1, 2, 4, 5], [2, 4, 6, 10, 14], 1)[0])


@given(LEVELS, st.floats(0.1, 10))
def test_the_index_has_no_unit_and_the_slope_has(values: np.ndarray, unit: float):
    first, second = course(values), course(values * unit)

    assert first.index is not None
    assert first.slope is not None
    assert -1 <= first.index <= 1
    assert second.index == pytest.approx(first.index, abs=1e-9)
    assert second.slope == pytest.approx(first.slope * unit, abs=1e-9)


def test_too_few_sessions_and_an_animal_at_zero_have_no_trend():
    assert course(np.array([5.0])).slope is None
    assert course(np.full(3, np.nan)).mean is None
    nobody = course(np.zeros(4))
    assert (nobody.mean, nobody.slope, nobody.index, nobody.remaining) == (0, 0, None, None)


def test_infusions_that_the_presses_do_not_cover_are_no_breakpoint():
    # infusions 1 to 5 cost 1 + 2 + 4 + 6 + 9 = 22 presses
    assert breakpoint_of(5.0, presses=22.0) == 9
    assert np.isnan(breakpoint_of(5.0, presses=21.0))
    assert np.isnan(breakpoint_of(126.0))


def test_any_sequence_of_ratios_is_taken():
    assert breakpoint_of(3.0, ratios=[2, 4, 8], presses=14.0) == 8
    assert np.isnan(breakpoint_of(4.0, ratios=[2, 4, 8]))
