"""Escalation, extinction, reinstatement, breakpoint and withdrawal of each animal."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.behavior.course import (
    against_baseline,
    breakpoint_of,
    breakpoints,
    course,
    courses,
    ratio_costs,
    withdrawal_index,
)
from cuecircuit.errors import DesignError

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


def sessions(phase: str, values: dict[str, list[float]], treatments: tuple[str | None, ...] = (None,)) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "subject": subject,
                "group": "LgA",
                "phase": phase,
                "treatment": treatments[k % len(treatments)],
                "session": k // len(treatments) + 1,
                "active": value,
                "infusions": value,
            }
            for subject, own in values.items()
            for k, value in enumerate(own)
        ]
    )


def test_reinstatement_is_measured_from_the_last_extinction_session_of_the_same_animal():
    table = pd.concat(
        [
            sessions("extinction", {"a": [30, 20, 8], "b": [10, 4]}),
            sessions("relapse", {"b": [9, 24], "a": [18, 28]}, ("saline", "naloxone")),
        ]
    )

    found = against_baseline(
        table, phase="relapse", treatments=("saline", "naloxone"), sessions=1, baseline="extinction", dv="active"
    )

    assert found[["subject", "treatment"]].to_numpy().tolist() == [
        ["b", "saline"], ["a", "saline"], ["b", "naloxone"], ["a", "naloxone"],
    ]  # fmt: skip
    assert found["difference"].tolist() == [5, 10, 20, 20]
    with pytest.raises(DesignError, match="phase 'other': nobody has a session"):
        against_baseline(table, phase="other", treatments=(), sessions=1, baseline="extinction", dv="active")


def test_breakpoints_are_means_over_the_sessions_of_an_animal():
    table = sessions("pr", {"a": [3, 5], "b": [0]}).astype({"infusions": "Int64"}).assign(active=30)
    table.loc[1, "infusions"] = pd.NA

    found = breakpoints(table, phase="pr", sessions=2)

    assert found.to_dict("records") == [
        {"subject": "a", "group": "LgA", "sessions": 1, "infusions": 3, "breakpoint": 4},
        {"subject": "b", "group": "LgA", "sessions": 1, "infusions": 0, "breakpoint": 0},
    ]


def test_infusions_that_the_presses_do_not_cover_are_no_breakpoint():
    # infusions 1 to 5 cost 1 + 2 + 4 + 6 + 9 = 22 presses
    assert breakpoint_of(5.0, presses=22.0) == 9
    assert np.isnan(breakpoint_of(5.0, presses=21.0))
    assert np.isnan(breakpoint_of(126.0))
    table = sessions("pr", {"a": [126], "b": [5]})
    assert breakpoints(table, phase="pr", sessions=1)["breakpoint"].isna().all()


def test_any_sequence_of_ratios_and_the_last_ratio_of_the_program_are_taken():
    assert breakpoint_of(3.0, ratios=[2, 4, 8], presses=14.0) == 8
    assert np.isnan(breakpoint_of(4.0, ratios=[2, 4, 8]))
    table = sessions("pr", {"a": [3], "b": [2]}).assign(active=40, last_ratio=[np.nan, 17])
    assert breakpoints(table, phase="pr", sessions=1, ratios=[2, 4, 8])["breakpoint"].tolist() == [8, 17]


def test_a_session_that_is_missing_leaves_its_place_in_the_course():
    table = sessions("esc", {"a": [1, 2, 4]})
    table = table[table["session"] != 2]

    found = courses(table, phase="esc", sessions=3, dv="infusions")

    assert (found["sessions"].item(), found["slope"].item()) == (2, pytest.approx(1.5))


def test_withdrawal_is_naloxone_less_saline_and_has_no_ratio_at_zero():
    means = pd.DataFrame(
        {
            "subject": ["a", "a", "b", "b"],
            "group": "LgA",
            "treatment": ["saline", "naloxone"] * 2,
            "value": [4.0, 8.0, 0.0, 3.0],
        }
    )

    found = withdrawal_index(means, treatments=("saline", "naloxone"))

    assert found["index"].tolist() == [4, 3]
    assert found["log_ratio"][0] == pytest.approx(np.log(2))
    assert np.isnan(found["log_ratio"][1])
