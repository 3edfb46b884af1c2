"""What names of trials, phases and sessions are taken for."""

import pytest

from cuecircuit.starting.words import is_no_cell, kind_of_phase, says_time


@pytest.mark.parametrize("name", ["rest", "rest_2", "ITI", "fixation cross", "button_press", "craving_rating", "n/a"])
def test_what_is_no_condition_is_recognized(name: str) -> None:
    assert is_no_cell(name)


@pytest.mark.parametrize("name", ["positive", "friend", "television", "restaurant", "crack", "cocaine", "operating"])
def test_a_condition_that_holds_such_letters_stays_one(name: str) -> None:
    assert not is_no_cell(name)


def test_phases_of_drinking_and_sessions_in_time_are_known() -> None:
    assert kind_of_phase("2BC") == kind_of_phase("two-bottle choice") == "self_administration"
    assert says_time("after methadone")
    assert not says_time("B")
